//! Functions and buckets that do not exist, or exist no longer.

use lambda_triggers_tests::env::{self, REGION};

use super::view::{
    KIND, RESYNC_1S, conditions, entry, event, events_of, in_place, own, permission, policy, stalled,
    wait_for_conditions, wait_for_entries, wait_for_events,
};
use crate::support::{AwsView, s3};

#[test]
fn a_missing_function_is_named_and_found_once_created() {
    env::test("no-function", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "there is no Lambda function thumbs in {REGION}: create it, or name another one in spec.function"
        );
        wait_for_conditions(&env, "thumbs", &stalled("FunctionNotFound", &message, &[], "FunctionReady"))
            .await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "FunctionNotFound", message)]);
        assert_eq!(own(&env.document(&bucket).await), []);

        let function = env.function("thumbs").await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

#[test]
fn a_missing_bucket_is_named_and_found_once_created() {
    env::test("no-bucket", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.bucket("photos");
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!("there is no bucket {bucket}: create it, or name another one in spec.bucket");
        wait_for_conditions(&env, "thumbs", &stalled("BucketNotFound", &message, &[], "NotificationReady"))
            .await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "BucketNotFound", message)]);

        env.create_bucket(&bucket).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
    });
}

/// S3 refuses all writes to a bucket while an entry names a missing function.
#[test]
fn the_entry_of_a_deleted_function_is_removed() {
    env::test("function-gone", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;

        env.lambda().delete_function().function_name("thumbs").send().await.unwrap();
        wait_for_entries(&env, &bucket, &[]).await;
        let message = format!(
            "there is no Lambda function thumbs in {REGION}: create it, or name another one in spec.function"
        );
        wait_for_conditions(&env, "thumbs", &stalled("FunctionNotFound", &message, &[], "FunctionReady"))
            .await;
        let removed =
            format!("removed an entry from bucket {bucket}, for thumbs on s3:ObjectCreated:*: all keys");
        assert_eq!(
            wait_for_events(&env, "thumbs", "EntryRemoved").await,
            event("Normal", "EntryRemoved", removed)
        );

        env.function("thumbs").await;
        wait_for_entries(&env, &bucket, &[entry(&env, "thumbs", &function, "", "")]).await;
        wait_for_conditions(&env, "thumbs", &in_place("Applied", &format!("1 entry is in bucket {bucket}")))
            .await;
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

/// The function is deleted between the operator's check and the write of the bucket. S3 then refuses the whole
/// document.
#[test]
fn an_object_with_a_deleted_function_blocks_no_other_object() {
    env::test("neighbour", async |env| {
        env.function("gone").await;
        let function = env.function("index").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("first", "gone", &bucket, "filters: [{prefix: a/}]")).await;
        env.until_ready(KIND, "first").await;
        env.lambda().delete_function().function_name("gone").send().await.unwrap();
        env.apply(&s3("second", "index", &bucket, "filters: [{prefix: b/}]")).await;
        env.until_ready(KIND, "second").await;
        wait_for_entries(&env, &bucket, &[entry(&env, "second", &function, "b/", "")]).await;
        env.until_condition(KIND, "first", "FunctionReady", "False").await;
        assert_eq!(conditions(&env, "first").await[0][2], "FunctionNotFound");
    });
}
