//! The number of calls to EventBridge Scheduler at rest, after a restart, and after changes by other writers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::counts::{SCHEDULE, apply, are, calls, schedule, until_ready};
use crate::sim::aws::RATES;
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows;

const SCHEDULES: usize = 1_000;
/// The period of a resync.
const RESYNC_PERIOD: Duration = Duration::from_secs(600);

/// The calls in a resync period, without the daily full reads of a few objects.
async fn resync(sim: &Sim) -> BTreeMap<String, usize> {
    let (before, changes) = (sim.injector.count(), sim.cluster.journal().len());
    sleep(RESYNC_PERIOD).await;
    assert_eq!(sim.cluster.journal_from(changes), []);
    let mut calls = calls(sim, before);
    assert!(calls.remove("scheduler:GetSchedule").unwrap_or_default() <= SCHEDULES / 20, "{calls:?}");
    assert!(calls.remove("lambda:GetFunction").unwrap_or_default() <= 1, "{calls:?}");
    calls
}

/// A list of 1,000 schedules has 10 pages, but counts as one call of the port.
#[test]
fn a_resync_lists_all_schedules_and_reads_each_only_after_a_restart() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            sim.aws.create_function(&sim.aws.function("f0"));
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            for number in 0..SCHEDULES {
                let mut object = schedule(&format!("s{number}"), "f0");
                object["spec"]["backend"] = json!("Scheduler");
                apply(&sim, &object);
            }
            until_ready(&sim, SCHEDULE, SCHEDULES).await;
            let into = sim.injector.elapsed().as_secs() % RESYNC_PERIOD.as_secs();
            sleep(RESYNC_PERIOD * 7 / 2 - Duration::from_secs(into)).await;
            let at_rest = are([("scheduler:ListSchedules", 1)]);
            assert_eq!(resync(&sim).await, at_rest);

            operator.kill();
            let before = sim.injector.count();
            let operator = sim.start();
            sleep(RESYNC_PERIOD / 2).await;
            let restart = calls(&sim, before);
            assert_eq!(restart.get("scheduler:GetSchedule"), Some(&SCHEDULES), "{restart:?}");
            assert_eq!(resync(&sim).await, at_rest);

            // A list shows no input, but the time of the last change.
            let changed = sim.aws.snapshot().schedules.into_values();
            let changed = changed.filter(|schedule| schedule["Name"].as_str().is_some_and(is_changed));
            for mut members in changed.collect::<Vec<Value>>() {
                members["Target"]["Input"] = json!("{}");
                sim.aws.write_scheduler("scheduler:UpdateSchedule", &members).unwrap();
            }
            let before = sim.injector.count();
            sleep(RESYNC_PERIOD * 2).await;
            assert_eq!(calls(&sim, before).get("scheduler:UpdateSchedule"), Some(&10));
            assert_eq!(resync(&sim).await, at_rest);
            operator.kill();
            assert_eq!(sim.aws.throttled(), 0);
        },
    );
}

/// True for the schedules of the objects `s500` to `s509`.
fn is_changed(name: &str) -> bool {
    name.contains("-team-s50") && name.split('-').nth(3).is_some_and(|object| object.len() == 4)
}
