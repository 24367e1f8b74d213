//! A write to a bucket takes effect ten minutes after the loss of its answer, and after the deletion of its object. The
//! orphan check must remove the restored entry, although no object names the bucket any more.

use std::time::Duration;

use lambda_triggers_core::ownership::{ObjectKey, OwnEntryId};
use tokio::time::sleep;

use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Operator, Sim, owner, simulate};
use crate::sim::workflows::{self, NAMESPACE, Step};

/// The delay from the write to its effect.
const MAX_REQUEST_AGE: Duration = Duration::from_secs(600);
/// The maximum time from the object's deletion to the removal of the orphan.
const ORPHAN_CHECK: Duration = Duration::from_secs(16 * 60 + 30);

/// The number of our own entries in the bucket.
fn entries(sim: &Sim) -> usize {
    let document = sim.aws.notification("photos").unwrap_or_default();
    let base_name = ObjectKey::new(NAMESPACE, "thumbs").base_name(&owner());
    assert!(OwnEntryId::parse(&owner(), &format!("{base_name}-abcdef")).is_some());
    document.matches(&base_name).count()
}

/// True if the object exists.
fn exists(sim: &Sim) -> bool {
    sim.cluster.get("S3TriggeredFunction", NAMESPACE, "thumbs").is_some()
}

/// Deletes an object while a write for the object is in flight. `disturb` acts on the operator before the write takes
/// effect.
fn late_write(disturb: impl AsyncFnOnce(&Sim, Operator) -> Operator) {
    let mut met = false;
    let plan = move |call: &Call| {
        let meets = !met && call.operation == "s3:PutBucketNotification";
        met |= meets;
        if meets { CallFault::Late(MAX_REQUEST_AGE) } else { CallFault::Pass }
    };
    simulate(1, plan, async |sim| {
        workflows::prepare(&sim);
        // The bucket may always invoke the function, so S3 accepts the late write.
        workflows::permit(&sim.aws, "resize", "by-hand");
        let operator = sim.start();
        for step in &workflows::named("s3: create and delete").steps {
            workflows::perform(&sim, step).await;
            if matches!(step, Step::Apply(_)) {
                sim.until("the write", |sim| entries(sim) == 1).await;
                sleep(Duration::from_secs(20)).await;
            }
        }
        sim.until("the object to be gone", |sim| !exists(sim)).await;
        let gone = sim.injector.elapsed();
        assert!(gone < MAX_REQUEST_AGE, "the deletion waited for the late write: {gone:?}");
        assert_eq!(entries(&sim), 0);

        let operator = disturb(&sim, operator).await;
        sim.until("the late write", |sim| entries(sim) == 1).await;
        sim.until("the orphan check", |sim| entries(sim) == 0).await;
        let after = sim.injector.elapsed() - gone;
        assert!(after < ORPHAN_CHECK, "checked after {after:?}");
        operator.kill();
    });
}

#[test]
fn the_orphan_check_removes_entries_of_a_late_write() {
    late_write(async |_, operator| operator);
}

#[test]
fn an_orphan_check_survives_a_restart() {
    late_write(async |sim, operator| {
        operator.kill();
        sleep(Duration::from_secs(5)).await;
        sim.start()
    });
}

/// The duration of a deletion whose bucket write meets this fault.
fn deletion_takes(fault: CallFault) -> Duration {
    let mut writes = 0;
    let plan = move |call: &Call| {
        let is_write = call.operation == "s3:PutBucketNotification";
        writes += usize::from(is_write);
        if is_write && writes == 2 { fault } else { CallFault::Pass }
    };
    simulate(1, plan, async |sim| {
        workflows::prepare(&sim);
        let operator = sim.start();
        let mut deleted = Duration::ZERO;
        for step in &workflows::named("s3: create and delete").steps {
            workflows::perform(&sim, step).await;
            deleted = sim.injector.elapsed();
            if matches!(step, Step::Apply(_)) {
                sim.until("the write", |sim| entries(sim) == 1).await;
                // After this time, no write of an earlier life of the operator can apply any more.
                sleep(Duration::from_secs(60)).await;
            }
        }
        sim.until("the object to be gone", |sim| !exists(sim)).await;
        operator.kill();
        sim.injector.elapsed() - deleted
    })
}

#[test]
fn an_unsent_write_does_not_delay_the_finalizer() {
    let grace = Duration::from_secs(30);
    assert!(deletion_takes(CallFault::Timeout) >= grace, "AWS may apply the write until then");
    let unsent = deletion_takes(CallFault::Unsent);
    assert!(unsent < grace, "the deletion waited for an unsent write: {unsent:?}");
}
