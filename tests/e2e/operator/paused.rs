//! The annotation `lambda-triggers.dev/paused`: the object's rule and entries stay unchanged, and other objects are
//! reconciled.

use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::ownership::{ObjectKey, bucket_statement_id};
use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use crate::docs::Page;
use crate::objects::{
    Condition, NO_RESYNC, condition, conditions, event, events_of, owner, wait_for_conditions,
};
use crate::scheduled::view::{KIND, STATEMENT, rule_name, rules};
use crate::support::{AwsView, create_both_triggers, own, s3, scheduled};

const S3: &str = "S3TriggeredFunction";
const RESUME: &str = "remove the annotation lambda-triggers.dev/paused to continue";

async fn annotate(env: &TestEnv, kind: &str, name: &str, annotation: &str) {
    let annotation = format!("lambda-triggers.dev/paused{annotation}");
    env.kubectl(&["annotate", kind, name, &annotation], "").await.expect("kubectl annotate");
}

/// The conditions of a paused object that was in sync.
fn in_place(part: &str) -> Vec<Condition> {
    let message = format!("paused: AWS matched the spec, and drift is not repaired; {RESUME}");
    let ready = condition("Ready", "True", "Paused", &message);
    let parts = ["FunctionReady", "PermissionReady", part].map(|part| condition(part, "True", "Applied", ""));
    [vec![ready], parts.to_vec()].concat()
}

/// The conditions of a paused object with changes that wait for the end of the pause.
fn waiting(what: &str) -> Vec<Condition> {
    let message = format!("paused: {what}; {RESUME}");
    let all = [("Ready", "False"), ("Stalled", "True")];
    all.map(|(kind, status)| condition(kind, status, "Paused", &message)).to_vec()
}

/// The operator's entries of one object.
async fn entries_of(env: &TestEnv, bucket: &str, name: &str) -> Vec<Entry> {
    let base_name = ObjectKey::new(env.namespace(), name).base_name(&owner());
    let belongs_to_object = |entry: &Entry| entry.id.as_deref().is_some_and(|id| id.starts_with(&base_name));
    own(&env.document(bucket).await).into_iter().filter(belongs_to_object).collect()
}

#[test]
fn a_paused_object_stays_unchanged_and_others_are_reconciled() {
    env::test("paused", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        let bucket = create_both_triggers(&env).await;
        let [pause, resume] = Page::read("docs/conditions.md").commands("Pause a resource");
        env.shell(&pause).await.expect(&pause);
        wait_for_conditions(&env, KIND, "nightly-report", &in_place("RuleReady")).await;
        annotate(&env, S3, "thumbnails", "=true").await;
        wait_for_conditions(&env, S3, "thumbnails", &in_place("NotificationReady")).await;
        let paused = event("Normal", "Paused", in_place("")[0][3].clone());
        assert_eq!(events_of(&env, "thumbnails").await.pop(), Some(paused));

        let rule = rule_name(&env, "nightly-report");
        env.events().disable_rule().name(&rule).send().await.unwrap();
        let (rules_before, entries) = (rules(&env).await, entries_of(&env, &bucket, "thumbnails").await);
        env.apply(&s3("thumbnails", "report", &bucket, "filters: [{prefix: new/}]")).await;
        let changed = waiting("AWS may not match the spec, and is not changed");
        wait_for_conditions(&env, S3, "thumbnails", &changed).await;
        env.delete(KIND, "nightly-report").await;
        let deleted = waiting("the AWS resources and the finalizer stay");
        wait_for_conditions(&env, KIND, "nightly-report", &deleted).await;
        let blocked = event("Warning", "DeletionBlocked", deleted[0][3].clone());
        assert_eq!(events_of(&env, "nightly-report").await.pop(), Some(blocked));

        // Another trigger of the same bucket and function is created and deleted, before and after a restart.
        let statements = [bucket_statement_id(&owner(), &bucket), STATEMENT.to_owned()];
        for _ in 0..2 {
            env.apply(&s3("other", "report", &bucket, "events: ['s3:ObjectRemoved:*']")).await;
            env.until_ready(S3, "other").await;
            assert_eq!(entries_of(&env, &bucket, "other").await.len(), 1);
            assert_eq!(entries_of(&env, &bucket, "thumbnails").await, entries);
            env.delete(S3, "other").await;
            env.until_gone(S3, "other").await;
            assert_eq!(own(&env.document(&bucket).await), entries);
            assert_eq!(env.statements("report", None).await, statements);
            controller.stop().await;
            controller.start();
        }
        assert_eq!(rules(&env).await, rules_before);
        assert_eq!(conditions(&env, S3, "thumbnails").await, changed);
        assert_eq!(conditions(&env, KIND, "nightly-report").await, deleted);

        env.shell(&resume).await.expect(&resume);
        env.until_gone(KIND, "nightly-report").await;
        assert_eq!(rules(&env).await.into_keys().collect::<Vec<_>>(), Vec::<String>::new());
        annotate(&env, S3, "thumbnails", "-").await;
        env.until_ready(S3, "thumbnails").await;
        let filter = KeyFilter { prefix: Some("new/".into()), ..KeyFilter::default() };
        let id = ObjectKey::new(env.namespace(), "thumbnails").entry_id(&owner(), &filter, false);
        let ids: Vec<_> =
            own(&env.document(&bucket).await).into_iter().filter_map(|entry| entry.id).collect();
        assert_eq!(ids, [id]);
    });
}

#[test]
fn an_object_created_paused_gets_no_finalizer() {
    env::test("paused-new", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        env.function("hourly").await;
        env.aws_proxy().clear_calls(env.account());
        let manifest = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        let annotated = "metadata:\n  annotations: {lambda-triggers.dev/paused: \"true\"}";
        env.apply(&manifest.replace("metadata:", annotated)).await;
        let new = waiting("AWS may not match the spec, and is not changed");
        wait_for_conditions(&env, KIND, "hourly", &new).await;
        assert_eq!(env.object(KIND, "hourly").await.unwrap()["metadata"]["finalizers"], Value::Null);
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(env.aws_writes(), []);
        env.apply(&manifest.replace("metadata:", &annotated.replace("true", "false"))).await;
        let object = env.until_ready(KIND, "hourly").await;
        assert_eq!(object["metadata"]["finalizers"], json!(["lambda-triggers.dev/aws-cleanup"]));
    });
}
