//! Runs the operator through a workflow, under the oracles.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{NAMESPACE, S3, SCHEDULED, Step, Workflow, prepare};
use crate::sim::aws::{Applied, Snapshot};
use crate::sim::fault_injector::{Call, Plan};
use crate::sim::oracles::{self, Finding, Watchdog};
use crate::sim::run::{OWNER, Sim, simulate};

/// The operator is idle after this time without a call. The time is longer than the backoff after a first or second
/// failure.
const QUIET: Duration = Duration::from_secs(100);
/// The maximum wait for an idle operator.
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
/// Longer than the time to the next resync, which is ten minutes plus jitter of up to a tenth.
pub const RESYNC_PERIOD: Duration = Duration::from_secs(11 * 60 + 30);

/// The result of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// AWS at the end, with names of objects in place of UIDs.
    pub aws: Snapshot,
    /// The conditions of all objects at the end, without times.
    pub conditions: BTreeMap<String, Vec<[String; 4]>>,
    /// The creations and deletions of the operator in AWS, sorted.
    pub effects: Vec<Applied>,
    /// Every call of the operator.
    pub calls: Vec<Call>,
    /// The number of calls before the operator was idle. All later calls belong to resyncs.
    pub worked: usize,
    /// The violations of the run alone.
    pub findings: Vec<Finding>,
}

impl Workflow {
    /// Runs the workflow in a new simulator, and then a resync. The resync proves that the operator is in sync.
    pub fn run(&self, seed: u64, plan: impl Plan + 'static) -> Run {
        simulate(seed, plan, async |sim| self.play(&sim, 1).await)
    }

    /// Runs the workflow in an empty environment, and then this number of resyncs without a change.
    pub async fn play(&self, sim: &Sim, resyncs: u32) -> Run {
        prepare(sim);
        let watchdog = Watchdog::watch(sim, self.adopts);
        let operator = sim.start();
        // The first second lets the operator start.
        sleep(Duration::from_secs(1)).await;
        for step in &self.steps {
            perform(sim, step).await;
            if matches!(step, Step::Outside(_)) {
                watchdog.expect_foreign();
                sleep(RESYNC_PERIOD).await;
            }
            until_idle(sim).await;
            watchdog.check();
        }
        until_orphan_check(sim).await;
        until_idle(sim).await;
        let worked = sim.injector.count();
        watchdog.at_rest(sleep(RESYNC_PERIOD * resyncs)).await;
        operator.kill();
        result(sim, worked, watchdog.findings())
    }
}

/// The result of a run. `worked` is the number of calls before the operator was idle.
pub fn result(sim: &Sim, worked: usize, findings: Vec<Finding>) -> Run {
    Run {
        aws: oracles::with_names(sim.aws.snapshot(), &sim.cluster.journal()),
        conditions: conditions(sim),
        effects: oracles::effects(&sim.aws.journal()),
        calls: sim.injector.calls(),
        worked,
        findings,
    }
}

/// Performs a step.
///
/// # Panics
/// If the API server refuses the step, since the workflow is wrong then.
pub async fn perform(sim: &Sim, step: &Step) {
    let Sim { aws, cluster, .. } = sim;
    let apply = |object: &Value| {
        cluster.apply(object).unwrap_or_else(|refused| panic!("{object} is refused: {refused:?}"));
    };
    let delete = |kind: &str, name: &str| {
        cluster.delete(kind, NAMESPACE, name).unwrap_or_else(|refused| panic!("{kind} {name}: {refused:?}"));
    };
    let key = |object: &Value| {
        [&object["kind"], &object["metadata"]["name"]]
            .map(|text| text.as_str().unwrap_or_default().to_owned())
    };
    match step {
        Step::Apply(objects) => {
            for object in objects {
                apply(object);
                sleep(Duration::from_millis(5)).await;
            }
        }
        Step::Delete(kind, name) => delete(kind, name),
        Step::Recreate(object) => {
            let [kind, name] = key(object);
            delete(&kind, &name);
            sim.until("the object to be gone", |sim| sim.cluster.get(&kind, NAMESPACE, &name).is_none())
                .await;
            apply(object);
        }
        Step::Brief(object) => {
            let [kind, name] = key(object);
            apply(object);
            sleep(Duration::from_millis(10)).await;
            delete(&kind, &name);
        }
        Step::DeleteNamespace => {
            let deleted = cluster.delete_namespace(NAMESPACE);
            deleted.unwrap_or_else(|refused| panic!("the namespace: {refused:?}"));
        }
        Step::Outside(act) => act(aws),
        Step::Wait(until) => sleep(until.saturating_sub(sim.injector.elapsed())).await,
    }
}

/// Waits until the operator makes no calls and no object is in transition.
pub async fn until_idle(sim: &Sim) {
    let end = sim.injector.elapsed() + LIMIT;
    let (mut count, mut since) = (sim.injector.count(), sim.injector.elapsed());
    while sim.injector.elapsed() < end {
        sleep(Duration::from_secs(5)).await;
        let now = sim.injector.count();
        if now != count {
            (count, since) = (now, sim.injector.elapsed());
        } else if sim.injector.elapsed() - since >= QUIET && !in_transition(sim) {
            return;
        }
    }
}

/// Waits until the operator has checked every bucket with an unanswered write for orphans.
pub async fn until_orphan_check(sim: &Sim) {
    let is_pending = |sim: &Sim| {
        let map = sim.cluster.get("ConfigMap", "default", &format!("lambda-triggers-{OWNER}"));
        map.is_some_and(|map| map["data"].as_object().is_some_and(|data| !data.is_empty()))
    };
    let end = sim.injector.elapsed() + LIMIT;
    while is_pending(sim) && sim.injector.elapsed() < end {
        sleep(Duration::from_secs(10)).await;
    }
}

/// True if an object is being deleted, has no current status, or is still reconciling.
fn in_transition(sim: &Sim) -> bool {
    let conditions = |object: &Value| object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    [S3, SCHEDULED].into_iter().flat_map(|kind| sim.cluster.objects(kind)).any(|object| {
        let reconciling = |condition: &Value| condition["type"] == "Reconciling";
        !object["metadata"]["deletionTimestamp"].is_null()
            || object["status"]["observedGeneration"] != object["metadata"]["generation"]
            || conditions(&object).iter().any(reconciling)
    })
}

fn conditions(sim: &Sim) -> BTreeMap<String, Vec<[String; 4]>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |object: Value| {
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let words = |c: &Value| ["type", "status", "reason", "message"].map(|field| text(&c[field]));
        let name = format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]));
        (name, conditions.iter().map(words).collect())
    };
    [S3, SCHEDULED].into_iter().flat_map(|kind| sim.cluster.objects(kind)).map(of).collect()
}
