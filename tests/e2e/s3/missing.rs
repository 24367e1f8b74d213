//! A function or a bucket that is not there, or not any more.

use lambda_triggers_tests::env::{self, REGION};

use super::view::{
    KIND, RESYNC_1S, conditions, entry, event, events_of, in_place, own, permission, policy, stalled,
    until_conditions, until_entries, until_events,
};
use crate::support::{AwsView, s3};

#[test]
fn a_function_that_is_missing_is_named_and_found_when_it_is_created() {
    env::test("no-function", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "there is no Lambda function thumbs in {REGION}: create it, or name another one in spec.function"
        );
        until_conditions(&env, "thumbs", &stalled("FunctionNotFound", &message, &[], "FunctionReady")).await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "FunctionNotFound", message)]);
        assert_eq!(own(&env.document(&bucket).await), []);

        let function = env.function("thumbs").await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

#[test]
fn a_bucket_that_is_missing_is_named_and_found_when_it_is_created() {
    env::test("no-bucket", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.bucket("photos");
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!("there is no bucket {bucket}: create it, or name another one in spec.bucket");
        let fine = ["FunctionReady", "PermissionReady"];
        until_conditions(&env, "thumbs", &stalled("BucketNotFound", &message, &fine, "NotificationReady"))
            .await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "BucketNotFound", message)]);

        env.create_bucket(&bucket).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
    });
}

/// S3 refuses everybody's writes to a bucket while an entry names a function that is gone.
#[test]
fn the_entry_of_a_function_that_was_deleted_goes_so_that_others_can_write() {
    env::test("function-gone", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;

        env.lambda().delete_function().function_name("thumbs").send().await.unwrap();
        until_entries(&env, &bucket, &[]).await;
        let message = format!(
            "there is no Lambda function thumbs in {REGION}: create it, or name another one in spec.function"
        );
        until_conditions(&env, "thumbs", &stalled("FunctionNotFound", &message, &[], "FunctionReady")).await;
        let removed = format!(
            "removed the {} from bucket {bucket}",
            entry(&env, "thumbs", &function, "", "").describe()
        );
        assert_eq!(
            until_events(&env, "thumbs", "EntryRemoved").await,
            event("Normal", "EntryRemoved", removed)
        );

        env.function("thumbs").await;
        until_entries(&env, &bucket, &[entry(&env, "thumbs", &function, "", "")]).await;
        until_conditions(&env, "thumbs", &in_place("Applied", &format!("1 entry is in bucket {bucket}")))
            .await;
        assert_eq!(policy(&env, "thumbs", None).await, [permission(&env, &function, &bucket)]);
    });
}

/// The function goes after it was looked up, and before the bucket is written: S3 refuses the document as a whole.
#[test]
fn an_object_whose_function_has_gone_does_not_keep_its_neighbours_from_the_bucket() {
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
        until_entries(&env, &bucket, &[entry(&env, "second", &function, "b/", "")]).await;
        env.until_condition(KIND, "first", "FunctionReady", "False").await;
        assert_eq!(conditions(&env, "first").await[0][2], "FunctionNotFound");
    });
}
