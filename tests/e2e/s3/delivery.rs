//! Delivery of events: an upload to the bucket runs the function.

use std::collections::BTreeSet;

use aws_sdk_s3::primitives::ByteStream;
use lambda_triggers_core::plan::bucket::Entry;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{KIND, NO_RESYNC, RESYNC_1S, entry};
use crate::objects::assert_no_writes_at_rest;
use crate::support::{AwsView, LIMIT, s3};

async fn upload(env: &TestEnv, bucket: &str, key: &str) {
    let body = ByteStream::from_static(b"picture");
    env.s3().put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
}

/// Event name, bucket and key of each record that a function has received.
fn received(env: &TestEnv, function: &str) -> Vec<Value> {
    let invocations = env.invocations(function);
    let records =
        invocations.iter().flat_map(|run| run.event["Records"].as_array().cloned().unwrap_or_default());
    records.map(|r| json!([r["eventName"], r["s3"]["bucket"]["name"], r["s3"]["object"]["key"]])).collect()
}

#[test]
fn an_upload_runs_the_function_only_for_matching_keys() {
    env::test("delivery", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{prefix: images/, suffix: .jpg}]")).await;
        env.until_ready(KIND, "thumbs").await;

        upload(&env, &bucket, "images/dog.png").await;
        upload(&env, &bucket, "images/cat.jpg").await;
        let expected = [json!(["ObjectCreated:Put", bucket, "images/cat.jpg"])];
        env.until(LIMIT, "the function to run for the cat", async || {
            let found = received(&env, "thumbs");
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    });
}

#[test]
fn special_characters_in_filters_match_the_same_keys() {
    env::test("special-keys", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("lake").await;
        let _controller = env.controller(&RESYNC_1S);
        let filters = "filters: [{prefix: dt=2026-11-26/, suffix: .jpg}, {prefix: 'a b+c/été (1)%/'}, {prefix: at=10%3A30/, literalPercent: true}]";
        env.apply(&s3("thumbs", "thumbs", &bucket, filters)).await;
        env.until_ready(KIND, "thumbs").await;
        let values = |entry: &Entry| (entry.filter.prefix.clone(), entry.filter.suffix.clone());
        let entries: Vec<Entry> = env.document(&bucket).await.entries().cloned().collect();
        let expected = [
            ("dt%3D2026-11-26/", ".jpg"),
            ("a+b%2Bc/%C3%A9t%C3%A9+%281%29%25/", ""),
            ("at%3D10%253A30/", ""),
        ];
        let expected = expected.map(|(prefix, suffix)| (prefix.to_owned(), suffix.to_owned()));
        assert_eq!(BTreeSet::from_iter(entries.iter().map(values)), BTreeSet::from(expected));
        assert!(entries.contains(&entry(&env, "thumbs", &function, "dt=2026-11-26/", ".jpg")), "{entries:?}");

        let keys = ["dt=2026-11-26/1.jpg", "a b+c/été (1)%/2", "at=10%3A30/3"];
        for key in ["dt-2026-11-26/0.jpg", "a b c/été (1)%/0", "at=10:30/0"].into_iter().chain(keys) {
            upload(&env, &bucket, key).await;
        }
        let sent = ["dt%3D2026-11-26/1.jpg", "a+b%2Bc/%C3%A9t%C3%A9+%281%29%25/2", "at%3D10%253A30/3"];
        let expected: BTreeSet<String> =
            sent.iter().map(|key| json!(["ObjectCreated:Put", bucket, key]).to_string()).collect();
        env.until(LIMIT, "the function to run for the three keys of the filters", async || {
            let found: Vec<String> = received(&env, "thumbs").iter().map(ToString::to_string).collect();
            let is_as_expected = found.len() == sent.len() && BTreeSet::from_iter(found.clone()) == expected;
            if is_as_expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        assert_no_writes_at_rest(&env, KIND, &["thumbs"]).await;
    });
}

/// Older versions did not encode filters. Their entries have the same Ids, and the operator replaces these entries.
#[test]
fn an_unencoded_entry_of_the_operator_is_replaced() {
    env::test("re-encoded", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("lake").await;
        env.permit_bucket("thumbs", &bucket).await;
        let own_entry = entry(&env, "thumbs", &function, "dt=2026/", "");
        let unencoded = format!(
            "<CloudFunctionConfiguration><Id>{}</Id><CloudFunction>{function}</CloudFunction><Event>s3:ObjectCreated:*</Event>\
             <Filter><S3Key><FilterRule><Name>prefix</Name><Value>dt=2026/</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration>",
            own_entry.id.as_deref().unwrap()
        );
        let root = "NotificationConfiguration";
        let document =
            format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{unencoded}</{root}>");
        env.put_document(&bucket, &document).await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{prefix: dt=2026/}]")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(env.document(&bucket).await.entries().cloned().collect::<Vec<_>>(), [own_entry]);
    });
}
