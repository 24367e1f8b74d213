//! The annotation that pauses one object: its rule and entries stay as they are, and other objects go on.

use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_core::plan::identity::{ObjectKey, bucket_statement_id};
use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use crate::docs::Page;
use crate::objects::{Condition, NO_RESYNC, condition, conditions, event, owner, told, until_conditions};
use crate::scheduled::view::{KIND, STATEMENT, rule_name, rules};
use crate::support::{AwsView, both_in_place, own, s3, scheduled};

const S3: &str = "S3TriggeredFunction";
const RESUME: &str = "remove the annotation lambda-triggers.dev/paused to go on";

async fn annotate(w: &World, kind: &str, name: &str, annotation: &str) {
    let annotation = format!("lambda-triggers.dev/paused{annotation}");
    w.kubectl(&["annotate", kind, name, &annotation], "").await.expect("kubectl annotate");
}

/// The conditions of a paused object whose parts are in place.
fn in_place(part: &str) -> Vec<Condition> {
    let message = format!("paused: AWS was as the spec says, and nobody repairs it; {RESUME}");
    let ready = condition("Ready", "True", "Paused", &message);
    let parts = ["FunctionReady", "PermissionReady", part].map(|part| condition(part, "True", "Applied", ""));
    [vec![ready], parts.to_vec()].concat()
}

/// The conditions of a paused object that waits for the pause to end.
fn waiting(what: &str) -> Vec<Condition> {
    let message = format!("paused: {what}; {RESUME}");
    let all = [("Ready", "False"), ("Stalled", "True")];
    all.map(|(kind, status)| condition(kind, status, "Paused", &message)).to_vec()
}

/// The operator's entries of one object.
async fn entries_of(w: &World, bucket: &str, name: &str) -> Vec<Entry> {
    let base_name = ObjectKey::new(w.namespace(), name).base_name(&owner());
    let is_its = |entry: &Entry| entry.id.as_deref().is_some_and(|id| id.starts_with(&base_name));
    own(&w.document(bucket).await).into_iter().filter(is_its).collect()
}

#[test]
fn a_paused_object_is_left_alone_and_the_others_go_on() {
    world::test("paused", async |w| {
        let mut controller = w.controller(&NO_RESYNC);
        let bucket = both_in_place(&w).await;
        let [pause, resume] = Page::read("docs/conditions.md").commands("Pause a resource");
        w.shell(&pause).await.expect(&pause);
        until_conditions(&w, KIND, "nightly-report", &in_place("RuleReady")).await;
        annotate(&w, S3, "thumbnails", "=true").await;
        until_conditions(&w, S3, "thumbnails", &in_place("NotificationReady")).await;
        let paused = event("Normal", "Paused", in_place("")[0][3].clone());
        assert_eq!(told(&w, "thumbnails").await.pop(), Some(paused));

        let rule = rule_name(&w, "nightly-report");
        w.events().disable_rule().name(&rule).send().await.unwrap();
        let (rules_before, entries) = (rules(&w).await, entries_of(&w, &bucket, "thumbnails").await);
        w.apply(&s3("thumbnails", "report", &bucket, "filters: [{prefix: new/}]")).await;
        let changed = waiting("AWS may not be as the spec says, and nobody changes it");
        until_conditions(&w, S3, "thumbnails", &changed).await;
        w.delete(KIND, "nightly-report").await;
        let deleted = waiting("what was made for the resource stays, and so does the finalizer");
        until_conditions(&w, KIND, "nightly-report", &deleted).await;
        let blocked = event("Warning", "DeletionBlocked", deleted[0][3].clone());
        assert_eq!(told(&w, "nightly-report").await.pop(), Some(blocked));

        // Another trigger of the same bucket and function comes and goes, before and after a restart.
        let statements = [bucket_statement_id(&owner(), &bucket), STATEMENT.to_owned()];
        for _ in 0..2 {
            w.apply(&s3("other", "report", &bucket, "events: ['s3:ObjectRemoved:*']")).await;
            w.until_ready(S3, "other").await;
            assert_eq!(entries_of(&w, &bucket, "other").await.len(), 1);
            assert_eq!(entries_of(&w, &bucket, "thumbnails").await, entries);
            w.delete(S3, "other").await;
            w.until_gone(S3, "other").await;
            assert_eq!(own(&w.document(&bucket).await), entries);
            assert_eq!(w.statements("report", None).await, statements);
            controller.stop().await;
            controller.start();
        }
        assert_eq!(rules(&w).await, rules_before);
        assert_eq!(conditions(&w, S3, "thumbnails").await, changed);
        assert_eq!(conditions(&w, KIND, "nightly-report").await, deleted);

        w.shell(&resume).await.expect(&resume);
        w.until_gone(KIND, "nightly-report").await;
        assert_eq!(rules(&w).await.into_keys().collect::<Vec<_>>(), Vec::<String>::new());
        annotate(&w, S3, "thumbnails", "-").await;
        w.until_ready(S3, "thumbnails").await;
        let filter = KeyFilter { prefix: Some("new/".into()), ..KeyFilter::default() };
        let id = ObjectKey::new(w.namespace(), "thumbnails").entry_id(&owner(), &filter, false);
        let ids: Vec<_> = own(&w.document(&bucket).await).into_iter().filter_map(|entry| entry.id).collect();
        assert_eq!(ids, [id]);
    });
}

#[test]
fn an_object_that_is_paused_from_the_start_gets_no_finalizer() {
    world::test("paused-new", async |w| {
        let _controller = w.controller(&NO_RESYNC);
        w.function("hourly").await;
        w.aws_proxy().clear_calls(w.account());
        let manifest = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        let annotated = "metadata:\n  annotations: {lambda-triggers.dev/paused: \"true\"}";
        w.apply(&manifest.replace("metadata:", annotated)).await;
        let new = waiting("AWS may not be as the spec says, and nobody changes it");
        until_conditions(&w, KIND, "hourly", &new).await;
        assert_eq!(w.object(KIND, "hourly").await.unwrap()["metadata"]["finalizers"], Value::Null);
        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        assert_eq!(w.aws_writes(), []);
        w.apply(&manifest.replace("metadata:", &annotated.replace("true", "false"))).await;
        let object = w.until_ready(KIND, "hourly").await;
        assert_eq!(object["metadata"]["finalizers"], json!(["lambda-triggers.dev/aws-cleanup"]));
    });
}
