//! Rollouts in any order, and obstacles that disappear. Resources become ready within seconds, and are Stalled only
//! after the progress deadline.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::kstatus::is_ready;
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE, Step};

const S3: &str = "S3TriggeredFunction";
const SCHEDULED: &str = "ScheduledFunction";

/// The maximum time from a dependency's creation to a ready resource: two tries, and the calls of one try.
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
        "roleArn": "arn:aws:iam::123456789012:role/functions", "code": code,
    }})
}

fn inline() -> Value {
    json!({"inline": {"app.py": "def handler(event, context): pass"}})
}

fn apply(sim: &Sim, object: &Value) {
    sim.cluster.apply(object).unwrap_or_else(|refused| panic!("{object}: {refused:?}"));
}

/// Runs a test with an operator, without faults, in a prepared environment.
fn with_operator(test: impl AsyncFnOnce(&Sim)) {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            let operator = sim.start();
            sleep(Duration::from_secs(1)).await;
            test(&sim).await;
            operator.kill();
        },
    );
}

/// Type and reason of the conditions `Reconciling` and `Stalled`.
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

/// Waits until an object is ready, and returns the duration.
async fn until_ready(sim: &Sim, kind: &str, name: &str) -> Duration {
    let began = sim.injector.elapsed();
    sim.until(&format!("{kind} {name} to be ready"), |sim| {
        sim.cluster.get(kind, NAMESPACE, name).is_some_and(|object| is_ready(&object))
    })
    .await;
    sim.injector.elapsed() - began
}

/// True if any status of the object was Stalled.
fn ever_stalled(sim: &Sim, name: &str) -> bool {
    sim.cluster.journal().iter().filter(|change| change.object["metadata"]["name"] == name).any(|change| {
        let conditions = change.object["status"]["conditions"].as_array();
        conditions.into_iter().flatten().any(|condition| condition["type"] == "Stalled")
    })
}

/// Creates a dependency after a minute. The resource must be Reconciling before, and ready soon after.
fn becomes_ready_after(object: &Value, reason: &str, create_dependency: fn(&Sim)) {
    with_operator(async |sim| {
        let kind = object["kind"].as_str().unwrap_or_default();
        apply(sim, object);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(state(sim, kind, "one"), is("Reconciling", reason));
        create_dependency(sim);
        let took = until_ready(sim, kind, "one").await;
        assert!(took <= SOON, "{reason}: {took:?}");
        assert!(!ever_stalled(sim, "one"), "{reason}");
    });
}

#[test]
fn dependencies_created_a_minute_later_do_not_stall_a_resource() {
    becomes_ready_after(&trigger("one", &named("late"), "archive"), "FunctionNotFound", |sim| {
        sim.aws.create_function(&sim.aws.function("late"));
    });
    becomes_ready_after(&schedule("one", &named("late")), "FunctionNotFound", |sim| {
        sim.aws.create_function(&sim.aws.function("late"));
    });
    becomes_ready_after(&trigger("one", &named("resize"), "late"), "BucketNotFound", |sim| {
        sim.aws.create_bucket(&sim.aws.bucket("late"));
    });
    becomes_ready_after(
        &schedule("one", &defined("own", json!({"configMap": {"name": "late"}}))),
        "CodeNotFound",
        |sim| {
            apply(
                sim,
                &json!({
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "namespace": NAMESPACE},
                    "data": {"app.py": "def handler(event, context): pass"},
                }),
            );
        },
    );
}

#[test]
fn a_missing_dependency_stalls_after_two_minutes_of_retries() {
    with_operator(async |sim| {
        let before = sim.injector.count();
        apply(sim, &schedule("one", &named("never")));
        sleep(Duration::from_secs(115)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Reconciling", "FunctionNotFound"));
        let calls = sim.injector.calls();
        let reads =
            calls.iter().filter(|call| call.number >= before && call.operation == "lambda:GetFunction");
        // Each try reads the function twice, with a second between the reads.
        let reads = reads.count() / 2;
        assert!((20..=40).contains(&reads), "{reads} reads");
        sleep(Duration::from_secs(15)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Stalled", "FunctionNotFound"));

        // A new generation gets a new progress deadline.
        apply(sim, &schedule("one", &named("neither")));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Reconciling", "FunctionNotFound"));
        sleep(Duration::from_secs(70)).await;
        assert_eq!(state(sim, SCHEDULED, "one"), is("Stalled", "FunctionNotFound"));
    });
}

#[test]
fn a_restart_does_not_extend_the_progress_deadline() {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
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

/// The setup that docs/functions.md recommends for two triggers of one function.
#[test]
fn a_resource_naming_a_function_defined_later_is_ready_within_seconds() {
    with_operator(async |sim| {
        apply(sim, &trigger("names", &named("shared"), "archive"));
        sleep(Duration::from_secs(200)).await;
        assert_eq!(state(sim, S3, "names"), is("Stalled", "FunctionNotFound"));
        apply(sim, &schedule("defines", &defined("shared", inline())));
        let took = until_ready(sim, S3, "names").await;
        assert!(took <= SOON, "{took:?}");
    });
}

#[test]
fn a_freed_function_passes_to_another_resource_within_seconds() {
    with_operator(async |sim| {
        apply(sim, &schedule("holds", &defined("own", inline())));
        until_ready(sim, SCHEDULED, "holds").await;
        apply(sim, &schedule("waits", &defined("own", inline())));
        sleep(Duration::from_secs(200)).await;
        assert_eq!(state(sim, SCHEDULED, "waits"), is("Stalled", "ConflictingFunction"));
        workflows::perform(sim, &Step::Delete(SCHEDULED, "holds")).await;
        let took = until_ready(sim, SCHEDULED, "waits").await;
        assert!(took <= SOON, "{took:?}");
    });
}

#[test]
fn freed_keys_pass_to_another_resource_within_seconds() {
    with_operator(async |sim| {
        apply(sim, &trigger("holds", &named("resize"), "archive"));
        until_ready(sim, S3, "holds").await;
        sleep(Duration::from_secs(2)).await;
        apply(sim, &trigger("waits", &named("report"), "archive"));
        sleep(Duration::from_secs(218)).await;
        assert_eq!(state(sim, S3, "waits"), is("Stalled", "HeldByOther"));
        workflows::perform(sim, &Step::Delete(S3, "holds")).await;
        sim.until("the holder to be gone", |sim| sim.cluster.get(S3, NAMESPACE, "holds").is_none()).await;
        let took = until_ready(sim, S3, "waits").await;
        assert!(took <= SOON, "{took:?}");
    });
}

/// The time without an entry for this function in either bucket, of the next 100 seconds.
async fn without_entry(sim: &Sim, function: &str) -> Duration {
    let arn = sim.aws.function(function).to_string();
    let mut without = Duration::ZERO;
    let step = Duration::from_millis(100);
    for _ in 0..1_000 {
        let has = sim.aws.snapshot().buckets.values().any(|document| document.contains(&arn));
        without += if has { Duration::ZERO } else { step };
        sleep(step).await;
    }
    without
}

#[test]
fn two_resources_that_swap_buckets_are_ready_within_seconds() {
    with_operator(async |sim| {
        sim.aws.create_bucket(&sim.aws.bucket("other"));
        apply(sim, &trigger("a", &named("resize"), "archive"));
        sleep(Duration::from_secs(2)).await;
        apply(sim, &trigger("b", &named("report"), "other"));
        until_ready(sim, S3, "a").await;
        until_ready(sim, S3, "b").await;
        sleep(Duration::from_secs(200)).await;
        apply(sim, &trigger("a", &named("resize"), "other"));
        apply(sim, &trigger("b", &named("report"), "archive"));
        let (resize, report) = tokio::join!(without_entry(sim, "resize"), without_entry(sim, "report"));
        assert!(resize + report <= SOON, "{resize:?} {report:?}");
        for name in ["a", "b"] {
            assert!(sim.cluster.get(S3, NAMESPACE, name).is_some_and(|object| is_ready(&object)), "{name}");
            assert!(!ever_stalled(sim, name), "{name}");
        }
    });
}

/// The operator's writes to the status of `one`.
fn status_writes(sim: &Sim) -> usize {
    let journal = sim.cluster.journal();
    let ours = journal.iter().filter(|change| {
        change.of_status()
            && change.object["metadata"]["name"] == "one"
            && change.operation.starts_with("kube:")
    });
    ours.count()
}

fn forge(sim: &Sim, reason: &str) {
    let mut status = sim.cluster.get(SCHEDULED, NAMESPACE, "one").unwrap_or_default()["status"].clone();
    status["conditions"][0]["status"] = "False".into();
    status["conditions"][0]["reason"] = reason.into();
    let set = sim.cluster.set_status(SCHEDULED, NAMESPACE, "one", &status);
    set.unwrap_or_else(|refused| panic!("{refused:?}"));
}

#[test]
fn foreign_status_writes_are_repaired_without_a_hot_loop() {
    with_operator(async |sim| {
        apply(sim, &schedule("one", &named("report")));
        until_ready(sim, SCHEDULED, "one").await;
        sleep(Duration::from_secs(5)).await;
        let calls = sim.injector.count();
        let status =
            |sim: &Sim| sim.cluster.get(SCHEDULED, NAMESPACE, "one").unwrap_or_default()["status"].clone();
        let before = status(sim);
        sleep(Duration::from_secs(30)).await;
        let made: Vec<String> =
            sim.injector.calls().into_iter().skip(calls).map(|call| call.operation).collect();
        assert!(made.iter().all(|operation| operation.starts_with("kube:watch")), "{made:?}");

        forge(sim, "Forged");
        let took = until_ready(sim, SCHEDULED, "one").await;
        assert!(took <= SOON, "{took:?}");
        let ready = |status: &Value| {
            [&status["conditions"][0]["status"], &status["conditions"][0]["reason"]].map(Clone::clone)
        };
        assert_eq!(ready(&status(sim)), ready(&before));

        // A second writer that overwrites each repair causes no hot loop.
        let writes = status_writes(sim);
        for number in 0..300 {
            forge(sim, &format!("Forged{number}"));
            sleep(Duration::from_secs(1)).await;
        }
        let writes = status_writes(sim) - writes;
        assert!((4..=6).contains(&writes), "{writes} writes");
    });
}
