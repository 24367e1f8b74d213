//! Random faults: faults of calls, crashes of the operator, and other writers of the buckets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::plan::bucket::{Child, Document};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::sim::fault_injector::{Call, CallFault, CrashPoint, Plan, Refusal};
use crate::sim::run::Sim;

/// A plan with random faults until a time.
pub struct Chaos {
    random: StdRng,
    /// The share of calls that meet a fault, from 0 to 1.
    rate: f64,
    until: Duration,
    /// The reads whose last answer was stale. Their next answer is current, since a longer series of stale reads would
    /// outlast the retries of a deletion.
    stale: BTreeSet<(String, String)>,
    /// The time of the last untrue answer about each resource: a stale read or a false not-found.
    untrue: BTreeMap<String, Duration>,
    /// The time of the last write to each resource.
    written: BTreeMap<String, Duration>,
    /// Notified of each write to a bucket.
    writes: Arc<Notify>,
}

/// The maximum time after a write in which reads can be stale.
const MAX_STALENESS: Duration = Duration::from_secs(60);

/// The time after an untrue answer in which AWS gives no second untrue answer about the same resource.
const UNTRUE_PAUSE: Duration = Duration::from_secs(10);

impl Chaos {
    /// Creates a plan with this seed, this percentage of faulty calls, and this end.
    pub fn new(seed: u64, rate: f64, until: Duration) -> Self {
        let (random, rate) = (StdRng::seed_from_u64(seed), rate / 100.0);
        let (stale, untrue, written, writes) = Default::default();
        Self { random, rate, until, stale, untrue, written, writes }
    }

    /// Notifies of each write to a bucket.
    pub fn writes(&self) -> Arc<Notify> {
        self.writes.clone()
    }

    fn fault(&mut self, call: &Call) -> CallFault {
        let refusals = [
            Refusal::Forbidden,
            Refusal::NotFound,
            Refusal::Conflict,
            Refusal::Precondition,
            Refusal::Throttled,
            Refusal::Server,
        ];
        let moments = [CrashPoint::Before, CrashPoint::Applied, CrashPoint::Answered];
        let mut pick = |count: usize| self.random.random_range(0..count);
        let (moment, refusal, other) = (moments[pick(3)], refusals[pick(6)], pick(2));
        match (pick(11), call.write) {
            (0 | 1, _) => CallFault::Crash(moment),
            (2 | 3, _) if refusal == Refusal::NotFound && !self.may_be_not_found(call) => CallFault::Pass,
            (2 | 3, _) => CallFault::Refuse(refusal),
            (4, _) => CallFault::Timeout,
            (5, _) => CallFault::Slow(Duration::from_secs([3, 90][other])),
            (6, _) => CallFault::Truncated,
            (7, true) => CallFault::Duplicate,
            (8, true) if call.operation == "s3:PutBucketNotification" => {
                CallFault::Late(Duration::from_secs([5, 600][other]))
            }
            (_, true) => CallFault::LostAnswer,
            (_, false) if self.may_be_stale(call) => CallFault::Stale,
            (_, false) => CallFault::Pass,
        }
    }
}

impl Chaos {
    /// True if a read may return the state before the last change: soon after a write, and not twice in a row.
    fn may_be_stale(&mut self, call: &Call) -> bool {
        let recent = self.written.get(&call.on).is_some_and(|at| call.at < *at + MAX_STALENESS);
        let denied = self.untrue.get(&call.on).is_some_and(|at| call.at < *at + UNTRUE_PAUSE);
        recent && !denied && self.stale.insert((call.operation.clone(), call.on.clone()))
    }

    /// True if AWS may answer with a false not-found. A second untrue answer about the same resource would outlast the
    /// retries of a deletion. The Kubernetes API is consistent, so Kubernetes never gives a false not-found.
    fn may_be_not_found(&self, call: &Call) -> bool {
        let untrue = self.untrue.get(&call.on).is_some_and(|at| call.at < *at + UNTRUE_PAUSE);
        !call.operation.starts_with("kube:") && !untrue
    }
}

impl Plan for Chaos {
    fn fault(&mut self, call: &Call) -> CallFault {
        let fault = if call.at < self.until && self.random.random_bool(self.rate) {
            self.fault(call)
        } else {
            CallFault::Pass
        };
        if call.write {
            self.written.insert(call.on.clone(), call.at);
        } else if fault != CallFault::Stale {
            self.stale.remove(&(call.operation.clone(), call.on.clone()));
        }
        if matches!(fault, CallFault::Stale | CallFault::Refuse(Refusal::NotFound)) {
            self.untrue.insert(call.on.clone(), call.at);
        }
        if call.operation == "s3:PutBucketNotification" {
            self.writes.notify_one();
        }
        fault
    }
}

/// Runs a writer that reads a bucket, changes an own entry and writes the whole document, until a time. A fast writer
/// writes at once, often at the same moment as the operator. A slow writer reverts all changes since the read.
pub async fn other_writers(sim: Sim, seed: u64, buckets: &[&str], writes: Arc<Notify>, until: Duration) {
    let mut random = StdRng::seed_from_u64(seed);
    let slow = random.random_bool(0.5);
    for number in 0.. {
        let wait = Duration::from_millis(random.random_range(0..60_000));
        if slow {
            sleep(wait).await;
        } else {
            // The timeout or the operator's write, whichever is first.
            let _ = timeout(wait, writes.notified()).await;
        }
        let bucket = buckets[random.random_range(0..buckets.len())];
        let Some(read) = sim.aws.notification(bucket) else { continue };
        let pause = if slow { 30_000 } else { 20 };
        sleep(Duration::from_millis(random.random_range(0..pause))).await;
        if sim.injector.elapsed() >= until {
            return;
        }
        // S3 may refuse the write, for example because of a deleted function. The writer ignores the refusal.
        let _ = sim.aws.put_notification(bucket, &changed(&read, seed, number));
    }
}

/// The document with a new entry, and sometimes without an older entry.
pub fn changed(read: &str, seed: u64, number: usize) -> String {
    let mut document = Document::parse(read).unwrap_or_else(|error| panic!("{error}: {read}"));
    let own = format!("<Id>other-{seed}-");
    if number % 3 == 2 {
        document.children.retain(|child| !child.raw.contains(&own));
    }
    let raw = format!(
        "<QueueConfiguration>{own}{number}</Id><Queue>arn:aws:sqs:eu-west-1:123456789012:other</Queue>\
         <Event>s3:ObjectTagging:Put</Event><Filter><S3Key><FilterRule><Name>Prefix</Name><Value>{seed}/{number}/</Value>\
         </FilterRule></S3Key></Filter></QueueConfiguration>"
    );
    document.children.push(Child { raw, entry: None });
    document.to_xml()
}
