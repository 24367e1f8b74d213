//! The operator is killed after each of its writes, and started again: the end is as without.

use std::sync::Arc;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind, Hook, Then};
use lambda_triggers_tests::env::{self, Controller, TestEnv};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::view::{
    S3, SCHEDULED, apply, arn, definition, function, function_names, handler_with, plain, s3, scheduled,
    sha256, with,
};
use crate::objects::NO_RESYNC;
use crate::support::{AwsView, LIMIT, own, rule};

const NOTHING: [&str; 0] = [];

/// A change under test: its manifest, and how many writes it takes.
struct Step<'a> {
    what: &'a str,
    manifest: Option<Value>,
    writes: usize,
}

/// A write that is carried out, and not answered before the operator is gone.
struct Held {
    carried_out: Arc<Notify>,
    killed: Arc<Notify>,
}

impl Held {
    /// Holds the answer to the write number `number` from now on, beginning with 0.
    fn write(env: &TestEnv, number: usize) -> Self {
        let held = Self { carried_out: Arc::default(), killed: Arc::default() };
        let (carried_out, killed) = (held.carried_out.clone(), held.killed.clone());
        let hook = Hook::after(move |_| {
            let (carried_out, killed) = (carried_out.clone(), killed.clone());
            async move {
                carried_out.notify_one();
                killed.notified().await;
                Then::HangUp
            }
        });
        env.aws_proxy()
            .inject(env.account(), Fault::on(Fault::ANY_WRITE, FaultKind::Hook(hook)).after(number));
        held
    }
}

async fn act(env: &TestEnv, kind: &str, manifest: Option<&Value>) {
    match manifest {
        Some(manifest) => apply(env, manifest).await,
        None => env.delete(kind, "app").await,
    }
}

async fn until_done(env: &TestEnv, kind: &str, deleted: bool) {
    if deleted {
        env.until_gone(kind, "app").await;
    } else {
        env.until_ready(kind, "app").await;
    }
}

/// Does a step with a kill after the write number `number`, beginning with 0.
async fn killed_after(
    env: &TestEnv,
    controller: &mut Controller,
    kind: &str,
    step: &Step<'_>,
    number: usize,
) {
    env.aws_proxy().clear_calls(env.account());
    let held = Held::write(env, number);
    act(env, kind, step.manifest.as_ref()).await;
    let waited = tokio::time::timeout(LIMIT, held.carried_out.notified()).await;
    waited.unwrap_or_else(|_| panic!("{} made no write {number}: {:#?}", step.what, env.aws_writes()));
    controller.kill().await;
    held.killed.notify_one();
    controller.start();
    until_done(env, kind, step.manifest.is_none()).await;
}

fn named(env: &TestEnv, name: &str) -> Value {
    let settings = json!({"functionName": name, "reservedConcurrency": 1, "tags": {"team": "a"}});
    with(definition(env, "app"), settings)
}

fn changed(env: &TestEnv, name: &str) -> Value {
    let code = json!({"inline": {"index.py": handler_with("second")}});
    with(
        named(env, name),
        json!({"timeoutSeconds": 5, "code": code, "tags": {"team": "b"}, "reservedConcurrency": null}),
    )
}

async fn expected(env: &TestEnv, kind: &str, name: &str, is_changed: bool) -> Value {
    let mut expected = plain(env, kind, "app", name).await;
    expected["tags"]["team"] = json!(if is_changed { "b" } else { "a" });
    if is_changed {
        expected["timeoutSeconds"] = json!(5);
        expected["codeSha256"] = json!(sha256(&[("index.py", &handler_with("second"))]));
    } else {
        expected["reservedConcurrency"] = json!(1);
    }
    expected
}

/// Everything of the object is there once, and nothing else.
async fn is_in_place(env: &TestEnv, kind: &str, bucket: &str, name: &str, is_changed: bool) {
    assert_eq!(function_names(env).await, [name]);
    assert_eq!(function(env, name).await, Some(expected(env, kind, name, is_changed).await));
    let mut targets = vec![];
    for rule_name in env.rule_names().await {
        targets.extend(
            rule(env.events(), &rule_name).await.unwrap().targets.into_iter().map(|target| target.arn),
        );
    }
    targets.extend(own(&env.document(bucket).await).into_iter().map(|entry| entry.arn));
    assert_eq!(targets, [arn(env, name)]);
    assert_eq!(env.statements(name, None).await.len(), 1);
}

async fn is_gone(env: &TestEnv, bucket: &str) {
    assert_eq!(function_names(env).await, NOTHING);
    assert_eq!(env.rule_names().await, NOTHING);
    assert_eq!(own(&env.document(bucket).await), vec![]);
}

/// Create, update, rename and delete, each with a kill after one of its writes; as often as the longest has writes.
fn killed(kind: &'static str, title: &str, rounds: std::ops::Range<usize>, writes: [usize; 4]) {
    env::test(title, async |env| {
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&NO_RESYNC);
        let manifest = |definition: Value| {
            Some(if kind == S3 { s3("app", &bucket, &definition) } else { scheduled("app", &definition) })
        };
        let steps = [
            Step { what: "create", manifest: manifest(named(&env, "old")), writes: writes[0] },
            Step { what: "update", manifest: manifest(changed(&env, "old")), writes: writes[1] },
            Step { what: "rename", manifest: manifest(changed(&env, "new")), writes: writes[2] },
            Step { what: "delete", manifest: None, writes: writes[3] },
        ];
        for number in rounds {
            for (index, step) in steps.iter().enumerate() {
                // A step with fewer writes is done as it is.
                if number < step.writes {
                    killed_after(&env, &mut controller, kind, step, number).await;
                } else {
                    act(&env, kind, step.manifest.as_ref()).await;
                    until_done(&env, kind, step.manifest.is_none()).await;
                }
                match index {
                    0 => is_in_place(&env, kind, &bucket, "old", false).await,
                    1 => is_in_place(&env, kind, &bucket, "old", true).await,
                    2 => is_in_place(&env, kind, &bucket, "new", true).await,
                    _ => is_gone(&env, &bucket).await,
                }
            }
        }
    });
}

// Create: function, concurrency, permission, rule, target. Update: settings, tags, concurrency, code. Rename: function,
// permission, target, permission, function. Delete: target, rule, permission, function.

#[test]
fn a_schedule_killed_after_the_first_writes() {
    killed(SCHEDULED, "killed-1", 0..2, [5, 4, 5, 4]);
}

#[test]
fn a_schedule_killed_after_the_third_and_fourth_write() {
    killed(SCHEDULED, "killed-2", 2..4, [5, 4, 5, 4]);
}

#[test]
fn a_schedule_killed_after_the_last_write() {
    killed(SCHEDULED, "killed-3", 4..5, [5, 4, 5, 4]);
}

// As above, with one write of the bucket's document in place of rule and target.

#[test]
fn a_bucket_killed_after_the_first_writes() {
    killed(S3, "killed-4", 0..2, [4, 4, 5, 3]);
}

#[test]
fn a_bucket_killed_after_the_third_and_fourth_write() {
    killed(S3, "killed-5", 2..4, [4, 4, 5, 3]);
}

#[test]
fn a_bucket_killed_after_the_last_write() {
    killed(S3, "killed-6", 4..5, [4, 4, 5, 3]);
}
