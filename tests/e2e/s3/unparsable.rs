//! Objects that an older or laxer schema let in, and objects that came back from a backup.

use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{
    KIND, NO_RESYNC, RESYNC_1S, entry, forget_calls, own, permission, policy, stalled, until_conditions,
    until_entries,
};
use crate::support::{AwsView, LIMIT, s3};

/// Lets the API server take any spec.
async fn loosen_the_schema(w: &World) {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let patch =
        json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema}]);
    let crd = "crd/s3triggeredfunctions.lambda-triggers.dev";
    let patched = w.kubectl(&["patch", crd, "--type=json", "--patch", &patch.to_string()], "").await;
    patched.expect("kubectl patch");
}

/// Makes the spec of an object unreadable, as soon as the API server takes it.
async fn spoil(w: &World, name: &str) {
    let patch = r#"{"spec":{"events":"s3:ObjectCreated:*"}}"#;
    w.until(LIMIT, "the API server to take a spec that does not parse", async || {
        let patched = w.kubectl(&["patch", KIND, name, "--type=merge", "--patch", patch], "").await;
        if patched.success { Ok(()) } else { Err(patched.stderr) }
    })
    .await;
}

#[test]
fn an_object_that_no_longer_parses_keeps_its_entries_and_can_be_deleted() {
    world::test_on_own_cluster("unparsable", async |w| {
        let (thumbs, index) = (w.function("thumbs").await, w.function("index").await);
        let bucket = w.new_bucket("photos").await;
        let kept = entry(&w, "broken", &thumbs, "a/", "");
        let mut controller = w.controller(&RESYNC_1S);
        w.apply(&s3("broken", "thumbs", &bucket, "filters: [{prefix: a/}]")).await;
        w.until_ready(KIND, "broken").await;
        loosen_the_schema(&w).await;
        spoil(&w, "broken").await;
        let message = "the spec cannot be read: invalid type: string \"s3:ObjectCreated:*\", expected a sequence; compare \
                       it with `kubectl explain s3triggeredfunction.spec`";
        until_conditions(&w, "broken", &stalled("InvalidSpec", message, &[], "NotificationReady")).await;

        w.apply(&s3("neighbour", "index", &bucket, "filters: [{prefix: b/}]")).await;
        until_entries(&w, &bucket, &[kept.clone(), entry(&w, "neighbour", &index, "b/", "")]).await;
        // An operator that never saw the object whole knows it by its name alone.
        controller.stop().await;
        controller.start();
        w.apply(&s3("neighbour", "index", &bucket, "filters: [{prefix: c/}]")).await;
        until_entries(&w, &bucket, &[kept.clone(), entry(&w, "neighbour", &index, "c/", "")]).await;
        w.delete(KIND, "neighbour").await;
        w.until_gone(KIND, "neighbour").await;
        assert_eq!(own(&w.document(&bucket).await), [kept]);
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &thumbs, &bucket)]);

        w.delete(KIND, "broken").await;
        w.until_gone(KIND, "broken").await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// Deletes an object without its finalizer being honoured, as when a cluster is lost.
async fn lose(w: &World, name: &str) {
    w.delete(KIND, name).await;
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    w.kubectl(&["patch", KIND, name, "--type=merge", "--patch", patch], "").await.expect("kubectl patch");
    w.until_gone(KIND, name).await;
}

#[test]
fn an_object_that_comes_back_with_another_uid_owns_what_its_predecessor_made() {
    world::test("backup", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let mut controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;
        controller.stop().await;
        lose(&w, "thumbs").await;
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        forget_calls(&w);
        controller.start();
        w.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), [entry(&w, "thumbs", &function, "", "")]);
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
        assert_eq!(w.aws_writes(), []);

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// A backup keeps the finalizer, and not the status.
#[test]
fn an_object_that_comes_back_and_is_deleted_at_once_takes_with_it_what_its_predecessor_made() {
    world::test("backup-deleted", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let mut controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;
        controller.stop().await;
        lose(&w, "thumbs").await;
        let manifest = s3("thumbs", "thumbs", &bucket, "");
        let finalizer = "  name: thumbs\n  finalizers: [lambda-triggers.dev/aws-cleanup]\n";
        w.apply(&manifest.replace("  name: thumbs\n", finalizer)).await;
        w.delete(KIND, "thumbs").await;
        controller.start();
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), []);
        assert_eq!(policy(&w, "thumbs", None).await, Vec::<Value>::new());
    });
}
