//! Watches a run: looks at each write to the cluster before any time passes, and at AWS whenever the operator is at rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::aws::{idle_statements, left_of, missing, without_own};
use super::{Finding, Oracle, finding};
use crate::kstatus::{StatusCache, is_ready};
use crate::sim::aws::{Snapshot, Writer};
use crate::sim::kube::{Change, Event, Resource};
use crate::sim::run::Sim;
use crate::sim::workflows::SECRET;

/// A reconcile takes no longer than this.
const RECONCILE: Duration = Duration::from_secs(120);

/// Watches a run until it is dropped.
pub struct Watchdog {
    sim: Sim,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

struct Seen {
    taken_over: &'static [&'static str],
    /// How much of the cluster's journal was looked at.
    changes: usize,
    /// What others have in each bucket.
    foreign: BTreeMap<String, String>,
    /// The objects that are gone, with nothing to be left of them.
    gone: BTreeMap<String, Value>,
    statuses: StatusCache,
    /// How often an object said that it is ready, and how often in doubt.
    ready: [usize; 2],
    findings: Vec<Finding>,
}

impl Watchdog {
    /// Watches from here on. Entries of others with these Ids may be taken over.
    pub fn watch(sim: &Sim, taken_over: &'static [&'static str]) -> Self {
        let foreign = BTreeMap::new();
        let seen = Seen {
            taken_over,
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
                lock(&shared).catch_up(&watched);
            }
        });
        let watchdog = Self { sim: sim.clone(), seen, task };
        watchdog.note_foreign();
        watchdog
    }

    /// Takes what others have in the buckets now as what is to stay.
    pub fn note_foreign(&self) {
        let aws = self.sim.aws.snapshot();
        let mut seen = lock(&self.seen);
        seen.foreign = seen.foreign(&aws);
    }

    /// Looks at AWS while the operator is at rest.
    pub fn look(&self) {
        let aws = self.sim.aws.snapshot();
        let mut seen = lock(&self.seen);
        seen.catch_up(&self.sim);
        let foreign = seen.foreign(&aws);
        for (bucket, text) in &foreign {
            if seen.foreign.get(bucket) != Some(text) {
                let text = format!("in {bucket}: {text}\n  was {:?}", seen.foreign.get(bucket));
                seen.findings.push(finding(Oracle::Foreign, text));
            }
        }
        let objects =
            ["S3TriggeredFunction", "ScheduledFunction"].map(|kind| self.sim.cluster.objects(kind)).concat();
        let gone: Vec<Value> = seen.gone.values().cloned().collect();
        let left =
            gone.iter().flat_map(|object| left_of(object, &aws)).chain(idle_statements(&aws, &objects));
        seen.tell(Oracle::Gone, "at rest", left.collect());
    }

    /// Lets time pass in which nothing is to be written.
    pub async fn at_rest(&self, time: impl Future<Output = ()>) {
        let writes =
            |sim: &Sim| sim.aws.journal().into_iter().filter(|write| write.by == Writer::Operator).count();
        let (aws, changes) = (writes(&self.sim), self.sim.cluster.journal().len());
        time.await;
        let journal = self.sim.aws.journal();
        let new = journal.iter().filter(|write| write.by == Writer::Operator).skip(aws);
        let aws: Vec<String> = new.map(|write| format!("{write:?}")).collect();
        let changes = self.sim.cluster.journal_from(changes);
        let kubernetes =
            changes.iter().map(|change| format!("{} {}: {}", change.operation, change.key, change.object));
        lock(&self.seen).tell(
            Oracle::Rest,
            "in resyncs at rest",
            aws.into_iter().chain(kubernetes).collect(),
        );
        self.look();
    }

    /// How often an object said that it is ready and was judged by [`Oracle::Ready`], and by [`Oracle::ReadyInDoubt`].
    pub fn ready(&self) -> [usize; 2] {
        lock(&self.seen).ready
    }

    /// What was found so far.
    pub fn findings(&self) -> Vec<Finding> {
        let told = self.sim.logs.seen().telling.into_iter();
        let told = told.map(|line| finding(Oracle::Secret, format!("in the log: {line}")));
        lock(&self.seen).findings.iter().cloned().chain(told).collect()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether AWS told something untrue within the time that a reconcile may take, or somebody else wrote to it, a late write of
/// the operator's among them: what a status says then may never have been so at one moment.
fn in_doubt(sim: &Sim) -> bool {
    let since = sim.injector.elapsed().saturating_sub(RECONCILE);
    // What was there before the operator is no news.
    let outside = sim.aws.outside_wrote().filter(|at| !at.is_zero());
    sim.injector.untrue().max(outside).is_some_and(|last| last >= since)
}

impl Seen {
    fn foreign(&self, aws: &Snapshot) -> BTreeMap<String, String> {
        let without_own = |xml| without_own(xml, self.taken_over);
        aws.buckets.iter().map(|(bucket, xml)| (bucket.clone(), without_own(xml))).collect()
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
                    self.tell(Oracle::Gone, &about, left_of(object, &sim.aws.snapshot()));
                    self.gone.insert(name, object.clone());
                }
            }
            Event::Modified if change.of_status() => {
                let wrong = self.statuses.see(object);
                self.tell(Oracle::Kstatus, &about, wrong);
                if object["status"].to_string().contains(SECRET) {
                    self.findings.push(finding(Oracle::Secret, format!("{about}: {}", object["status"])));
                }
                if is_ready(object) {
                    let oracle = if in_doubt(sim) { Oracle::ReadyInDoubt } else { Oracle::Ready };
                    self.tell(oracle, &about, missing(object, &sim.aws.snapshot()));
                    self.ready[usize::from(oracle == Oracle::ReadyInDoubt)] += 1;
                }
            }
            Event::Modified => {}
        }
    }

    fn tell(&mut self, oracle: Oracle, about: &str, texts: Vec<String>) {
        self.findings.extend(texts.into_iter().map(|text| finding(oracle, format!("{about}: {text}"))));
    }
}
