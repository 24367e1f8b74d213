//! Drift of entries and permissions: the next resync repairs changes by other tools. Without drift, the operator writes
//! nothing.

use lambda_triggers_core::ownership::bucket_statement_id;
use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    EmittedEvent, KIND, RESYNC_1S, entry, event, owner, permission, policy, wait_for_entries,
    wait_for_events, wait_for_next_second, wait_for_three_resyncs,
};
use crate::support::{AwsView, s3};

fn drift(note: String) -> EmittedEvent {
    event("Warning", "DriftRepaired", note)
}

/// Creates an object, and returns its function, its bucket and its entry.
async fn create_in_place(env: &TestEnv) -> (String, String, Entry) {
    let function = env.function("thumbs").await;
    let bucket = env.new_bucket("photos").await;
    env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
    env.until_ready(KIND, "thumbs").await;
    let entry = entry(env, "thumbs", &function, "", "");
    (function, bucket, entry)
}

#[test]
fn a_removed_permission_is_restored() {
    env::test("permission", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (function, bucket, _) = create_in_place(&env).await;
        let sid = bucket_statement_id(&owner(), &bucket);
        env.lambda().remove_permission().function_name("thumbs").statement_id(sid).send().await.unwrap();
        let note = format!("restored the permission for bucket {bucket} to invoke thumbs");
        assert_eq!(wait_for_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

#[test]
fn a_changed_permission_is_replaced() {
    env::test("statement", async |env| {
        let mut controller = env.controller(&RESYNC_1S);
        let (function, bucket, _) = create_in_place(&env).await;
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
        let note = format!("restored the permission for bucket {bucket} to invoke thumbs");
        assert_eq!(wait_for_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

#[test]
fn a_removed_entry_is_restored() {
    env::test("entry", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (_, bucket, entry) = create_in_place(&env).await;
        env.put_document(&bucket, "<NotificationConfiguration/>").await;
        let note = format!(
            "restored an entry missing from bucket {bucket}, for thumbs on s3:ObjectCreated:*: {}",
            entry.filter.describe()
        );
        assert_eq!(wait_for_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        wait_for_entries(&env, &bucket, &[entry]).await;
    });
}

#[test]
fn a_changed_entry_is_repaired() {
    env::test("changed-entry", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (_, bucket, entry) = create_in_place(&env).await;
        let text = env.document_text(&bucket).await;
        env.put_document(&bucket, &text.replace("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete")).await;
        let note = format!(
            "restored an entry changed in bucket {bucket}, for thumbs on s3:ObjectCreated:*: {}",
            entry.filter.describe()
        );
        assert_eq!(wait_for_events(&env, "thumbs", "DriftRepaired").await, drift(note));
        wait_for_entries(&env, &bucket, &[entry]).await;
    });
}

#[test]
fn at_rest_the_operator_writes_nothing() {
    env::test("rest", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let (_, bucket, _) = create_in_place(&env).await;
        env.function("suspended").await;
        env.function("overlapping").await;
        wait_for_next_second(&env, KIND, "thumbs").await;
        env.apply(&s3("suspended", "suspended", &bucket, "suspend: true\nevents: ['s3:ObjectRemoved:*']"))
            .await;
        env.until_ready(KIND, "suspended").await;
        env.apply(&s3("missing", "missing", &bucket, "events: ['s3:ObjectAcl:Put']")).await;
        env.until_condition(KIND, "missing", "Stalled", "True").await;
        env.apply(&s3("overlapping", "overlapping", &bucket, "filters: [{prefix: a/}]")).await;
        env.until_condition(KIND, "overlapping", "Stalled", "True").await;

        let objects = ["thumbs", "suspended", "missing", "overlapping"];
        let before = versions_and_statuses(&env, &objects).await;
        wait_for_three_resyncs(&env, &objects).await;
        assert_eq!(env.aws_writes(), []);
        assert_eq!(versions_and_statuses(&env, &objects).await, before);
    });
}

/// Resource version and status of objects.
async fn versions_and_statuses(env: &TestEnv, objects: &[&str]) -> Vec<(String, serde_json::Value)> {
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
        create_in_place(&env).await;
        let before = versions_and_statuses(&env, &["thumbs"]).await;
        controller.stop().await;
        controller.start();
        wait_for_three_resyncs(&env, &["thumbs"]).await;
        assert_eq!(env.aws_writes(), []);
        assert_eq!(versions_and_statuses(&env, &["thumbs"]).await, before);
    });
}
