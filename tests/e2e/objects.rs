//! Conditions and events of objects of both kinds, as values that can be compared as wholes, and the check that the
//! operator writes nothing at rest.

use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::ListParams;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_tests::aws_proxy::{Call, Fault, FaultKind};
use lambda_triggers_tests::env::TestEnv;
use serde_json::Value;

use crate::support::{AwsView, LIMIT};

/// The operator's owner id in these tests.
pub const OWNER: &str = "0a1b2c3d";
/// Flags of an operator with the default resync interval, which is longer than every test.
pub const NO_RESYNC: [&str; 2] = ["--owner-id", OWNER];
/// Flags of an operator with a resync each second.
pub const RESYNC_1S: [&str; 4] = ["--owner-id", OWNER, "--resync", "1s"];

/// Type, status, reason and message of a condition.
pub type Condition = [String; 4];
/// Type, reason and note of an event.
pub type EmittedEvent = [String; 3];

pub fn owner() -> OwnerId {
    OwnerId::parse(OWNER).unwrap()
}

pub fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Condition {
    [kind, status, reason, message].map(ToOwned::to_owned)
}

pub fn event(kind: &str, reason: &str, note: impl Into<String>) -> EmittedEvent {
    [kind.into(), reason.into(), note.into()]
}

/// The conditions of an object with a failed `part` and with the parts in `fine` applied. The `state` is `Stalled` if a
/// user must act, or `Reconciling` if the operator retries.
pub fn failed(state: &str, reason: &str, message: &str, fine: &[&str], part: &str) -> Vec<Condition> {
    let mut all =
        vec![condition("Ready", "False", reason, message), condition(state, "True", reason, message)];
    all.extend(fine.iter().map(|part| condition(part, "True", "Applied", "")));
    all.push(condition(part, "False", reason, message));
    all
}

/// The conditions of an object, or an empty list if the object does not exist.
pub async fn conditions(env: &TestEnv, kind: &str, name: &str) -> Vec<Condition> {
    let object = env.object(kind, name).await.unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions
        .iter()
        .map(|c| [text(&c["type"]), text(&c["status"]), text(&c["reason"]), text(&c["message"])])
        .collect()
}

/// Waits until an object has exactly these conditions.
pub async fn wait_for_conditions(env: &TestEnv, kind: &str, name: &str, expected: &[Condition]) {
    env.until(LIMIT, &format!("{name} to have the conditions {expected:?}"), async || {
        let found = conditions(env, kind, name).await;
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// All events about the objects with this name, in the order of their first occurrence. A repeated event is one event.
pub async fn events_of(env: &TestEnv, name: &str) -> Vec<EmittedEvent> {
    let mut events = events(env).await;
    events
        .retain(|event| event.regarding.as_ref().is_some_and(|object| object.name.as_deref() == Some(name)));
    events.sort_by_key(|event| event.event_time.clone().map(|time| time.0));
    let fields = |event: Event| [event.type_, event.reason, event.note].map(Option::unwrap_or_default);
    events.into_iter().map(fields).collect()
}

/// Waits until the events about the objects with this name are exactly these.
pub async fn wait_for_events(env: &TestEnv, name: &str, expected: &[EmittedEvent]) {
    env.until(LIMIT, &format!("the events {expected:?} about {name}"), async || {
        let found = events_of(env, name).await;
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

async fn events(env: &TestEnv) -> Vec<Event> {
    let api: Api<Event> = Api::namespaced(env.kube().clone(), env.namespace());
    api.list(&ListParams::default()).await.unwrap().items
}

/// Waits for three resyncs of the objects, and checks that the operator writes nothing to AWS, to the objects and to
/// events. The operator must run with [`RESYNC_1S`], and the objects must be in their final state.
pub async fn assert_no_writes_at_rest(env: &TestEnv, kind: &str, names: &[&str]) {
    let before = versions_of(env, kind, names).await;
    env.aws_proxy().clear_calls(env.account());
    // Every reconcile reads a deployed function, a policy or a rule, and every round the list of schedules.
    let count = |calls: &[Call], read: &str| calls.iter().filter(|call| call.operation == read).count();
    let reads = ["GetFunction", "GetPolicy", "ListTargetsByRule", "ListSchedules"];
    let resyncs = |calls: &[Call]| reads.map(|read| count(calls, read)).into_iter().max().unwrap_or_default();
    let has_three_resyncs = |calls: &[Call]| resyncs(calls) > 4 * names.len();
    let waited = env.aws_proxy().wait_for_calls(env.account(), LIMIT, has_three_resyncs).await;
    waited.unwrap_or_else(|calls| panic!("no three resyncs: {calls:?}"));
    assert_eq!(env.aws_writes(), vec![]);
    assert_eq!(versions_of(env, kind, names).await, before);
}

/// The resource versions of the objects and events. Every write changes one of them.
pub async fn versions_of(env: &TestEnv, kind: &str, names: &[&str]) -> Vec<String> {
    let mut versions = vec![];
    for name in names {
        let object = env.object(kind, name).await.unwrap();
        versions.push(format!("{name} {} {}", object["metadata"]["resourceVersion"], object["status"]));
    }
    let events = events(env).await;
    versions.extend(events.into_iter().map(|event| format!("{:?}", event.metadata.resource_version)));
    versions
}

/// Denies an operation on a rule, function or bucket until the faults are cleared.
pub fn deny(env: &TestEnv, operation: &str, resource: &str) {
    let denied = Fault::on(operation, FaultKind::Denied).resource(resource).times(usize::MAX);
    env.aws_proxy().inject(env.account(), denied);
}

/// Clears all faults.
pub fn allow(env: &TestEnv) {
    env.aws_proxy().clear_faults(env.account());
}

/// Waits for the next second, since a creationTimestamp counts in seconds. An object created later is then younger.
pub async fn wait_for_next_second(env: &TestEnv, kind: &str, name: &str) {
    let object = env.object(kind, name).await.unwrap();
    let created: Time = serde_json::from_value(object["metadata"]["creationTimestamp"].clone()).unwrap();
    env.until(LIMIT, "the next second", async || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(now).ok().filter(|now| *now > created.0.as_second())
    })
    .await;
}
