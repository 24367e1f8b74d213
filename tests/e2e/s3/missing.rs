//! A function or a bucket that is not there, or not any more.

use lambda_triggers_tests::world::{self, REGION};

use super::view::{
    KIND, RESYNC_1S, conditions, entry, event, in_place, own, permission, policy, stalled, told,
    until_conditions, until_entries, until_told,
};
use crate::support::{AwsView, s3};

#[test]
fn a_function_that_is_missing_is_named_and_found_when_it_is_created() {
    world::test("no-function", async |w| {
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!(
            "there is no Lambda function thumbs in {REGION}: create it, or name another one in spec.function"
        );
        until_conditions(&w, "thumbs", &stalled("FunctionNotFound", &message, &[], "FunctionReady")).await;
        assert_eq!(told(&w, "thumbs").await, [event("Warning", "FunctionNotFound", message)]);
        assert_eq!(own(&w.document(&bucket).await), []);

        let function = w.function("thumbs").await;
        w.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), [entry(&w, "thumbs", &function, "", "")]);
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
    });
}

#[test]
fn a_bucket_that_is_missing_is_named_and_found_when_it_is_created() {
    world::test("no-bucket", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.bucket("photos");
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let message = format!("there is no bucket {bucket}: create it, or name another one in spec.bucket");
        let fine = ["FunctionReady", "PermissionReady"];
        until_conditions(&w, "thumbs", &stalled("BucketNotFound", &message, &fine, "NotificationReady"))
            .await;
        assert_eq!(told(&w, "thumbs").await, [event("Warning", "BucketNotFound", message)]);

        w.create_bucket(&bucket).await;
        w.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), [entry(&w, "thumbs", &function, "", "")]);
    });
}

/// S3 refuses everybody's writes to a bucket while an entry names a function that is gone.
#[test]
fn the_entry_of_a_function_that_was_deleted_goes_so_that_others_can_write() {
    world::test("function-gone", async |w| {
        let function = w.function("thumbs").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;

        w.lambda().delete_function().function_name("thumbs").send().await.unwrap();
        until_entries(&w, &bucket, &[]).await;
        let message = format!(
            "there is no Lambda function thumbs in {REGION}: create it, or name another one in spec.function"
        );
        until_conditions(&w, "thumbs", &stalled("FunctionNotFound", &message, &[], "FunctionReady")).await;
        let removed =
            format!("removed the {} from bucket {bucket}", entry(&w, "thumbs", &function, "", "").describe());
        assert_eq!(until_told(&w, "thumbs", "EntryRemoved").await, event("Normal", "EntryRemoved", removed));

        w.function("thumbs").await;
        until_entries(&w, &bucket, &[entry(&w, "thumbs", &function, "", "")]).await;
        until_conditions(&w, "thumbs", &in_place("Applied", &format!("1 entry is in bucket {bucket}"))).await;
        assert_eq!(policy(&w, "thumbs", None).await, [permission(&w, &function, &bucket)]);
    });
}

/// The function goes after it was looked up, and before the bucket is written: S3 refuses the document as a whole.
#[test]
fn an_object_whose_function_has_gone_does_not_keep_its_neighbours_from_the_bucket() {
    world::test("neighbour", async |w| {
        w.function("gone").await;
        let function = w.function("index").await;
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&s3("first", "gone", &bucket, "filters: [{prefix: a/}]")).await;
        w.until_ready(KIND, "first").await;
        w.lambda().delete_function().function_name("gone").send().await.unwrap();
        w.apply(&s3("second", "index", &bucket, "filters: [{prefix: b/}]")).await;
        w.until_ready(KIND, "second").await;
        until_entries(&w, &bucket, &[entry(&w, "second", &function, "b/", "")]).await;
        w.until_condition(KIND, "first", "FunctionReady", "False").await;
        assert_eq!(conditions(&w, "first").await[0][2], "FunctionNotFound");
    });
}
