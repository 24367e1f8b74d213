//! The operator is killed after each of its writes and started again. The result must be the same as without a crash.

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

/// A change under test: its manifest and the number of its writes.
struct Step<'a> {
    name: &'a str,
    manifest: Option<Value>,
    writes: usize,
}

/// A write that AWS applies and answers only after the operator was killed.
struct HeldWrite {
    applied: Arc<Notify>,
    killed: Arc<Notify>,
}

impl HeldWrite {
    /// Holds the answer to the write `number`, counted from 0.
    fn hold(env: &TestEnv, number: usize) -> Self {
        let held_write = Self { applied: Arc::default(), killed: Arc::default() };
        let (applied, killed) = (held_write.applied.clone(), held_write.killed.clone());
        let hook = Hook::after(move |_| {
            let (applied, killed) = (applied.clone(), killed.clone());
            async move {
                applied.notify_one();
                killed.notified().await;
                Then::HangUp
            }
        });
        env.aws_proxy()
            .inject(env.account(), Fault::on(Fault::ANY_WRITE, FaultKind::Hook(hook)).after(number));
        held_write
    }
}

async fn apply_step(env: &TestEnv, kind: &str, manifest: Option<&Value>) {
    match manifest {
        Some(manifest) => apply(env, manifest).await,
        None => env.delete(kind, "app").await,
    }
}

async fn wait_for_step(env: &TestEnv, kind: &str, deleted: bool) {
    if deleted {
        env.until_gone(kind, "app").await;
    } else {
        env.until_ready(kind, "app").await;
    }
}

/// Runs a step, and kills the operator after the write `number`, counted from 0.
async fn run_step_with_crash(
    env: &TestEnv,
    controller: &mut Controller,
    kind: &str,
    step: &Step<'_>,
    number: usize,
) {
    env.aws_proxy().clear_calls(env.account());
    let held_write = HeldWrite::hold(env, number);
    apply_step(env, kind, step.manifest.as_ref()).await;
    let waited = tokio::time::timeout(LIMIT, held_write.applied.notified()).await;
    waited.unwrap_or_else(|_| panic!("{} made no write {number}: {:#?}", step.name, env.aws_writes()));
    controller.kill().await;
    env.delete_leases().await;
    held_write.killed.notify_one();
    controller.start();
    wait_for_step(env, kind, step.manifest.is_none()).await;
}

fn created(env: &TestEnv, name: &str) -> Value {
    let settings = json!({"functionName": name, "reservedConcurrency": 1, "tags": {"team": "a"}});
    with(definition(env, "app"), settings)
}

fn changed(env: &TestEnv, name: &str) -> Value {
    let code = json!({"inline": {"index.py": handler_with("second")}});
    with(
        created(env, name),
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

/// Checks that all resources of the object exist exactly once, and no other resources.
async fn assert_in_place(env: &TestEnv, kind: &str, bucket: &str, name: &str, is_changed: bool) {
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

async fn assert_deleted(env: &TestEnv, bucket: &str) {
    assert_eq!(function_names(env).await, NOTHING);
    assert_eq!(env.rule_names().await, NOTHING);
    assert_eq!(own(&env.document(bucket).await), vec![]);
}

/// Runs create, update, rename and delete in each round, and kills the operator after one write of each step. The
/// rounds cover the writes of the longest step.
fn test_crashes(kind: &'static str, title: &str, rounds: std::ops::Range<usize>, writes: [usize; 4]) {
    env::test(title, async |env| {
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&NO_RESYNC);
        let manifest = |definition: Value| {
            Some(if kind == S3 { s3("app", &bucket, &definition) } else { scheduled("app", &definition) })
        };
        let steps = [
            Step { name: "create", manifest: manifest(created(&env, "old")), writes: writes[0] },
            Step { name: "update", manifest: manifest(changed(&env, "old")), writes: writes[1] },
            Step { name: "rename", manifest: manifest(changed(&env, "new")), writes: writes[2] },
            Step { name: "delete", manifest: None, writes: writes[3] },
        ];
        for number in rounds {
            for (index, step) in steps.iter().enumerate() {
                // A step with fewer writes runs without a crash.
                if number < step.writes {
                    run_step_with_crash(&env, &mut controller, kind, step, number).await;
                } else {
                    apply_step(&env, kind, step.manifest.as_ref()).await;
                    wait_for_step(&env, kind, step.manifest.is_none()).await;
                }
                match index {
                    0 => assert_in_place(&env, kind, &bucket, "old", false).await,
                    1 => assert_in_place(&env, kind, &bucket, "old", true).await,
                    2 => assert_in_place(&env, kind, &bucket, "new", true).await,
                    _ => assert_deleted(&env, &bucket).await,
                }
            }
        }
    });
}

// Create: function, concurrency, permission, rule, target. Update: settings, tags, concurrency, code. Rename: function,
// permission, target, function. Delete: target, rule, function. Lambda deletes the permission with the function.

#[test]
fn schedule_recovers_from_crash_after_write_1_or_2() {
    test_crashes(SCHEDULED, "killed-1", 0..2, [5, 4, 4, 3]);
}

#[test]
fn schedule_recovers_from_crash_after_write_3_or_4() {
    test_crashes(SCHEDULED, "killed-2", 2..4, [5, 4, 4, 3]);
}

#[test]
fn schedule_recovers_from_crash_after_write_5() {
    test_crashes(SCHEDULED, "killed-3", 4..5, [5, 4, 4, 3]);
}

// The same writes, but one write of the bucket's document replaces rule and target.

#[test]
fn bucket_recovers_from_crash_after_write_1_or_2() {
    test_crashes(S3, "killed-4", 0..2, [4, 4, 4, 2]);
}

#[test]
fn bucket_recovers_from_crash_after_write_3_or_4() {
    test_crashes(S3, "killed-5", 2..4, [4, 4, 4, 2]);
}
