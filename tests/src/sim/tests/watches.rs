//! P3: whatever befalls the watches while a step is taken, the end is the same.

use std::time::Duration;

use tokio::time::sleep;

use super::{parallel, tell};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::kube::WatchFault;
use crate::sim::oracles::{Oracle, Watchdog, judge};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, Run, Step, Workflow};

const FAULTS: [WatchFault; 6] = [
    WatchFault::Drop,
    WatchFault::Gone,
    WatchFault::Duplicate,
    WatchFault::Miss,
    WatchFault::Stale(Duration::from_secs(1)),
    WatchFault::Stale(Duration::from_secs(60)),
];
/// How long a fault lasts from the beginning of a step on.
const FAULTY: Duration = Duration::from_secs(70);
/// Longer than a resync takes to come.
const RESYNC_PERIOD: Duration = Duration::from_secs(12 * 60);

/// Goes through a workflow, with the fault at each step.
async fn play(sim: &Sim, workflow: &Workflow, fault: WatchFault) -> Run {
    workflows::prepare(sim);
    let watchdog = Watchdog::watch(sim, workflow.takes_over);
    let operator = sim.start();
    for step in &workflow.steps {
        sim.cluster.fault_watches(fault);
        let cluster = sim.cluster.clone();
        tokio::spawn(async move {
            sleep(FAULTY).await;
            cluster.fault_watches(WatchFault::None);
        });
        workflows::take(sim, step).await;
        sleep(FAULTY).await;
        if matches!(step, Step::Outside(_)) {
            watchdog.note_foreign();
            sleep(RESYNC_PERIOD).await;
        }
        workflows::rest(sim).await;
        watchdog.look();
    }
    sleep(RESYNC_PERIOD).await;
    workflows::until_orphan_check(sim).await;
    workflows::rest(sim).await;
    watchdog.look();
    operator.kill();
    workflows::result(sim, 0, watchdog.findings())
}

#[test]
fn the_end_is_the_same_whatever_befalls_watches() {
    let workflows = workflows::all();
    let run = |number: usize, fault| {
        simulate(1, |_: &Call| CallFault::Pass, async |sim| play(&sim, &workflows[number], fault).await)
    };
    let findings = parallel::each(workflows.len() * FAULTS.len(), |at| {
        let (number, fault) = (at / FAULTS.len(), FAULTS[at % FAULTS.len()]);
        let findings = judge(&run(number, WatchFault::None), &run(number, fault)).into_iter();
        // What is not seen for a while may be made in another order, and once less or more.
        let findings: Vec<String> = findings
            .filter(|finding| finding.oracle != Oracle::Effects)
            .map(|finding| finding.to_string())
            .collect();
        (!findings.is_empty())
            .then(|| format!("{}, {fault:?}:\n  {}", workflows[number].name, findings.join("\n  ")))
    });
    tell(&format!("watches: {} plans", findings.len()));
    let failures: Vec<String> = findings.into_iter().filter_map(|found| found.unwrap_or_else(Some)).collect();
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}
