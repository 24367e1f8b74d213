//! What was changed by hand is put back at the next resync, and where nothing was, nothing is written.

use lambda_triggers_core::ownership::bucket_statement_id;
use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    EmittedEvent, KIND, RESYNC_1S, entry, event, owner, permission, policy, three_resyncs, until_entries,
    until_events, until_younger_ones_can_come,
};
use crate::support::{AwsView, s3};

fn drift(note: String) -> EmittedEvent {
    event("Warning", "DriftRepaired", note)
}

/// An object that is in place: its bucket, its function and its entry.
async fn in_place(env: &TestEnv) -> (String, String, Entry) {
    let function = env.function("thumbs").await;
    let bucket = env.new_bucket("photos").await;
    env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
    env.until_ready(KIND, "thumbs").await;
    let entry = entry(env, "thumbs", &function, "", "");
    (function, bucket, entry)
}

#[test]
fn a_permission_that_was_removed_comes_back() {
    env::test("permission", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (function, bucket, _) = in_place(&env).await;
        let sid = bucket_statement_id(&owner(), &bucket);
        env.lambda().remove_permission().function_name("thumbs").statement_id(sid).send().await.unwrap();
        let note = format!("put back the permission for bucket {bucket} to invoke thumbs");
        assert_eq!(until_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

#[test]
fn a_permission_that_was_changed_is_made_anew() {
    env::test("statement", async |env| {
        let mut controller = env.controller(&RESYNC_1S);
        let (function, bucket, _) = in_place(&env).await;
        controller.stop().await;
        let sid = bucket_statement_id(&owner(), &bucket);
        env.lambda().remove_permission().function_name("thumbs").statement_id(&sid).send().await.unwrap();
        let other = env.lambda().add_permission().function_name("thumbs").statement_id(&sid);
        let other = other.action("lambda:InvokeFunction").principal("s3.amazonaws.com");
        other
            .source_arn(format!("arn:aws:s3:::{bucket}"))
            .source_account("999999999999")
            .send()
            .await
            .unwrap();
        controller.start();
        let note = format!("put back the permission for bucket {bucket} to invoke thumbs");
        assert_eq!(until_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

#[test]
fn an_entry_that_was_removed_comes_back() {
    env::test("entry", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (_, bucket, entry) = in_place(&env).await;
        env.put_document(&bucket, "<NotificationConfiguration/>").await;
        let note = format!("put back the {}, which was gone from bucket {bucket}", entry.describe());
        assert_eq!(until_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        until_entries(&env, &bucket, &[entry]).await;
    });
}

#[test]
fn an_entry_that_was_changed_is_put_right() {
    env::test("changed-entry", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (_, bucket, entry) = in_place(&env).await;
        let text = env.document_text(&bucket).await;
        env.put_document(&bucket, &text.replace("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete")).await;
        let note = format!("put back the {}, which was changed in bucket {bucket}", entry.describe());
        assert_eq!(until_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        until_entries(&env, &bucket, &[entry]).await;
    });
}

#[test]
fn at_rest_nothing_is_written_to_aws_or_to_a_status() {
    env::test("rest", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (_, bucket, _) = in_place(&env).await;
        env.function("suspended").await;
        env.function("overlapping").await;
        until_younger_ones_can_come(&env, "thumbs").await;
        env.apply(&s3("suspended", "suspended", &bucket, "suspend: true\nevents: ['s3:ObjectRemoved:*']"))
            .await;
        env.until_ready(KIND, "suspended").await;
        env.apply(&s3("missing", "missing", &bucket, "events: ['s3:ObjectAcl:Put']")).await;
        env.until_condition(KIND, "missing", "Stalled", "True").await;
        env.apply(&s3("overlapping", "overlapping", &bucket, "filters: [{prefix: a/}]")).await;
        env.until_condition(KIND, "overlapping", "Stalled", "True").await;

        let objects = ["thumbs", "suspended", "missing", "overlapping"];
        let before = as_they_are(&env, &objects).await;
        three_resyncs(&env, &objects).await;
        assert_eq!(env.aws_writes(), []);
        assert_eq!(as_they_are(&env, &objects).await, before);
    });
}

/// Resource version and status of objects.
async fn as_they_are(env: &TestEnv, objects: &[&str]) -> Vec<(String, serde_json::Value)> {
    let mut all = vec![];
    for name in objects {
        let object = env.object(KIND, name).await.unwrap();
        all.push((object["metadata"]["resourceVersion"].as_str().unwrap().into(), object["status"].clone()));
    }
    all
}

#[test]
fn a_restart_of_the_operator_writes_nothing() {
    env::test("restart", async |env| {
        let mut controller = env.controller(&RESYNC_1S);
        in_place(&env).await;
        let before = as_they_are(&env, &["thumbs"]).await;
        controller.stop().await;
        controller.start();
        three_resyncs(&env, &["thumbs"]).await;
        assert_eq!(env.aws_writes(), []);
        assert_eq!(as_they_are(&env, &["thumbs"]).await, before);
    });
}
