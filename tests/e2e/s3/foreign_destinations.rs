//! Foreign entries with a broken destination. S3 refuses the whole document, but the operator can still write its own
//! entries.

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    KIND, NO_RESYNC, PUT, clear_calls, entry, event, own, wait_for_entries, wait_for_events, without_own,
};
use crate::support::{AwsView, s3};

/// Creates a bucket with a foreign entry whose function no longer permits S3 to invoke it. Returns the bucket and the
/// text of its document.
async fn bucket_with_broken_entry(env: &TestEnv) -> (String, String) {
    let foreign = env.function("theirs").await;
    let bucket = env.new_bucket("photos").await;
    env.permit_bucket("theirs", &bucket).await;
    let root = "NotificationConfiguration";
    let document = format!(
        "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CloudFunctionConfiguration><Id>old</Id>\
         <CloudFunction>{foreign}</CloudFunction><Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration></{root}>"
    );
    env.put_document(&bucket, &document).await;
    let statement = format!("bucket-{bucket}");
    env.lambda().remove_permission().function_name("theirs").statement_id(statement).send().await.unwrap();
    clear_calls(env);
    (bucket.clone(), env.document_text(&bucket).await)
}

#[test]
fn a_broken_foreign_entry_is_named_and_blocks_no_own_entry() {
    env::test("broken-foreign", async |env| {
        let function = env.function("thumbs").await;
        let (bucket, before) = bucket_with_broken_entry(&env).await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_eq!(without_own(&env.document_text(&bucket).await), before);
        let foreign = function.replace(":thumbs", ":theirs");
        let note = format!(
            "S3 cannot deliver to {foreign}, the destination of the foreign function entry \"old\" \
             (s3:ObjectRemoved:*, all keys) in bucket {bucket}: the destination does not exist, or does not \
             permit s3.amazonaws.com. The operator wrote its entries without S3's validation of destinations. \
             Fix the destination, or remove the entry"
        );
        let broken = event("Warning", "ForeignDestinationBroken", note);
        assert_eq!(wait_for_events(&env, "thumbs", "ForeignDestinationBroken").await, broken);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(env.document_text(&bucket).await, before);
    });
}

/// The operator's own function may be the broken destination. The operator may skip the validation only after it has
/// verified its own function.
#[test]
fn destination_validation_is_skipped_only_after_verifying_the_own_function() {
    env::test("unverified", async |env| {
        let function = env.function("thumbs").await;
        let (bucket, before) = bucket_with_broken_entry(&env).await;
        let policy_denied = Fault::on("GetPolicy", FaultKind::Denied).resource("thumbs").times(usize::MAX);
        // A new permission needs no read. The read after the refusal fails.
        env.aws_proxy().inject(env.account(), policy_denied);
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_condition(KIND, "thumbs", "NotificationReady", "False").await;
        assert_eq!(env.document_text(&bucket).await, before);
        let puts = env.aws_proxy().calls(env.account()).into_iter().filter(|call| call.operation == PUT);
        assert!(puts.clone().all(|call| call.status == 400), "{:?}", puts.collect::<Vec<_>>());
        env.aws_proxy().clear_faults(env.account());
        wait_for_entries(&env, &bucket, &[entry(&env, "thumbs", &function, "", "")]).await;
        env.until_ready(KIND, "thumbs").await;
    });
}
