//! A rollout that applies in any order: resources become ready within seconds, and are Stalled only after the progress
//! deadline.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::kstatus::is_ready;
use crate::sim::gate::{Call, Verdict};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE};

const S3: &str = "S3TriggeredFunction";
const SCHEDULED: &str = "ScheduledFunction";

/// The longest that a resource waits for what has come: two tries, and the calls of one.
const SOON: Duration = Duration::from_secs(10);

fn trigger(name: &str, function: &Value, bucket: &str) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": S3, "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"function": function, "bucket": bucket, "events": ["s3:ObjectCreated:*"]},
    })
}

fn schedule(name: &str, function: &Value) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": SCHEDULED,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"function": function, "schedule": "rate(1 hour)"},
    })
}

fn named(name: &str) -> Value {
    json!({"name": name})
}

fn defined(name: &str, code: Value) -> Value {
    json!({"definition": {
        "functionName": name, "runtime": "python3.13", "handler": "app.handler",
        "role": "arn:aws:iam::123456789012:role/functions", "code": code,
    }})
}

fn apply(sim: &Sim, object: &Value) {
    sim.cluster.apply(object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
}

/// Runs a test with an operator in a world without faults, in which all has long been there.
fn with_operator(test: impl AsyncFnOnce(&Sim)) {
    simulate(
        1,
        |_: &Call| Verdict::Pass,
        async |sim| {
            workflows::prepare(&sim);
            let operator = sim.start();
            sleep(Duration::from_secs(1)).await;
            test(&sim).await;
            operator.kill();
        },
    );
}

/// Type and reason of the conditions that say who has to act.
fn state(sim: &Sim, kind: &str, name: &str) -> Vec<(String, String)> {
    let object = sim.cluster.get(kind, NAMESPACE, name).unwrap_or_default();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let states = conditions.iter().filter(|c| c["type"] == "Reconciling" || c["type"] == "Stalled");
    states.map(|c| (text(&c["type"]), text(&c["reason"]))).collect()
}

fn is(state: &str, reason: &str) -> Vec<(String, String)> {
    vec![(state.into(), reason.into())]
}

/// Waits until an object is ready, and returns how long that took.
async fn until_ready(sim: &Sim, kind: &str, name: &str) -> Duration {
    let began = sim.gates.elapsed();
    sim.until(&format!("{kind} {name} to be ready"), |sim| {
        sim.cluster.get(kind, NAMESPACE, name).is_some_and(|object| is_ready(&object))
    })
    .await;
    sim.gates.elapsed() - began
}

/// True if any status of the object was Stalled.
fn ever_stalled(sim: &Sim, name: &str) -> bool {
    sim.cluster.journal().iter().filter(|change| change.object["metadata"]["name"] == name).any(|change| {
        let conditions = change.object["status"]["conditions"].as_array();
        conditions.into_iter().flatten().any(|condition| condition["type"] == "Stalled")
    })
}

/// A resource whose dependency comes after a minute is Reconciling until then, and ready soon after.
fn waits(object: &Value, reason: &str, come: fn(&Sim)) {
    with_operator(async |sim| {
        let kind = object["kind"].as_str().unwrap_or_default();
        apply(sim, object);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(state(sim, kind, "one"), is("Reconciling", reason));
        come(sim);
        let took = until_ready(sim, kind, "one").await;
        assert!(took <= SOON, "{reason}: {took:?}");
        assert!(!ever_stalled(sim, "one"), "{reason}");
    });
}

#[test]
fn what_another_manifest_makes_a_minute_later_stalls_nobody() {
    waits(&trigger("one", &named("late"), "archive"), "FunctionNotFound", |sim| {
        sim.aws.create_function(&sim.aws.function("late"));
    });
    waits(&schedule("one", &named("late")), "FunctionNotFound", |sim| {
        sim.aws.create_function(&sim.aws.function("late"));
    });
    waits(&trigger("one", &named("resize"), "late"), "BucketNotFound", |sim| {
        sim.aws.create_bucket(&sim.aws.bucket("late"));
    });
    waits(&schedule("one", &defined("own", json!({"configMap": {"name": "late"}}))), "CodeNotFound", |sim| {
        apply(
            sim,
            &json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "namespace": NAMESPACE},
                "data": {"app.py": "def handler(event, context): pass"},
            }),
        );
    });
}

#[test]
fn what_is_missing_for_two_minutes_is_stalled_and_tried_every_few_seconds_until_then() {
    with_operator(async |sim| {
        let before = sim.gates.count();
        apply(sim, &schedule("one", &named("never")));
        sleep(Duration::from_secs(115)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Reconciling", "FunctionNotFound"));
        let calls = sim.gates.calls();
        let looks =
            calls.iter().filter(|call| call.number >= before && call.operation == "lambda:GetFunction");
        // A look is two calls, the second one a second after the first.
        let looks = looks.count() / 2;
        assert!((20..=40).contains(&looks), "{looks} looks");
        sleep(Duration::from_secs(15)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Stalled", "FunctionNotFound"));

        // Another generation is waited for again.
        apply(sim, &schedule("one", &named("neither")));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Reconciling", "FunctionNotFound"));
        sleep(Duration::from_secs(70)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Stalled", "FunctionNotFound"));
    });
}

#[test]
fn a_restart_gives_no_second_progress_deadline() {
    simulate(
        1,
        |_: &Call| Verdict::Pass,
        async |sim| {
            workflows::prepare(&sim);
            let operator = sim.start();
            apply(&sim, &schedule("one", &named("never")));
            sleep(Duration::from_secs(60)).await;
            operator.stop().await;
            sleep(Duration::from_secs(65)).await;
            assert_eq!(state(&sim, SCHEDULED, "one"), is("Reconciling", "FunctionNotFound"));
            let operator = sim.start();
            sleep(Duration::from_secs(10)).await;
            assert_eq!(state(&sim, SCHEDULED, "one"), is("Stalled", "FunctionNotFound"));
            operator.kill();
        },
    );
}
