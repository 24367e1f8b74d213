//! The hand-over of a rule of another tool by the steps of an import. Each due time has one run.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_triggers_core::api::{DeletionPolicy, Tags};
use lambda_triggers_core::import::{
    FoundRule, HandOver, ImportSettings, Imported, Names, Outcome, QuietTime, Runs, Selection, import_rule,
};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};
use serde_json::json;
use tokio::time::sleep;

use super::{parallel, print_figures};
use crate::kstatus::is_ready;
use crate::scheduler::due::Timing;
use crate::sim::aws::{ACCOUNT, REGION, Run};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows::{self, NAMESPACE};

const KIND: &str = "ScheduledFunction";
const OLD: &str = "nightly";

/// A change-over at one moment.
#[derive(Clone, Copy, Debug)]
struct ChangeOver {
    expression: &'static str,
    /// Seconds from the start to the import.
    import_after: u64,
    /// The quiet time of the report, from 0.
    quiet: usize,
    /// Percent of the quiet time that have passed.
    percent: i32,
    /// The delay of each run. AWS starts a run in the minute after the due time.
    delay: SignedDuration,
}

fn no_fault(_: &Call) -> CallFault {
    CallFault::Pass
}

impl ChangeOver {
    /// Hands the rule over. Returns the due times that did not run exactly once; `None` if the report has no such time.
    fn wrong_runs(self) -> Option<Vec<String>> {
        simulate(1, no_fault, async |sim| {
            workflows::prepare(&sim);
            sim.aws.delay_runs(self.delay, SignedDuration::ZERO);
            let old = create_old(&sim, self.expression).await;
            let _operator = sim.start();
            sleep(Duration::from_secs(self.import_after)).await;
            let begin = sim.cluster.clock().now();
            let Imported { mut manifest, hand_over, .. } = import(&old, begin);
            let HandOver::Rule { runs: Some(Runs::At { quiet, .. }), .. } = hand_over else {
                panic!("{hand_over:?}")
            };
            let QuietTime { from, until } = *quiet.get(self.quiet)?;
            let moment = from.unwrap_or(begin);
            let moment = moment + (until.duration_since(moment) * self.percent) / 100;

            apply(&sim, &manifest.object).await;
            sleep(moment.duration_since(sim.cluster.clock().now()).unsigned_abs()).await;
            if let Some(spec) = manifest.object["spec"].as_object_mut() {
                spec.remove("suspend");
            }
            apply(&sim, &manifest.object).await;
            disable(&sim, &old).await;

            let after = Duration::from_secs(3 * 60 * 60);
            sleep(after).await;
            let end = sim.cluster.clock().now() - SignedDuration::from_mins(1);
            Some(judge(self.expression, &sim.aws.runs(), begin, end))
        })
    }
}

/// Creates the rule of another tool, with its target and its permission.
async fn create_old(sim: &Sim, expression: &str) -> ObservedRule {
    let settings = RuleSettings { expression: expression.into(), description: String::new(), enabled: true };
    let function = sim.aws.function("report");
    let target = Target {
        id: "1".into(),
        arn: function.to_string(),
        input: None,
        retry_policy: None,
        dead_letter_queue_arn: None,
    };
    let statement = json!({
        "Sid": "by-hand", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": function.to_string(),
        "Condition": {"ArnLike": {"AWS:SourceArn": format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{OLD}")}},
    });
    sim.aws.put_statement(&function, &statement).unwrap_or_else(|error| panic!("{error:?}"));
    let events = sim.aws.outside().eventbridge(REGION);
    events.put_rule(OLD, &settings, &Tags::new()).await.unwrap_or_else(|error| panic!("{error:?}"));
    events.put_target(OLD, &target).await.unwrap_or_else(|error| panic!("{error:?}"));
    let targets = vec![("1".to_owned(), Some(target))];
    ObservedRule { settings, has_more: false, managed_by: None, tags: Tags::new(), targets }
}

async fn disable(sim: &Sim, old: &ObservedRule) {
    let settings = RuleSettings { enabled: false, ..old.settings.clone() };
    let events = sim.aws.outside().eventbridge(REGION);
    events.put_rule(OLD, &settings, &Tags::new()).await.unwrap_or_else(|error| panic!("{error:?}"));
}

fn import(rule: &ObservedRule, now: Timestamp) -> Imported {
    let settings = ImportSettings {
        namespace: NAMESPACE.into(),
        account: ACCOUNT.into(),
        region: REGION.into(),
        deletion_policy: DeletionPolicy::Retain,
        selection: Selection::default(),
    };
    let (name, region) = (OLD.to_owned(), REGION.to_owned());
    let found = FoundRule { name, region, rule: rule.clone(), functions: BTreeMap::new(), made_by: None };
    let mut findings = import_rule(&settings, &mut Names::default(), &found, now);
    match findings.pop().map(|finding| finding.outcome) {
        Some(Outcome::Imported(imported)) => *imported,
        other => panic!("{other:?}"),
    }
}

/// Applies the manifest, and waits until the object is ready.
async fn apply(sim: &Sim, object: &serde_json::Value) {
    sim.cluster.apply(object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
    let is_ready = |sim: &Sim| sim.cluster.get(KIND, NAMESPACE, OLD).is_some_and(|object| is_ready(&object));
    sim.until("the object to be ready", is_ready).await;
}

/// The due times at which the old and the new rule together did not run once.
fn judge(expression: &str, runs: &[Run], from: Timestamp, to: Timestamp) -> Vec<String> {
    let new = ObjectKey::new(NAMESPACE, OLD).rule_name(&owner(), KIND);
    let of = |due: Timestamp| runs.iter().filter(|run| run.due == due).collect::<Vec<_>>();
    let timing = Timing::new(expression, "UTC", from).unwrap_or_else(|| panic!("{expression}"));
    let due: Vec<Timestamp> = timing.times_after(from).take_while(|due| *due <= to).collect();
    let wrong = due.iter().filter(|due| of(**due).len() != 1);
    let wrong = wrong.map(|due| format!("{due} ran {} times: {:?}", of(*due).len(), of(*due)));
    let idle = [OLD, &new].into_iter().filter(|name| !runs.iter().any(|run| run.name == **name));
    let idle = idle.map(|name| format!("{name} has run nothing"));
    wrong.chain(idle.map(|line| line.to_owned())).collect()
}

#[test]
fn a_change_over_at_a_time_without_a_run_runs_each_due_time_once() {
    let mut all = vec![];
    for expression in ["cron(0/3 * * * ? *)", "cron(0/5 * * * ? *)", "cron(7,52 * * * ? *)"] {
        for import_after in (3600..4200).step_by(131) {
            for (quiet, percent) in [(0, 0), (0, 99), (1, 50)] {
                for delay in [0, 59].map(SignedDuration::from_secs) {
                    all.push(ChangeOver { expression, import_after, quiet, percent, delay });
                }
            }
        }
    }
    let results = parallel::each(all.len(), |at| all[at].wrong_runs());
    let mut played = 0;
    let mut failures = vec![];
    for (change_over, result) in all.iter().zip(results) {
        match result {
            Ok(None) => {}
            Ok(Some(wrong)) => {
                played += 1;
                failures.extend(wrong.into_iter().map(|wrong| format!("{change_over:?}: {wrong}")));
            }
            Err(panic) => failures.push(format!("{change_over:?}: {panic}")),
        }
    }
    print_figures(&format!("hand-over of a rule: {played} change-overs"));
    assert!(played > all.len() / 2, "{played} of {}", all.len());
    assert!(failures.is_empty(), "{} findings:\n{}", failures.len(), failures.join("\n"));
}
