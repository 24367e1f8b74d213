//! What it is all for: an object that is put into the bucket runs the function.

use aws_sdk_s3::primitives::ByteStream;
use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{KIND, RESTING};
use crate::support::{AwsView, LIMIT, s3};

async fn upload(w: &World, bucket: &str, key: &str) {
    let body = ByteStream::from_static(b"picture");
    w.s3().put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
}

/// Event name, bucket and key of each record that a function has received.
fn received(w: &World, function: &str) -> Vec<Value> {
    let invocations = w.invocations(function);
    let records =
        invocations.iter().flat_map(|run| run.event["Records"].as_array().cloned().unwrap_or_default());
    records.map(|r| json!([r["eventName"], r["s3"]["bucket"]["name"], r["s3"]["object"]["key"]])).collect()
}

#[test]
fn an_upload_runs_the_function_and_only_for_its_keys() {
    world::test("delivery", async |w| {
        w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESTING);
        w.apply(&s3("thumbs", "thumbs", &bucket, "filters: [{prefix: images/, suffix: .jpg}]")).await;
        w.until_ready(KIND, "thumbs").await;

        upload(&w, &bucket, "images/dog.png").await;
        upload(&w, &bucket, "images/cat.jpg").await;
        let expected = [json!(["ObjectCreated:Put", bucket, "images/cat.jpg"])];
        w.until(LIMIT, "the function to run for the cat", async || {
            let found = received(&w, "thumbs");
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    });
}
