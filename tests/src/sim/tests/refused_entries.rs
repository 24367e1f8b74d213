//! Entries that S3 refuses, and with the entry the whole document: the number of writes, and the fate of the other
//! resources of the bucket.

use std::time::Duration;

use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::kstatus::is_ready;
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE};

const KIND: &str = "S3TriggeredFunction";
const PUT: &str = "s3:PutBucketNotification";
/// Longer than all retries of a failed write.
const WHILE: Duration = Duration::from_secs(60);

fn trigger(name: &str, prefix: &str) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "function": {"name": "resize"}, "bucket": "archive", "events": ["s3:ObjectCreated:*"],
            "filters": [{"prefix": prefix}],
        },
    })
}

fn apply(sim: &Sim, object: &Value) {
    sim.cluster.apply(object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
}

/// The number of writes of a document since this call, accepted or refused.
fn puts(sim: &Sim, from: usize) -> usize {
    let is_put = |call: &&Call| call.number >= from && call.operation == PUT;
    sim.injector.calls().iter().filter(is_put).count()
}

/// The names of the objects that are ready.
fn ready(sim: &Sim) -> Vec<String> {
    let objects = sim.cluster.objects(KIND);
    let ready = objects.iter().filter(|object| is_ready(object));
    ready.map(|object| object["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The reason and the message of the condition `NotificationReady`.
fn notification(sim: &Sim, name: &str) -> [String; 2] {
    let object = sim.cluster.get(KIND, NAMESPACE, name).unwrap_or_default();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let condition = conditions.into_iter().find(|condition| condition["type"] == "NotificationReady");
    let condition = condition.unwrap_or_default();
    ["reason", "message"].map(|field| condition[field].as_str().unwrap_or_default().to_owned())
}

/// Runs a test beside an operator that has just started. S3 refuses the prefix `refused/`.
fn test(test: impl AsyncFnOnce(&Sim)) {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            sim.aws.refuse_prefix("refused/");
            sim.aws.refuse_prefix("refused-too/");
            let operator = sim.start();
            sleep(WHILE).await;
            test(&sim).await;
            operator.kill();
        },
    );
}

#[test]
fn one_refused_entry_needs_a_logarithmic_number_of_writes() {
    for (count, most) in [(10, 10), (90, 16)] {
        test(async |sim| {
            let before = sim.injector.count();
            for number in 0..count {
                let prefix = if number == 6 { "refused/".into() } else { format!("t{number}/") };
                apply(sim, &trigger(&format!("t{number}"), &prefix));
            }
            sleep(WHILE).await;
            let (ready, puts) = (ready(sim), puts(sim, before));
            assert_eq!((ready.len(), ready.contains(&"t6".into())), (count - 1, false));
            assert!(puts <= most, "{puts} writes for {count} resources");
        });
    }
}

#[test]
fn several_refused_entries_block_no_other_resource() {
    test(async |sim| {
        for number in 0..30 {
            let prefix = match number {
                0 => "refused/".into(),
                17 => "refused-too/".into(),
                _ => format!("t{number}/"),
            };
            apply(sim, &trigger(&format!("t{number}"), &prefix));
        }
        sleep(WHILE).await;
        assert_eq!(ready(sim).len(), 28);
        let message = "S3 refuses the notification configuration of bucket archive with the entries of this \
                       resource (InvalidArgument): The notification configuration is not supported; the entries \
                       of other resources are not affected. Change spec.events or spec.filters; the operator \
                       tries the same entries again after a change in the bucket, or after some time";
        for name in ["t0", "t17"] {
            assert_eq!(notification(sim, name), ["AwsRefused", message]);
        }
    });
}

#[test]
fn a_refused_entry_is_not_written_again_while_others_change() {
    test(async |sim| {
        apply(sim, &trigger("bad", "refused/"));
        sleep(WHILE).await;
        let before = sim.injector.count();
        apply(sim, &trigger("good", "good/"));
        sleep(WHILE).await;
        assert_eq!(puts(sim, before), 1);
        apply(sim, &trigger("good", "changed/"));
        sleep(WHILE).await;
        assert_eq!(puts(sim, before), 2);
        sim.cluster.delete(KIND, NAMESPACE, "good").unwrap_or_else(|refused| panic!("{refused:?}"));
        sleep(WHILE).await;
        assert_eq!(puts(sim, before), 3);
        assert!(sim.cluster.get(KIND, NAMESPACE, "good").is_none());
    });
}

#[test]
fn a_refused_entry_is_written_again_after_a_growing_backoff() {
    const HOUR: Duration = Duration::from_secs(3600);
    test(async |sim| {
        apply(sim, &trigger("bad", "refused/"));
        sleep(WHILE).await;
        for (time, expected) in [(HOUR / 10, 0), (HOUR, 2), (24 * HOUR, 5), (24 * 7 * HOUR, 7)] {
            let before = sim.injector.count();
            sleep(time).await;
            assert_eq!(puts(sim, before), expected, "in {time:?}");
        }
        sim.aws.accept_prefix("refused/");
        sleep(25 * HOUR).await;
        assert_eq!(ready(sim), ["bad"]);
    });
}

#[test]
fn a_refused_entry_is_written_at_once_after_a_change_or_a_request() {
    test(async |sim| {
        let mut bad = trigger("bad", "refused/");
        apply(sim, &bad);
        sleep(WHILE).await;
        let before = sim.injector.count();
        bad["metadata"]["annotations"] = json!({RECONCILE_ANNOTATION: "now"});
        apply(sim, &bad);
        sleep(WHILE).await;
        assert_eq!(puts(sim, before), 1);
        bad["spec"]["filters"] = json!([{"prefix": "accepted/"}]);
        apply(sim, &bad);
        sleep(WHILE).await;
        assert_eq!((puts(sim, before), ready(sim)), (2, vec!["bad".to_owned()]));
    });
}
