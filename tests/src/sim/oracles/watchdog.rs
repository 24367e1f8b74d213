//! Watches a run. The watchdog checks each write to the cluster before any time passes, and checks AWS while the
//! operator is idle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

use super::aws::{left_of, missing, unneeded_statements, without_own};
use super::runs::wrong_runs;
use super::schedules::foreign_schedules;
use super::{Finding, Oracle, finding};
use crate::kstatus::{StatusCache, is_ready};
use crate::sim::aws::{Snapshot, Writer};
use crate::sim::kube::{Change, Event, Resource};
use crate::sim::run::Sim;
use crate::sim::workflows::SECRET;

/// The maximum duration of a reconcile.
const RECONCILE: Duration = Duration::from_secs(120);

/// Watches a run until the drop.
pub struct Watchdog {
    sim: Sim,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

struct Seen {
    adopted: &'static [&'static str],
    /// The number of checked changes in the cluster's journal.
    changes: usize,
    /// The expected foreign entries of each bucket, and the expected foreign schedules and groups by ARN.
    foreign: BTreeMap<String, String>,
    /// Deleted objects, of which AWS must have nothing.
    gone: BTreeMap<String, Value>,
    statuses: StatusCache,
    /// The number of ready statuses, and the number of ready statuses in doubt.
    ready: [usize; 2],
    findings: Vec<Finding>,
}

impl Watchdog {
    /// Starts the watch. The operator may adopt the foreign entries with these Ids.
    pub fn watch(sim: &Sim, adopted: &'static [&'static str]) -> Self {
        let foreign = BTreeMap::new();
        let seen = Seen {
            adopted,
            changes: 0,
            foreign,
            gone: BTreeMap::new(),
            statuses: StatusCache::default(),
            ready: [0; 2],
            findings: vec![],
        };
        let seen = Arc::new(Mutex::new(seen));
        let (watched, shared) = (sim.clone(), seen.clone());
        let task = tokio::spawn(async move {
            let mut changed = watched.cluster.changed();
            while changed.changed().await.is_ok() {
                shared.lock().catch_up(&watched);
            }
        });
        let watchdog = Self { sim: sim.clone(), seen, task };
        watchdog.expect_foreign();
        watchdog
    }

    /// Sets the expected foreign entries, schedules and groups to the current ones.
    pub fn expect_foreign(&self) {
        let aws = self.sim.aws.snapshot();
        let mut seen = self.seen.lock();
        seen.foreign = seen.foreign(&aws);
    }

    /// Checks AWS while the operator is idle.
    pub fn check(&self) {
        let aws = self.sim.aws.snapshot();
        let mut seen = self.seen.lock();
        seen.catch_up(&self.sim);
        let foreign = seen.foreign(&aws);
        let names: BTreeSet<_> = foreign.keys().chain(seen.foreign.keys()).collect();
        let differ = |name: &&String| foreign.get(*name) != seen.foreign.get(*name);
        let texts: Vec<_> = names
            .into_iter()
            .filter(differ)
            .map(|name| format!("{name}: {:?}\n  was {:?}", foreign.get(name), seen.foreign.get(name)))
            .collect();
        seen.findings.extend(texts.into_iter().map(|text| finding(Oracle::Foreign, text)));
        let objects =
            ["S3TriggeredFunction", "ScheduledFunction"].map(|kind| self.sim.cluster.objects(kind)).concat();
        let gone: Vec<Value> = seen.gone.values().cloned().collect();
        let left =
            gone.iter().flat_map(|object| left_of(object, &aws)).chain(unneeded_statements(&aws, &objects));
        seen.report(Oracle::Gone, "at rest", left.collect());
    }

    /// Waits for a future, during which the operator must not write.
    pub async fn at_rest(&self, time: impl Future<Output = ()>) {
        let writes =
            |sim: &Sim| sim.aws.journal().into_iter().filter(|write| write.by == Writer::Operator).count();
        let (aws, changes) = (writes(&self.sim), self.sim.cluster.journal().len());
        let now = || self.sim.cluster.clock().now();
        let begin = now();
        time.await;
        let (objects, runs) = (self.sim.cluster.objects("ScheduledFunction"), self.sim.aws.runs());
        let wrong = objects.iter().flat_map(|object| wrong_runs(object, &runs, begin, now()));
        self.seen.lock().report(Oracle::Runs, "at rest", wrong.collect());
        let journal = self.sim.aws.journal();
        let new = journal.iter().filter(|write| write.by == Writer::Operator).skip(aws);
        let aws: Vec<String> = new.map(|write| format!("{write:?}")).collect();
        let changes = self.sim.cluster.journal_from(changes);
        let kubernetes =
            changes.iter().map(|change| format!("{} {}: {}", change.operation, change.key, change.object));
        self.seen.lock().report(
            Oracle::Rest,
            "in resyncs at rest",
            aws.into_iter().chain(kubernetes).collect(),
        );
        self.check();
    }

    /// The number of ready statuses that [`Oracle::Ready`] judged, and the number that [`Oracle::ReadyInDoubt`] judged.
    pub fn ready(&self) -> [usize; 2] {
        self.seen.lock().ready
    }

    /// The violations until now.
    pub fn findings(&self) -> Vec<Finding> {
        let secrets = self.sim.logs.seen().telling.into_iter();
        let secrets = secrets.map(|line| finding(Oracle::Secret, format!("in the log: {line}")));
        self.seen.lock().findings.iter().cloned().chain(secrets).collect()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// True if AWS gave an untrue answer, or got a foreign or a late write, within the duration of a reconcile. Then a
/// status can combine facts that were never true at the same time.
fn in_doubt(sim: &Sim) -> bool {
    let since = sim.injector.elapsed().saturating_sub(RECONCILE);
    // Writes at time zero are the preparation of the run.
    let outside = sim.aws.outside_wrote().filter(|at| !at.is_zero());
    sim.injector.untrue().max(outside).is_some_and(|last| last >= since)
}

impl Seen {
    fn foreign(&self, aws: &Snapshot) -> BTreeMap<String, String> {
        let without_own = |xml| without_own(xml, self.adopted);
        let entries = aws.buckets.iter().map(|(bucket, xml)| (bucket.clone(), without_own(xml)));
        entries.chain(foreign_schedules(aws)).collect()
    }

    fn catch_up(&mut self, sim: &Sim) {
        let changes = sim.cluster.journal_from(self.changes);
        self.changes += changes.len();
        for change in &changes {
            self.judge(change, sim);
        }
    }

    fn judge(&mut self, change: &Change, sim: &Sim) {
        let Change { at, key, object, event, .. } = change;
        let about = format!("{} {key} at {at:?}", key.resource);
        if key.resource == Resource::Events && object.to_string().contains(SECRET) {
            self.findings.push(finding(Oracle::Secret, format!("{about}: {object}")));
        }
        if !key.resource.custom() {
            return;
        }
        let name = format!("{} {key}", key.resource);
        match event {
            Event::Added => drop(self.gone.remove(&name)),
            Event::Deleted => {
                if object["spec"]["deletionPolicy"] != "Retain" {
                    self.report(Oracle::Gone, &about, left_of(object, &sim.aws.snapshot()));
                    self.gone.insert(name, object.clone());
                }
            }
            Event::Modified if change.of_status() => {
                let wrong = self.statuses.see(object);
                self.report(Oracle::Kstatus, &about, wrong);
                if object["status"].to_string().contains(SECRET) {
                    self.findings.push(finding(Oracle::Secret, format!("{about}: {}", object["status"])));
                }
                if is_ready(object) {
                    let oracle = if in_doubt(sim) { Oracle::ReadyInDoubt } else { Oracle::Ready };
                    self.report(oracle, &about, missing(object, &sim.aws.snapshot()));
                    self.ready[usize::from(oracle == Oracle::ReadyInDoubt)] += 1;
                }
            }
            Event::Modified => {}
        }
    }

    fn report(&mut self, oracle: Oracle, about: &str, texts: Vec<String>) {
        self.findings.extend(texts.into_iter().map(|text| finding(oracle, format!("{about}: {text}"))));
    }
}
