//! The deletion of many resources at once: the number of calls to S3, and the time until all are gone.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::print_figures;
use crate::kstatus::is_ready;
use crate::sim::aws::RATES;
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE};

const KIND: &str = "S3TriggeredFunction";
const PUT: &str = "s3:PutBucketNotification";
const GET: &str = "s3:GetBucketNotification";
/// The resources of one bucket.
const EACH: usize = 50;
const BUCKETS: usize = 4;
/// Longer than the write grace period after a start.
const GRACE: Duration = Duration::from_secs(60);

fn name(number: usize) -> String {
    format!("t{number}")
}

fn apply(sim: &Sim, number: usize) {
    let object = json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND,
        "metadata": {"name": name(number), "namespace": NAMESPACE},
        "spec": {
            "function": {"name": "resize"}, "bucket": format!("bucket-{}", number % BUCKETS),
            "events": ["s3:ObjectCreated:*"], "filters": [{"prefix": format!("t{number}/")}],
        },
    });
    sim.cluster.apply(&object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
}

/// The time until a condition holds, in seconds.
async fn until(sim: &Sim, holds: impl Fn(&Sim) -> bool) -> u64 {
    for second in 0..600 {
        if holds(sim) {
            return second;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("the condition does not hold");
}

/// The number of calls of an operation since this call.
fn count(sim: &Sim, from: usize, operation: &str) -> usize {
    sim.injector.calls().iter().filter(|call| call.number >= from && call.operation == operation).count()
}

#[test]
fn deletions_gather_as_creations_do() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            for bucket in 0..BUCKETS {
                sim.aws.create_bucket(&sim.aws.bucket(&format!("bucket-{bucket}")));
            }
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            sleep(GRACE).await;
            let before = sim.injector.count();
            (0..BUCKETS * EACH).for_each(|number| apply(&sim, number));
            let seconds = until(&sim, |sim| {
                let objects = sim.cluster.objects(KIND);
                objects.len() == BUCKETS * EACH && objects.iter().all(is_ready)
            })
            .await;
            let [puts, gets] = [PUT, GET].map(|operation| count(&sim, before, operation));
            print_figures(&format!("created: {puts} PUTs, {gets} GETs, {seconds} s"));
            assert!(puts <= 8 * BUCKETS, "{puts} PUTs");

            let before = sim.injector.count();
            for number in 0..BUCKETS * EACH {
                let deleted = sim.cluster.delete(KIND, NAMESPACE, &name(number));
                deleted.unwrap_or_else(|refused| panic!("{number}: {refused:?}"));
            }
            let seconds = until(&sim, |sim| sim.cluster.objects(KIND).is_empty()).await;
            let [puts, gets] = [PUT, GET].map(|operation| count(&sim, before, operation));
            print_figures(&format!("deleted: {puts} PUTs, {gets} GETs, {seconds} s"));
            assert!(puts <= BUCKETS, "{puts} PUTs");
            assert!(gets <= 6 * BUCKETS, "{gets} GETs");
            operator.kill();
        },
    );
}

/// A paused resource and a retained resource keep their entries, although a neighbor is deleted with them.
#[test]
fn a_deletion_keeps_the_entries_of_paused_and_retained_resources() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            sim.aws.create_bucket(&sim.aws.bucket("bucket-0"));
            let operator = sim.start();
            sleep(GRACE).await;
            for number in 0..3 {
                apply(&sim, number * BUCKETS);
            }
            until(&sim, |sim| sim.cluster.objects(KIND).iter().all(is_ready)).await;
            let with = |number: usize, changes: fn(&mut serde_json::Value)| {
                let mut object = sim.cluster.get(KIND, NAMESPACE, &name(number)).unwrap_or_default();
                changes(&mut object);
                let object = json!({
                    "apiVersion": object["apiVersion"], "kind": object["kind"], "spec": object["spec"],
                    "metadata": {
                        "name": name(number), "namespace": NAMESPACE,
                        "annotations": object["metadata"]["annotations"],
                    },
                });
                sim.cluster.apply(&object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
            };
            with(0, |object| {
                object["metadata"]["annotations"] = json!({"lambda-triggers.dev/paused": "true"});
            });
            with(4, |object| object["spec"]["deletionPolicy"] = json!("Retain"));
            sleep(GRACE).await;
            for number in [0, 4, 8] {
                let deleted = sim.cluster.delete(KIND, NAMESPACE, &name(number));
                deleted.unwrap_or_else(|refused| panic!("{number}: {refused:?}"));
            }
            sleep(GRACE).await;
            let left: Vec<bool> = [0, 4, 8]
                .map(|number| sim.aws.snapshot().buckets["bucket-0"].contains(&format!(">t{number}/<")))
                .into();
            assert_eq!(left, [true, true, false]);
            operator.kill();
        },
    );
}
