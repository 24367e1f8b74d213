//! Entries that S3 refuses beside each other: entries of other tools, of two objects, and of other operators.

use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use super::view::{
    KIND, NO_RESYNC, RESYNC_1S, entry, event, events_of, in_place, own, permission, policy, stalled,
    wait_for_conditions, wait_for_entries, wait_for_next_second, with_events,
};
use crate::support::{AwsView, s3};

const PARTS_BEFORE: [&str; 2] = ["FunctionReady", "PermissionReady"];
const PUT_ONLY: [&str; 1] = ["s3:ObjectCreated:Put"];

/// Writes foreign function entries with these Ids, functions and events.
async fn put_entries(env: &TestEnv, bucket: &str, entries: &[(&str, &str, &str)]) {
    let entry = |(id, function, event): &(&str, &str, &str)| {
        format!(
            "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{function}</CloudFunction><Event>{event}</Event></CloudFunctionConfiguration>"
        )
    };
    let entries: String = entries.iter().map(entry).collect();
    let root = "NotificationConfiguration";
    env.put_document(
        bucket,
        &format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{entries}</{root}>"),
    )
    .await;
}

/// All entries of a bucket.
async fn entries(env: &TestEnv, bucket: &str) -> Vec<Entry> {
    env.document(bucket).await.entries().cloned().collect()
}

#[test]
fn a_foreign_entry_for_the_same_function_is_adopted() {
    env::test("adopted", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("thumbs", &bucket).await;
        let foreign = policy(&env, "thumbs", None).await;
        let foreign_entries =
            [("chalice", &*function, "s3:ObjectCreated:Put"), ("kept", &*function, "s3:ObjectRemoved:*")];
        put_entries(&env, &bucket, &foreign_entries).await;
        let kept = entries(&env, &bucket).await.remove(1);
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;

        let own_entry = entry(&env, "thumbs", &function, "", "");
        assert_eq!(entries(&env, &bucket).await, [kept.clone(), own_entry.clone()]);
        let adopted = format!(
            "adopted an entry of another tool in bucket {bucket}, for thumbs on s3:ObjectCreated:Put: all keys"
        );
        let created =
            format!("added an entry to bucket {bucket}, for thumbs on s3:ObjectCreated:*: all keys");
        let expected = [event("Normal", "Adopted", adopted), event("Normal", "EntryCreated", created)];
        assert_eq!(events_of(&env, "thumbs").await, expected);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(entries(&env, &bucket).await, [kept]);
        assert_eq!(policy(&env, "thumbs", None).await, foreign);
    });
}

#[test]
fn the_older_of_two_overlapping_objects_keeps_its_entry() {
    env::test("overlap", async |env| {
        let (thumbs, index) = (env.function("thumbs").await, env.function("index").await);
        let bucket = env.new_bucket("photos").await;
        let first_entry = entry(&env, "older", &thumbs, "images/", "");
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("older", "thumbs", &bucket, "filters: [{prefix: images/}]")).await;
        env.until_ready(KIND, "older").await;
        wait_for_next_second(&env, KIND, "older").await;
        env.apply(&s3("younger", "index", &bucket, "filters: [{suffix: .jpg}]")).await;
        env.apply(&s3("beside", "index", &bucket, "events: ['s3:ObjectRemoved:*']")).await;

        let message = format!(
            "spec.filters[0] (*.jpg): bucket {bucket} accepts only one entry for the same events and keys, and \
             function entry {:?} (s3:ObjectCreated:*, images/) already exists; that entry belongs to {}/older: \
             change the events or filters of one of the two",
            first_entry.id.as_deref().unwrap(),
            env.namespace()
        );
        let expected = stalled("HeldByOther", &message, &PARTS_BEFORE, "NotificationReady");
        wait_for_conditions(&env, "younger", &expected).await;
        env.until_ready(KIND, "beside").await;
        let compatible = with_events(&["s3:ObjectRemoved:*"], entry(&env, "beside", &index, "", ""));
        assert_eq!(entries(&env, &bucket).await, [first_entry, compatible.clone()]);
        assert_eq!(events_of(&env, "younger").await, [event("Warning", "HeldByOther", message)]);

        env.delete(KIND, "older").await;
        env.until_gone(KIND, "older").await;
        env.until_ready(KIND, "younger").await;
        assert_eq!(entries(&env, &bucket).await, [compatible, entry(&env, "younger", &index, "", ".jpg")]);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
        assert_eq!(policy(&env, "index", None).await, [permission(&env, &index, &bucket)]);
    });
}

#[test]
fn a_conflicting_foreign_entry_is_named_and_kept() {
    env::test("foreign-overlap", async |env| {
        let (foreign, function) = (env.function("theirs").await, env.function("thumbs").await);
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("theirs", &bucket).await;
        put_entries(&env, &bucket, &[("terraform-1", &*foreign, "s3:ObjectCreated:*")]).await;
        let before = env.document_text(&bucket).await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "events: ['s3:ObjectCreated:Put']")).await;

        let message = format!(
            "spec.filters (all keys): bucket {bucket} accepts only one entry for the same events and keys, and \
             function entry \"terraform-1\" (s3:ObjectCreated:*, all keys) already exists; that entry is \
             foreign, notifies {foreign} and is not touched: change spec.events or spec.filters, or ask its \
             owner to remove the entry"
        );
        let expected = stalled("ConflictingEntry", &message, &PARTS_BEFORE, "NotificationReady");
        wait_for_conditions(&env, "thumbs", &expected).await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "ConflictingEntry", message)]);
        assert_eq!(env.document_text(&bucket).await, before);

        put_entries(&env, &bucket, &[("terraform-1", &*foreign, "s3:ObjectRemoved:*")]).await;
        let own_entry = with_events(&PUT_ONLY, entry(&env, "thumbs", &function, "", ""));
        wait_for_entries(&env, &bucket, &[own_entry]).await;
        wait_for_conditions(&env, "thumbs", &in_place("Applied", &format!("1 entry is in bucket {bucket}")))
            .await;
    });
}

/// Two operators that adopt an entry from each other would never stop.
#[test]
fn an_entry_of_another_operator_is_named_and_kept() {
    env::test("other-operator", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("thumbs", &bucket).await;
        let id = "lt-ffffffff-media-thumbs-0123456789-abcdef";
        put_entries(&env, &bucket, &[(id, &*function, "s3:ObjectCreated:*")]).await;
        let before = env.document_text(&bucket).await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "spec.filters (all keys): bucket {bucket} accepts only one entry for the same events and keys, and \
             function entry {id:?} (s3:ObjectCreated:*, all keys) already exists; that entry belongs to the \
             operator with owner id ffffffff and is not touched: delete the resource there. If that operator \
             no longer runs, remove the entry; see \"Move to another cluster\" in docs/upgrade.md"
        );
        let expected = stalled("ConflictingEntry", &message, &PARTS_BEFORE, "NotificationReady");
        wait_for_conditions(&env, "thumbs", &expected).await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "ConflictingEntry", message)]);
        assert_eq!(env.document_text(&bucket).await, before);

        env.put_document(&bucket, "<NotificationConfiguration/>").await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(entries(&env, &bucket).await, [entry(&env, "thumbs", &function, "", "")]);
    });
}

#[test]
fn a_conflict_names_the_filter_and_the_conflicting_entry() {
    env::test("named-conflict", async |env| {
        let (function, queue) = (env.function("thumbs").await, env.queue("audit").await);
        let bucket = env.new_bucket("photos").await;
        let root = "NotificationConfiguration";
        let document = format!(
            "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><QueueConfiguration><Id>audit</Id><Queue>{queue}</Queue>\
             <Event>s3:ObjectCreated:Put</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>dt%3D2026/a+b/</Value>\
             </FilterRule></S3Key></Filter></QueueConfiguration></{root}>"
        );
        env.put_document(&bucket, &document).await;
        let before = env.document_text(&bucket).await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{prefix: raw/}, {prefix: dt=2026/a b/1}]"))
            .await;
        let message = format!(
            "spec.filters[1] (dt=2026/a b/1): bucket {bucket} accepts only one entry for the same events and \
             keys, and queue entry \"audit\" (s3:ObjectCreated:Put, dt=2026/a b/) already exists; that entry \
             is foreign, notifies {queue} and is not touched: change spec.events or spec.filters, or ask its \
             owner to remove the entry"
        );
        let expected = stalled("ConflictingEntry", &message, &PARTS_BEFORE, "NotificationReady");
        wait_for_conditions(&env, "thumbs", &expected).await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "ConflictingEntry", message)]);
        assert_eq!(env.document_text(&bucket).await, before);

        // S3 compares encoded texts. The text without encoding differs, and no object key matches it.
        env.put_document(&bucket, &before.replace("dt%3D2026/a+b/", "dt=2026/a b/")).await;
        let own_entry = ["raw/", "dt=2026/a b/1"].map(|prefix| entry(&env, "thumbs", &function, prefix, ""));
        wait_for_entries(&env, &bucket, &own_entry).await;
    });
}

#[test]
fn an_object_changed_into_a_conflict_keeps_its_entry() {
    env::test("widened", async |env| {
        let (thumbs, index) = (env.function("thumbs").await, env.function("index").await);
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("jpg", "thumbs", &bucket, "filters: [{suffix: .jpg}]")).await;
        env.until_ready(KIND, "jpg").await;
        wait_for_next_second(&env, KIND, "jpg").await;
        env.apply(&s3("png", "index", &bucket, "filters: [{suffix: .png}]")).await;
        env.until_ready(KIND, "png").await;
        let both = [entry(&env, "jpg", &thumbs, "", ".jpg"), entry(&env, "png", &index, "", ".png")];

        env.apply(&s3("png", "index", &bucket, "filters: [{suffix: g}]")).await;
        env.until_condition(KIND, "png", "Stalled", "True").await;
        assert_eq!(own(&env.document(&bucket).await), both);

        env.apply(&s3("jpg", "thumbs", &bucket, "filters: [{suffix: .gif}]")).await;
        env.until_ready(KIND, "png").await;
        let mut found = own(&env.document(&bucket).await);
        found.sort();
        let mut expected = [entry(&env, "jpg", &thumbs, "", ".gif"), entry(&env, "png", &index, "", "g")];
        expected.sort();
        assert_eq!(found, expected);
    });
}
