//! The operator is killed after each of its writes, and started again: the end is as without.

use std::sync::Arc;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind, Hook, Then};
use lambda_triggers_tests::world::{self, Controller, World};
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
    fn write(w: &World, number: usize) -> Self {
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
        w.aws_proxy().inject(w.account(), Fault::on(Fault::ANY_WRITE, FaultKind::Hook(hook)).after(number));
        held
    }
}

async fn act(w: &World, kind: &str, manifest: Option<&Value>) {
    match manifest {
        Some(manifest) => apply(w, manifest).await,
        None => w.delete(kind, "app").await,
    }
}

async fn until_done(w: &World, kind: &str, deleted: bool) {
    if deleted {
        w.until_gone(kind, "app").await;
    } else {
        w.until_ready(kind, "app").await;
    }
}

/// Does a step with a kill after the write number `number`, beginning with 0.
async fn killed_after(w: &World, controller: &mut Controller, kind: &str, step: &Step<'_>, number: usize) {
    w.aws_proxy().clear_calls(w.account());
    let held = Held::write(w, number);
    act(w, kind, step.manifest.as_ref()).await;
    let waited = tokio::time::timeout(LIMIT, held.carried_out.notified()).await;
    waited.unwrap_or_else(|_| panic!("{} made no write {number}: {:#?}", step.what, w.aws_writes()));
    controller.kill().await;
    held.killed.notify_one();
    controller.start();
    until_done(w, kind, step.manifest.is_none()).await;
}

fn named(w: &World, name: &str) -> Value {
    let settings = json!({"functionName": name, "reservedConcurrency": 1, "tags": {"team": "a"}});
    with(definition(w, "app"), settings)
}

fn changed(w: &World, name: &str) -> Value {
    let code = json!({"inline": {"index.py": handler_with("second")}});
    with(
        named(w, name),
        json!({"timeout": 5, "code": code, "tags": {"team": "b"}, "reservedConcurrency": null}),
    )
}

async fn expected(w: &World, kind: &str, name: &str, is_changed: bool) -> Value {
    let mut expected = plain(w, kind, "app", name).await;
    expected["tags"]["team"] = json!(if is_changed { "b" } else { "a" });
    if is_changed {
        expected["timeout"] = json!(5);
        expected["codeSha256"] = json!(sha256(&[("index.py", &handler_with("second"))]));
    } else {
        expected["reservedConcurrency"] = json!(1);
    }
    expected
}

/// Everything of the object is there once, and nothing else.
async fn is_in_place(w: &World, kind: &str, bucket: &str, name: &str, is_changed: bool) {
    assert_eq!(function_names(w).await, [name]);
    assert_eq!(function(w, name).await, Some(expected(w, kind, name, is_changed).await));
    let mut targets = vec![];
    for rule_name in w.rule_names().await {
        targets
            .extend(rule(w.events(), &rule_name).await.unwrap().targets.into_iter().map(|target| target.arn));
    }
    targets.extend(own(&w.document(bucket).await).into_iter().map(|entry| entry.arn));
    assert_eq!(targets, [arn(w, name)]);
    assert_eq!(w.statements(name, None).await.len(), 1);
}

async fn is_gone(w: &World, bucket: &str) {
    assert_eq!(function_names(w).await, NOTHING);
    assert_eq!(w.rule_names().await, NOTHING);
    assert_eq!(own(&w.document(bucket).await), vec![]);
}

/// Create, update, rename and delete, each with a kill after one of its writes; as often as the longest has writes.
fn killed(kind: &'static str, title: &str, rounds: std::ops::Range<usize>, writes: [usize; 4]) {
    world::test(title, async |w| {
        let bucket = w.new_bucket("photos").await;
        let mut controller = w.controller(&NO_RESYNC);
        let manifest = |definition: Value| {
            Some(if kind == S3 { s3("app", &bucket, &definition) } else { scheduled("app", &definition) })
        };
        let steps = [
            Step { what: "create", manifest: manifest(named(&w, "old")), writes: writes[0] },
            Step { what: "update", manifest: manifest(changed(&w, "old")), writes: writes[1] },
            Step { what: "rename", manifest: manifest(changed(&w, "new")), writes: writes[2] },
            Step { what: "delete", manifest: None, writes: writes[3] },
        ];
        for number in rounds {
            for (index, step) in steps.iter().enumerate() {
                // A step with fewer writes is done as it is.
                if number < step.writes {
                    killed_after(&w, &mut controller, kind, step, number).await;
                } else {
                    act(&w, kind, step.manifest.as_ref()).await;
                    until_done(&w, kind, step.manifest.is_none()).await;
                }
                match index {
                    0 => is_in_place(&w, kind, &bucket, "old", false).await,
                    1 => is_in_place(&w, kind, &bucket, "old", true).await,
                    2 => is_in_place(&w, kind, &bucket, "new", true).await,
                    _ => is_gone(&w, &bucket).await,
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
