//! Crashes at every call. A first run lists the calls of a workflow. Then the operator crashes at each call: before the
//! effect, after the effect, and after the answer. AWS must end as without a crash.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::print_figures;
use crate::sim::fault_injector::{Call, CallFault, CrashPoint};
use crate::sim::oracles::judge;
use crate::sim::workflows::{self, Run, Workflow};

const SEED: u64 = 1;
const OF_A_WRITE: [CrashPoint; 3] = [CrashPoint::Before, CrashPoint::Applied, CrashPoint::Answered];
/// A read has no effect, so the three crash points of a read are equal.
const OF_A_READ: [CrashPoint; 1] = [CrashPoint::Answered];

/// Runs a workflow with a crash at this point of the call with this number.
fn crash(workflow: &Workflow, number: usize, moment: CrashPoint) -> Run {
    workflow.run(
        SEED,
        move |call: &Call| {
            if call.number == number { CallFault::Crash(moment) } else { CallFault::Pass }
        },
    )
}

#[derive(Clone)]
struct Plan<'a> {
    workflow: &'a Workflow,
    faultless: &'a Run,
    number: usize,
    moment: CrashPoint,
}

impl Plan<'_> {
    /// The violations of the run, with the code that reproduces the run.
    fn run(&self) -> Option<String> {
        let Self { workflow, faultless, number, moment } = self;
        let findings = judge(faultless, &crash(workflow, *number, *moment));
        if findings.is_empty() {
            return None;
        }
        let Workflow { name, .. } = workflow;
        let Call { operation, on, .. } = &faultless.calls[*number];
        let findings: Vec<String> = findings.iter().map(|finding| format!("  {finding}")).collect();
        Some(format!(
            "{name:?}, call {number} ({operation} {on}), crash {moment:?}, seed {SEED}: reproduce it with \
             `judge(&faultless, &crash(&workflows::named({name:?}), {number}, CrashPoint::{moment:?}))`\n{}",
            findings.join("\n")
        ))
    }
}

/// Runs all plans on all cores, prints each failure at once, and returns the number of failures.
fn run_all(plans: &[Plan<'_>]) -> usize {
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(failure) = plan.run() {
                failures.fetch_add(1, Ordering::Relaxed);
                eprintln!("{failure}");
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    failures.into_inner()
}

#[test]
fn a_crash_at_any_call_does_not_change_the_end() {
    let start = Instant::now();
    let faultless: Vec<(Workflow, Run)> = workflows::all()
        .into_iter()
        .map(|workflow| {
            let run = workflow.run(SEED, |_: &Call| CallFault::Pass);
            (workflow, run)
        })
        .collect();
    let mut plans = vec![];
    for (workflow, faultless) in &faultless {
        for call in &faultless.calls[..faultless.worked] {
            let moments = if call.write { &OF_A_WRITE[..] } else { &OF_A_READ };
            let number = call.number;
            plans.extend(moments.iter().map(|&moment| Plan { workflow, faultless, number, moment }));
        }
    }
    let failures = run_all(&plans);
    print_figures(&format!(
        "crash everywhere: {} workflows, {} calls, {} plans in {:.0?}",
        faultless.len(),
        faultless.iter().map(|(_, run)| run.worked).sum::<usize>(),
        plans.len(),
        start.elapsed()
    ));
    assert_eq!(failures, 0, "so many of {} plans fail", plans.len());
}
