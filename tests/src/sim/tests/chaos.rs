//! What goes wrong in a run, by chance: faults of calls, deaths of the operator, and others who write to the buckets.

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

/// Faults at random, up to a time.
pub struct Chaos {
    random: StdRng,
    /// So many calls in a hundred meet a fault.
    rate: f64,
    until: Duration,
    /// What was last answered with what was there before: the answer after that is a true one. Services that answer
    /// so for longer would have to be asked for longer than a deletion may take.
    stale: BTreeSet<(String, String)>,
    /// When something untrue was last said of each thing: what was there before, or that it is not there.
    untrue: BTreeMap<String, Duration>,
    /// When each thing was last written to.
    written: BTreeMap<String, Duration>,
    /// Told of each write to a bucket that is sent.
    writes: Arc<Notify>,
}

/// Reads are behind for no longer than this.
const BEHIND: Duration = Duration::from_secs(60);

/// For so long after AWS has said that a thing is not there, or was behind about it, it does not say so again.
const UNTRUE_ONCE: Duration = Duration::from_secs(10);

impl Chaos {
    /// Faults of this seed, for so many calls in a hundred, until then.
    pub fn new(seed: u64, rate: f64, until: Duration) -> Self {
        let (random, rate) = (StdRng::seed_from_u64(seed), rate / 100.0);
        let (stale, untrue, written, writes) = Default::default();
        Self { random, rate, until, stale, untrue, written, writes }
    }

    /// Tells of each write to a bucket that is sent.
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
            (2 | 3, _) if refusal == Refusal::NotFound && !self.may_be_denied(call) => CallFault::Pass,
            (2 | 3, _) => CallFault::Refuse(refusal),
            (4, _) => CallFault::Timeout,
            (5, _) => CallFault::Slow(Duration::from_secs([3, 90][other])),
            (6, _) => CallFault::Truncated,
            (7, true) => CallFault::Duplicate,
            (8, true) if call.operation == "s3:PutBucketNotification" => {
                CallFault::Late(Duration::from_secs([5, 600][other]))
            }
            (_, true) => CallFault::LostAnswer,
            (_, false) if self.may_be_behind(call) => CallFault::Stale,
            (_, false) => CallFault::Pass,
        }
    }
}

impl Chaos {
    /// Whether a read may answer what was there before the last change: a while after one, and not twice in a row.
    fn may_be_behind(&mut self, call: &Call) -> bool {
        let recent = self.written.get(&call.on).is_some_and(|at| call.at < *at + BEHIND);
        let denied = self.untrue.get(&call.on).is_some_and(|at| call.at < *at + UNTRUE_ONCE);
        recent && !denied && self.stale.insert((call.operation.clone(), call.on.clone()))
    }

    /// Whether AWS may say that there is no such thing: of any that it did not say something untrue of a moment ago, or the
    /// operator would have to ask for longer than a deletion may take. Kubernetes reads what is there.
    fn may_be_denied(&self, call: &Call) -> bool {
        let untrue = self.untrue.get(&call.on).is_some_and(|at| call.at < *at + UNTRUE_ONCE);
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

/// Others who read buckets, change an entry of their own and write all of it, until then. Some do so at once, and some of
/// these just when the operator writes; some put back after a while what they had read, with all that has become of the
/// bucket meanwhile undone.
pub async fn others(sim: Sim, seed: u64, buckets: &[&str], writes: Arc<Notify>, until: Duration) {
    let mut random = StdRng::seed_from_u64(seed);
    let slow = random.random_bool(0.5);
    for number in 0.. {
        let wait = Duration::from_millis(random.random_range(0..60_000));
        if slow {
            sleep(wait).await;
        } else {
            // Whichever comes first.
            let _ = timeout(wait, writes.notified()).await;
        }
        let bucket = buckets[random.random_range(0..buckets.len())];
        let Some(read) = sim.aws.notification(bucket) else { continue };
        let pause = if slow { 30_000 } else { 20 };
        sleep(Duration::from_millis(random.random_range(0..pause))).await;
        if sim.injector.elapsed() >= until {
            return;
        }
        // S3 may refuse it, as for a function of ours that has gone since: others live with that.
        let _ = sim.aws.put_notification(bucket, &changed(&read, seed, number));
    }
}

/// The document with one entry more, and without an older one.
fn changed(read: &str, seed: u64, number: usize) -> String {
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
