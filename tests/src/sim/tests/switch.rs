//! Moves of an object between the backends. Each due time has a run, and only one run.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_triggers_core::api::Backend;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::faults::{FAULTS, applies_to};
use super::{parallel, print_figures};
use crate::kstatus::is_ready;
use crate::sim::aws::Run;
use crate::sim::fault_injector::{Call, CallFault, CrashPoint, Plan};
use crate::sim::oracles::wrong_runs;
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE};

/// A schedule of five minutes, which a rule and a schedule can run.
const FIVE_MINUTES: &str = "*/5 * * * *";
/// The time between the first due time and the first move, and between both moves.
const STAY: Duration = Duration::from_secs(20 * 60);
/// AWS starts a run in the minute after the due time.
const LATE: SignedDuration = SignedDuration::from_secs(59);

/// Two moves: to Scheduler and back.
#[derive(Clone, Debug)]
struct Moves {
    /// The spec before the first move and after the second move, and the spec in between.
    specs: [Value; 2],
    /// The time of the first move. The second move is a multiple of five minutes later, so both are as far from a run.
    first: Duration,
    /// The delay of the runs of rules and of schedules.
    delays: [SignedDuration; 2],
}

/// The result of both moves.
struct Moved {
    object: Value,
    runs: Vec<Run>,
    calls: Vec<Call>,
    /// The numbers of the calls of each move.
    moves: Vec<std::ops::Range<usize>>,
    /// The start of the first judged minute, and the end.
    judged: [Timestamp; 2],
    left: Vec<String>,
}

impl Moves {
    fn of_five_minutes() -> Self {
        let spec = |backend| json!({"schedule": FIVE_MINUTES, "backend": backend});
        let first = Duration::from_secs(12 * 60);
        Self { specs: [spec("Rule"), spec("Scheduler")], first, delays: [SignedDuration::ZERO; 2] }
    }

    fn object(&self, number: usize) -> Value {
        let mut spec = self.specs[number].clone();
        spec["function"] = json!({"name": "report"});
        json!({
            "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": "ScheduledFunction",
            "metadata": {"name": "moving", "namespace": NAMESPACE}, "spec": spec,
        })
    }

    /// Moves the object, and watches the runs until the second move is done.
    fn play(&self, plan: impl Plan + 'static) -> Moved {
        simulate(1, plan, async |sim| {
            workflows::prepare(&sim);
            let [of_rules, of_schedules] = self.delays;
            sim.aws.delay_runs(of_rules, of_schedules);
            let operator = sim.start();
            sleep(Duration::from_secs(1)).await;
            apply(&sim, &self.object(0));
            workflows::until_idle(&sim).await;
            let begin = sim.cluster.clock().now();
            let mut moves = vec![];
            for (number, at) in [(1, self.first), (0, self.first + STAY)] {
                sleep(at.saturating_sub(sim.injector.elapsed())).await;
                let from = sim.injector.count();
                apply(&sim, &self.object(number));
                workflows::until_idle(&sim).await;
                moves.push(from..sim.injector.count());
            }
            sleep(STAY).await;
            operator.kill();
            let object = sim.cluster.get("ScheduledFunction", NAMESPACE, "moving").unwrap_or_default();
            let aws = sim.aws.snapshot();
            let left = aws.schedules.keys().filter(|arn| arn.contains("moving")).cloned().collect();
            let judged = [begin, sim.cluster.clock().now() - LATE];
            let (runs, calls) = (sim.aws.runs(), sim.injector.calls());
            Moved { object, runs, calls, moves, judged, left }
        })
    }
}

fn apply(sim: &Sim, object: &Value) {
    sim.cluster.apply(object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
}

impl Moved {
    /// The due times without a run, or with more than one. Both specs must have the same due times.
    fn wrong_runs(&self) -> Vec<String> {
        let [from, to] = self.judged;
        wrong_runs(&self.object, &self.runs, from, to)
    }

    fn lost_runs(&self) -> impl Iterator<Item = String> {
        self.wrong_runs().into_iter().filter(|wrong| wrong.contains("ran 0 times"))
    }

    /// The differences from the expected end: the object is ready, only the rule is left, and both backends have run.
    fn wrong_end(&self) -> Vec<String> {
        let unready = (!is_ready(&self.object)).then(|| self.object["status"].to_string());
        let has_run = |backend| self.runs.iter().any(|run| run.backend == backend);
        let idle = [Backend::Rule, Backend::Scheduler].into_iter().filter(|backend| !has_run(*backend));
        let idle = idle.map(|backend| format!("{backend:?} has run nothing"));
        unready.into_iter().chain(self.left.clone()).chain(idle).collect()
    }

    fn findings(&self) -> Vec<String> {
        [self.wrong_end(), self.wrong_runs()].concat()
    }

    /// The calls of both moves.
    fn calls_of_moves(&self) -> Vec<&Call> {
        let is_in_move = |call: &&Call| self.moves.iter().any(|calls| calls.contains(&call.number));
        self.calls.iter().filter(is_in_move).collect()
    }
}

fn no_fault(_: &Call) -> CallFault {
    CallFault::Pass
}

/// Runs all plans on all cores, and fails with all findings.
fn check<P: std::fmt::Debug + Sync>(plans: &[P], findings: impl Fn(&P) -> Vec<String> + Sync) {
    let results = parallel::each(plans.len(), |at| findings(&plans[at]));
    let text = |(plan, result): (&P, Result<Vec<String>, String>)| {
        let findings = result.unwrap_or_else(|panic| vec![panic]);
        (!findings.is_empty()).then(|| format!("{plan:?}:\n  {}", findings.join("\n  ")))
    };
    let failures: Vec<_> = plans.iter().zip(results).filter_map(text).collect();
    print_figures(&format!("moves between backends: {} plans", plans.len()));
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), plans.len(), failures.join("\n"));
}

#[test]
fn a_move_at_any_second_runs_each_due_time_once() {
    // Around the due time at 00:15, and with late runs of either backend.
    let plans: Vec<Moves> = (12 * 60..17 * 60)
        .step_by(5)
        .flat_map(|second| {
            [[0, 0], [59, 0], [0, 59]].map(|delays| Moves {
                first: Duration::from_secs(second),
                delays: delays.map(SignedDuration::from_secs),
                ..Moves::of_five_minutes()
            })
        })
        .collect();
    check(&plans, |moves| moves.play(no_fault).findings());
}

#[test]
fn a_move_with_a_time_zone_runs_each_due_time_once() {
    let specs = [
        json!({"schedule": "*/15 * * * *"}),
        // An offset of whole hours, so the due times are the same.
        json!({"schedule": "*/15 * * * *", "timeZone": "Europe/Berlin"}),
    ];
    let plans: Vec<Moves> = (0..30)
        .map(|minute| Moves {
            specs: specs.clone(),
            first: Duration::from_secs(10 * 60 + 30 * minute),
            ..Moves::of_five_minutes()
        })
        .collect();
    check(&plans, |moves| moves.play(no_fault).findings());
}

#[test]
fn a_move_without_a_quiet_minute_loses_no_run() {
    let dense = ["* * * * *", "*/3 * * * *"];
    let spec = |schedule, backend| json!({"schedule": schedule, "backend": backend});
    let specs = dense.map(|schedule| [spec(schedule, "Rule"), spec(schedule, "Scheduler")]);
    let plan = |second: u64| {
        specs.clone().map(|specs| Moves {
            specs,
            first: Duration::from_secs(12 * 60 + second),
            ..Moves::of_five_minutes()
        })
    };
    let plans: Vec<_> = (0..60).step_by(5).flat_map(plan).collect();
    check(&plans, |moves| {
        let moved = moves.play(no_fault);
        moved.wrong_end().into_iter().chain(moved.lost_runs()).collect()
    });
}

#[test]
fn a_crash_at_any_call_of_a_move_changes_no_run() {
    let points = [CrashPoint::Before, CrashPoint::Applied, CrashPoint::Answered];
    // The second move waits for a run.
    let plans = [12, 14].map(|minute| {
        let moves = Moves { first: Duration::from_secs(60 * minute), ..Moves::of_five_minutes() };
        let faultless = moves.play(no_fault);
        let of = |call: &&Call| points.map(|point| (moves.clone(), call.number, point));
        faultless.calls_of_moves().iter().flat_map(of).collect::<Vec<_>>()
    });
    check(&plans.concat(), |(moves, number, point)| {
        let (number, point) = (*number, *point);
        let crash = move |call: &Call| match call.number == number {
            true => CallFault::Crash(point),
            false => CallFault::Pass,
        };
        moves.play(crash).findings()
    });
}

#[test]
fn a_single_fault_in_a_move_loses_no_run() {
    let moves = Moves::of_five_minutes();
    let faultless = moves.play(no_fault);
    let of = |call: &&Call| {
        let (number, operation) = (call.number, call.operation.clone());
        let write = call.write;
        let faults = FAULTS.into_iter().filter(move |fault| applies_to(*fault, &operation, write));
        faults.map(move |fault| (number, fault)).collect::<Vec<_>>()
    };
    let plans: Vec<_> = faultless.calls_of_moves().iter().flat_map(of).collect();
    check(&plans, |&(number, fault)| {
        let moved =
            moves.play(move |call: &Call| if call.number == number { fault } else { CallFault::Pass });
        // A refused removal lasts until the next attempt, and both backends run until then.
        moved.wrong_end().into_iter().chain(moved.lost_runs()).collect()
    });
}
