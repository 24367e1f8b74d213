//! Faults of watches during each step of a workflow. The end must be the same as without faults.

use std::time::Duration;

use tokio::time::sleep;

use super::{parallel, print_figures};
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
/// The duration of a fault, from the start of a step.
const FAULTY: Duration = Duration::from_secs(70);
/// Longer than the time to the next resync.
const RESYNC_PERIOD: Duration = Duration::from_secs(12 * 60);

/// Runs a workflow, with the fault in each step.
async fn play(sim: &Sim, workflow: &Workflow, fault: WatchFault) -> Run {
    workflows::prepare(sim);
    let watchdog = Watchdog::watch(sim, workflow.adopts);
    let operator = sim.start();
    for step in &workflow.steps {
        sim.cluster.fault_watches(fault);
        let cluster = sim.cluster.clone();
        tokio::spawn(async move {
            sleep(FAULTY).await;
            cluster.fault_watches(WatchFault::None);
        });
        workflows::perform(sim, step).await;
        sleep(FAULTY).await;
        if matches!(step, Step::Outside(_)) {
            watchdog.expect_foreign();
            sleep(RESYNC_PERIOD).await;
        }
        workflows::until_idle(sim).await;
        watchdog.check();
    }
    sleep(RESYNC_PERIOD).await;
    workflows::until_orphan_check(sim).await;
    workflows::until_idle(sim).await;
    watchdog.check();
    operator.kill();
    workflows::result(sim, 0, watchdog.findings())
}

#[test]
fn watch_faults_do_not_change_the_end() {
    let workflows = workflows::all();
    let run = |number: usize, fault| {
        simulate(1, |_: &Call| CallFault::Pass, async |sim| play(&sim, &workflows[number], fault).await)
    };
    let findings = parallel::each(workflows.len() * FAULTS.len(), |at| {
        let (number, fault) = (at / FAULTS.len(), FAULTS[at % FAULTS.len()]);
        let findings = judge(&run(number, WatchFault::None), &run(number, fault)).into_iter();
        // A delayed event can change the order and the number of the operator's writes.
        let findings: Vec<String> = findings
            .filter(|finding| finding.oracle != Oracle::Effects)
            .map(|finding| finding.to_string())
            .collect();
        (!findings.is_empty())
            .then(|| format!("{}, {fault:?}:\n  {}", workflows[number].name, findings.join("\n  ")))
    });
    print_figures(&format!("watches: {} plans", findings.len()));
    let failures: Vec<String> = findings.into_iter().filter_map(|found| found.unwrap_or_else(Some)).collect();
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}
