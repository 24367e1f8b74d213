//! What was changed by hand is put back at the next resync, and where nothing was, nothing is written.

use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_core::plan::identity::bucket_statement_id;
use lambda_triggers_tests::world::{self, World};

use super::view::{
    KIND, RESYNC_1S, Told, entry, event, owner, permission, policy, three_resyncs, until_entries, until_told,
    until_younger_ones_can_come,
};
use crate::support::{AwsView, s3};

fn drift(note: String) -> Told {
    event("Warning", "DriftRepaired", note)
}

/// An object that is in place: its bucket, its function and its entry.
async fn in_place(w: &World) -> (String, String, Entry) {
    let function = w.function("thumbs").await;
    let bucket = w.new_bucket("photos").await;
    w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
    w.until_ready(KIND, "thumbs").await;
    let entry = entry(w, "thumbs", &function, "", "");
    (function, bucket, entry)
}

#[test]
fn a_permission_that_was_removed_comes_back() {
    world::test("permission", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let (function, bucket, _) = in_place(&w).await;
        let sid = bucket_statement_id(&owner(), &bucket);
        w.lambda().remove_permission().function_name("thumbs").statement_id(sid).send().await.unwrap();
        let note = format!("put back the permission for bucket {bucket} to invoke thumbs");
        assert_eq!(until_told(&w, "thumbs", "DriftRepaired").await, drift(note));
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
    });
}

#[test]
fn a_permission_that_was_changed_is_made_anew() {
    world::test("statement", async |w| {
        let mut controller = w.controller(&RESYNC_1S);
        let (function, bucket, _) = in_place(&w).await;
        controller.stop().await;
        let sid = bucket_statement_id(&owner(), &bucket);
        w.lambda().remove_permission().function_name("thumbs").statement_id(&sid).send().await.unwrap();
        let other = w.lambda().add_permission().function_name("thumbs").statement_id(&sid);
        let other = other.action("lambda:InvokeFunction").principal("s3.amazonaws.com");
        other
            .source_arn(format!("arn:aws:s3:::{bucket}"))
            .source_account("999999999999")
            .send()
            .await
            .unwrap();
        controller.start();
        let note = format!("put back the permission for bucket {bucket} to invoke thumbs");
        assert_eq!(until_told(&w, "thumbs", "DriftRepaired").await, drift(note));
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
    });
}

#[test]
fn an_entry_that_was_removed_comes_back() {
    world::test("entry", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let (_, bucket, entry) = in_place(&w).await;
        w.put_document(&bucket, "<NotificationConfiguration/>").await;
        let note = format!("put back the {}, which was gone from bucket {bucket}", entry.describe());
        assert_eq!(until_told(&w, "thumbs", "DriftRepaired").await, drift(note));
        until_entries(&w, &bucket, &[entry]).await;
    });
}

#[test]
fn an_entry_that_was_changed_is_put_right() {
    world::test("changed-entry", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let (_, bucket, entry) = in_place(&w).await;
        let text = w.document_text(&bucket).await;
        w.put_document(&bucket, &text.replace("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete")).await;
        let note = format!("put back the {}, which was changed in bucket {bucket}", entry.describe());
        assert_eq!(until_told(&w, "thumbs", "DriftRepaired").await, drift(note));
        until_entries(&w, &bucket, &[entry]).await;
    });
}

#[test]
fn at_rest_nothing_is_written_to_aws_or_to_a_status() {
    world::test("rest", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let (_, bucket, _) = in_place(&w).await;
        w.function("suspended").await;
        w.function("overlapping").await;
        until_younger_ones_can_come(&w, "thumbs").await;
        w.apply(&s3("suspended", "suspended", &bucket, "suspend: true\nevents: ['s3:ObjectRemoved:*']"))
            .await;
        w.until_ready(KIND, "suspended").await;
        w.apply(&s3("missing", "missing", &bucket, "events: ['s3:ObjectAcl:Put']")).await;
        w.until_condition(KIND, "missing", "Stalled", "True").await;
        w.apply(&s3("overlapping", "overlapping", &bucket, "filters: [{prefix: a/}]")).await;
        w.until_condition(KIND, "overlapping", "Stalled", "True").await;

        let objects = ["thumbs", "suspended", "missing", "overlapping"];
        let before = as_they_are(&w, &objects).await;
        three_resyncs(&w, &objects).await;
        assert_eq!(w.aws_writes(), []);
        assert_eq!(as_they_are(&w, &objects).await, before);
    });
}

/// Resource version and status of objects.
async fn as_they_are(w: &World, objects: &[&str]) -> Vec<(String, serde_json::Value)> {
    let mut all = vec![];
    for name in objects {
        let object = w.object(KIND, name).await.unwrap();
        all.push((object["metadata"]["resourceVersion"].as_str().unwrap().into(), object["status"].clone()));
    }
    all
}

#[test]
fn a_restart_of_the_operator_writes_nothing() {
    world::test("restart", async |w| {
        let mut controller = w.controller(&RESYNC_1S);
        in_place(&w).await;
        let before = as_they_are(&w, &["thumbs"]).await;
        controller.stop().await;
        controller.start();
        three_resyncs(&w, &["thumbs"]).await;
        assert_eq!(w.aws_writes(), []);
        assert_eq!(as_they_are(&w, &["thumbs"]).await, before);
    });
}
