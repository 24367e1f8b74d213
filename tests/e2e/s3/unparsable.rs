//! Objects that do not parse, for example from an older or less strict CRD, and objects that are restored from a
//! backup.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{
    KIND, NO_RESYNC, RESYNC_1S, clear_calls, entry, own, permission, policy, stalled, wait_for_conditions,
    wait_for_entries,
};
use crate::support::{AwsView, LIMIT, s3};

/// Changes the CRD, so that the API server accepts any spec.
async fn accept_any_spec(env: &TestEnv) {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let patch =
        json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema}]);
    let crd = "crd/s3triggeredfunctions.lambda-triggers.dev";
    let patched = env.kubectl(&["patch", crd, "--type=json", "--patch", &patch.to_string()], "").await;
    patched.expect("kubectl patch");
}

/// Makes the spec of an object unparsable, as soon as the API server accepts the change.
async fn make_unparsable(env: &TestEnv, name: &str) {
    let patch = r#"{"spec":{"events":"s3:ObjectCreated:*"}}"#;
    env.until(LIMIT, "the API server to take a spec that does not parse", async || {
        let patched = env.kubectl(&["patch", KIND, name, "--type=merge", "--patch", patch], "").await;
        if patched.success { Ok(()) } else { Err(patched.stderr) }
    })
    .await;
}

#[test]
fn an_unparsable_object_keeps_its_entries_and_can_be_deleted() {
    env::test_on_own_cluster("unparsable", async |env| {
        let (thumbs, index) = (env.function("thumbs").await, env.function("index").await);
        let bucket = env.new_bucket("photos").await;
        let kept = entry(&env, "broken", &thumbs, "a/", "");
        let mut controller = env.controller(&RESYNC_1S);
        env.apply(&s3("broken", "thumbs", &bucket, "filters: [{prefix: a/}]")).await;
        env.until_ready(KIND, "broken").await;
        accept_any_spec(&env).await;
        make_unparsable(&env, "broken").await;
        let message = "the spec cannot be read: invalid type: string \"s3:ObjectCreated:*\", expected a sequence; compare \
                       it with `kubectl explain s3triggeredfunction.spec`";
        wait_for_conditions(&env, "broken", &stalled("InvalidSpec", message, &[], "NotificationReady")).await;

        env.apply(&s3("neighbour", "index", &bucket, "filters: [{prefix: b/}]")).await;
        wait_for_entries(&env, &bucket, &[kept.clone(), entry(&env, "neighbour", &index, "b/", "")]).await;
        // The restarted operator has never parsed the object, and knows only its name.
        controller.stop().await;
        controller.start();
        env.apply(&s3("neighbour", "index", &bucket, "filters: [{prefix: c/}]")).await;
        wait_for_entries(&env, &bucket, &[kept.clone(), entry(&env, "neighbour", &index, "c/", "")]).await;
        env.delete(KIND, "neighbour").await;
        env.until_gone(KIND, "neighbour").await;
        assert_eq!(own(&env.document(&bucket).await), [kept]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &thumbs, &bucket)]);

        env.delete(KIND, "broken").await;
        env.until_gone(KIND, "broken").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// Deletes an object without a cleanup, as after the loss of a cluster.
async fn delete_without_cleanup(env: &TestEnv, name: &str) {
    env.delete(KIND, name).await;
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    env.kubectl(&["patch", KIND, name, "--type=merge", "--patch", patch], "").await.expect("kubectl patch");
    env.until_gone(KIND, name).await;
}

#[test]
fn a_restored_object_owns_the_entry_of_its_predecessor() {
    env::test("backup", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        controller.stop().await;
        delete_without_cleanup(&env, "thumbs").await;
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        clear_calls(&env);
        controller.start();
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
        assert_eq!(env.applied_writes(), []);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

/// A backup contains the finalizer, but not the status.
#[test]
fn deleting_a_restored_object_at_once_removes_its_predecessors_entry() {
    env::test("backup-deleted", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        controller.stop().await;
        delete_without_cleanup(&env, "thumbs").await;
        let manifest = s3("thumbs", "thumbs", &bucket, "");
        let finalizer = "  name: thumbs\n  finalizers: [lambda-triggers.dev/aws-cleanup]\n";
        env.apply(&manifest.replace("  name: thumbs\n", finalizer)).await;
        env.delete(KIND, "thumbs").await;
        controller.start();
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}
