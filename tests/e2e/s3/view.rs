//! Expected and actual state of S3 triggers as values that can be compared as wholes: entries, statements, conditions,
//! events and calls.

use std::collections::BTreeSet;

use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::ownership::{ObjectKey, bucket_statement_id, retained_id};
use lambda_triggers_core::plan::bucket::{Destination, Document, Entry, Filter};
use lambda_triggers_tests::aws_proxy::{Call, Fault, FaultKind};
use lambda_triggers_tests::env::{REGION, TestEnv};
use serde_json::{Value, json};

use crate::objects;
pub use crate::objects::{
    Condition, EmittedEvent, NO_RESYNC, RESYNC_1S, allow, event, owner, wait_for_next_second,
};
use crate::support::{AwsView, LIMIT};

/// The kind under test.
pub const KIND: &str = "S3TriggeredFunction";

/// The read of a bucket's document.
pub const GET: &str = "GetBucketNotificationConfiguration";
/// The write of a bucket's document.
pub const PUT: &str = "PutBucketNotificationConfiguration";
/// The reads of a resync: the policy of a function that exists, and otherwise the function.
const READS: [&str; 2] = ["GetPolicy", "GetFunction"];

/// The expected entry for one filter of an object. `function` is an ARN. Prefix and suffix are written as in a spec,
/// and may be empty.
pub fn entry(env: &TestEnv, name: &str, function: &str, prefix: &str, suffix: &str) -> Entry {
    let filter =
        KeyFilter { prefix: Some(prefix.into()), suffix: Some(suffix.into()), ..KeyFilter::default() };
    let id = ObjectKey::new(env.namespace(), name).entry_id(&owner(), &filter, false);
    Entry {
        destination: Destination::Function,
        arn: function.into(),
        id: Some(id),
        events: BTreeSet::from(["s3:ObjectCreated:*".to_owned()]),
        filter: Filter::from(&filter),
    }
}

/// An entry with other events.
pub fn with_events(events: &[&str], entry: Entry) -> Entry {
    Entry { events: events.iter().map(ToString::to_string).collect(), ..entry }
}

/// An entry with the Id of a retained entry.
pub fn retained(entry: Entry) -> Entry {
    Entry { id: entry.id.as_deref().map(retained_id), ..entry }
}

/// The statement that permits a bucket of this env to invoke a function, by the function's ARN.
pub fn permission(env: &TestEnv, function: &str, bucket: &str) -> Value {
    json!({
        "Sid": bucket_statement_id(&owner(), bucket),
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": function,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": env.account()},
            "ArnLike": {"AWS:SourceArn": format!("arn:aws:s3:::{bucket}")},
        },
    })
}

/// All statements in a function's policy; `function` is a name or an ARN.
pub async fn policy(env: &TestEnv, function: &str, qualifier: Option<&str>) -> Vec<Value> {
    let call = env.lambda().get_policy().function_name(function).set_qualifier(qualifier.map(Into::into));
    match call.send().await {
        Ok(policy) => {
            let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
            policy["Statement"].as_array().unwrap().clone()
        }
        Err(error) => {
            let missing = error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception());
            assert!(missing, "reading the policy of {function}: {error:?}");
            vec![]
        }
    }
}

/// Waits until the operator's entries in a bucket are exactly these, in this order.
pub async fn wait_for_entries(env: &TestEnv, bucket: &str, expected: &[Entry]) {
    env.until(LIMIT, &format!("the entries of bucket {bucket} to be {expected:?}"), async || {
        let found = own(&env.document(bucket).await);
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// The entries of a document with an Id of the operator.
pub fn own(document: &Document) -> Vec<Entry> {
    let is_own = |entry: &&Entry| entry.id.as_deref().is_some_and(|id| id.starts_with(&owner().prefix()));
    document.entries().filter(is_own).cloned().collect()
}

/// The text of a document without the operator's entries.
pub fn without_own(text: &str) -> String {
    const END: &str = "</CloudFunctionConfiguration>";
    let begin_of_own = format!("<CloudFunctionConfiguration><Id>{}", owner().prefix());
    let mut rest = text.to_owned();
    while let Some(begin) = rest.find(&begin_of_own) {
        let end = begin + rest[begin..].find(END).unwrap() + END.len();
        rest.replace_range(begin..end, "");
    }
    rest
}

/// The conditions of an object.
pub async fn conditions(env: &TestEnv, name: &str) -> Vec<Condition> {
    objects::conditions(env, KIND, name).await
}

/// The conditions of an object in sync, with this reason and message of `Ready`.
pub fn in_place(reason: &str, message: &str) -> Vec<Condition> {
    let part = |name: &str| [name, "True", "Applied", ""].map(ToOwned::to_owned);
    let ready = ["Ready", "True", reason, message].map(ToOwned::to_owned);
    vec![ready, part("FunctionReady"), part("PermissionReady"), part("NotificationReady")]
}

/// The conditions of an object that is stalled at `part`; the parts in `fine` are applied.
pub fn stalled(reason: &str, message: &str, fine: &[&str], part: &str) -> Vec<Condition> {
    objects::failed("Stalled", reason, message, fine, part)
}

/// Waits until an object has exactly these conditions.
pub async fn wait_for_conditions(env: &TestEnv, name: &str, expected: &[Condition]) {
    objects::wait_for_conditions(env, KIND, name, expected).await;
}

/// The events about an object, sorted by reason.
pub async fn events_of(env: &TestEnv, name: &str) -> Vec<EmittedEvent> {
    let mut events = objects::events_of(env, name).await;
    events.sort_by(|a, b| a[1].cmp(&b[1]));
    events
}

/// Waits for the event with this reason about an object, and returns the event.
pub async fn wait_for_events(env: &TestEnv, name: &str, reason: &str) -> EmittedEvent {
    env.until(LIMIT, &format!("the event {reason} about {name}"), async || {
        let all = events_of(env, name).await;
        all.iter().find(|event| event[1] == reason).cloned().ok_or_else(|| format!("{all:?}"))
    })
    .await
}

/// A successful write.
pub fn write(service: &str, operation: &str, resource: &str, status: u16) -> Call {
    Call {
        service: service.into(),
        operation: operation.into(),
        resource: resource.into(),
        region: REGION.into(),
        write: true,
        role: None,
        status,
    }
}

/// Clears the list of recorded calls.
pub fn clear_calls(env: &TestEnv) {
    env.aws_proxy().clear_calls(env.account());
}

/// Clears the list of recorded calls, and waits until the object of each function has completed three reconciles.
pub async fn wait_for_three_resyncs(env: &TestEnv, functions: &[&str]) {
    clear_calls(env);
    let count = |calls: &[Call], function: &str, read: &str| {
        calls.iter().filter(|call| call.operation == read && call.resource == function).count()
    };
    let reconciles = |calls: &[Call], function: &str| {
        READS.map(|read| count(calls, function, read)).into_iter().max().unwrap_or_default()
    };
    // The fourth reconcile begins after the end of the third.
    let has_three_resyncs = |calls: &[Call]| functions.iter().all(|function| reconciles(calls, function) > 3);
    let waited = env.aws_proxy().wait_for_calls(env.account(), LIMIT, has_three_resyncs).await;
    waited.unwrap_or_else(|calls| panic!("no three resyncs: {calls:?}"));
}

/// Denies an operation until the faults are cleared.
pub fn deny(env: &TestEnv, operation: &str) {
    env.aws_proxy().inject(env.account(), Fault::on(operation, FaultKind::Denied).times(usize::MAX));
}
