//! Puts the operator through a workflow, with the oracles watching.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{NAMESPACE, S3, SCHEDULED, Step, Workflow, prepare};
use crate::sim::aws::{Applied, Snapshot};
use crate::sim::fault_injector::{Call, Plan};
use crate::sim::oracles::{self, Finding, Watchdog};
use crate::sim::run::{OWNER, Sim, simulate};

/// The operator is at rest when it has made no call for so long. Longer than any wait of a first or second failure.
const QUIET: Duration = Duration::from_secs(100);
/// It is not waited for longer than this.
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
/// Longer than a resync takes to come: a look at each object every ten minutes, or up to a tenth later.
pub const RESYNC_PERIOD: Duration = Duration::from_secs(11 * 60 + 30);

/// What came of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// AWS at the end, with names of objects in place of their UIDs.
    pub aws: Snapshot,
    /// The conditions of all objects at the end, without times.
    pub conditions: BTreeMap<String, Vec<[String; 4]>>,
    /// What the operator created and deleted in AWS, sorted.
    pub effects: Vec<Applied>,
    /// Every call of the operator.
    pub calls: Vec<Call>,
    /// How many of them were made before it had nothing to do but resync.
    pub worked: usize,
    /// What is wrong with the run alone.
    pub findings: Vec<Finding>,
}

impl Workflow {
    /// Goes through the workflow in a world of its own, and has one resync prove that the end is one.
    pub fn run(&self, seed: u64, plan: impl Plan + 'static) -> Run {
        simulate(seed, plan, async |sim| self.play(&sim, 1).await)
    }

    /// Goes through the workflow in this world, in which there is nothing yet, and through so many resyncs at rest.
    pub async fn play(&self, sim: &Sim, resyncs: u32) -> Run {
        prepare(sim);
        let watchdog = Watchdog::watch(sim, self.takes_over);
        let operator = sim.start();
        // Of objects that are there when it starts, kube's controllers take up one after the other in no order.
        sleep(Duration::from_secs(1)).await;
        for step in &self.steps {
            take(sim, step).await;
            if matches!(step, Step::Outside(_)) {
                watchdog.note_foreign();
                sleep(RESYNC_PERIOD).await;
            }
            rest(sim).await;
            watchdog.look();
        }
        until_orphan_check(sim).await;
        rest(sim).await;
        let worked = sim.injector.count();
        watchdog.at_rest(sleep(RESYNC_PERIOD * resyncs)).await;
        operator.kill();
        result(sim, worked, watchdog.findings())
    }
}

/// What came of a run, so many calls of which were made before the operator had nothing to do but resync.
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

/// Does what a step says.
///
/// # Panics
/// When the API server refuses it: that is a mistake in the workflow.
pub async fn take(sim: &Sim, step: &Step) {
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
    }
}

/// Waits until the operator makes no calls, and no object is on its way to something.
pub async fn rest(sim: &Sim) {
    let end = sim.injector.elapsed() + LIMIT;
    let (mut count, mut since) = (sim.injector.count(), sim.injector.elapsed());
    while sim.injector.elapsed() < end {
        sleep(Duration::from_secs(5)).await;
        let now = sim.injector.count();
        if now != count {
            (count, since) = (now, sim.injector.elapsed());
        } else if sim.injector.elapsed() - since >= QUIET && !on_the_way(sim) {
            return;
        }
    }
}

/// Waits until every bucket is looked at that a write without an answer may still reach.
pub async fn until_orphan_check(sim: &Sim) {
    let noted = |sim: &Sim| {
        let map = sim.cluster.get("ConfigMap", "default", &format!("lambda-triggers-{OWNER}"));
        map.is_some_and(|map| map["data"].as_object().is_some_and(|data| !data.is_empty()))
    };
    let end = sim.injector.elapsed() + LIMIT;
    while noted(sim) && sim.injector.elapsed() < end {
        sleep(Duration::from_secs(10)).await;
    }
}

/// Whether an object is being deleted, or was not yet reported on, or is on its way to be as its spec says.
fn on_the_way(sim: &Sim) -> bool {
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
