//! S3 refuses a document as a whole for one destination that is broken: somebody else's does not keep ours from the bucket.

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    KIND, NO_RESYNC, PUT, entry, event, forget_calls, own, until_entries, until_events, without_own,
};
use crate::support::{AwsView, s3};

/// A bucket with an entry of somebody else's, whose function lets S3 in no more, and the text of its document.
async fn bucket_with_broken_entry(env: &TestEnv) -> (String, String) {
    let theirs = env.function("theirs").await;
    let bucket = env.new_bucket("photos").await;
    env.permit_bucket("theirs", &bucket).await;
    let root = "NotificationConfiguration";
    let document = format!(
        "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CloudFunctionConfiguration><Id>old</Id>\
         <CloudFunction>{theirs}</CloudFunction><Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration></{root}>"
    );
    env.put_document(&bucket, &document).await;
    let statement = format!("bucket-{bucket}");
    env.lambda().remove_permission().function_name("theirs").statement_id(statement).send().await.unwrap();
    forget_calls(env);
    (bucket.clone(), env.document_text(&bucket).await)
}

#[test]
fn a_broken_entry_of_somebody_else_is_named_and_does_not_block_ours() {
    env::test("broken-foreign", async |env| {
        let function = env.function("thumbs").await;
        let (bucket, before) = bucket_with_broken_entry(&env).await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_eq!(without_own(&env.document_text(&bucket).await), before);
        let theirs = function.replace(":thumbs", ":theirs");
        let note = format!(
            "S3 cannot deliver to {theirs}, the destination of the function entry \"old\" (s3:ObjectRemoved:*, all keys) in bucket {bucket}, which \
             somebody else made: the destination is gone, or does not permit s3.amazonaws.com; S3 was told to take our \
             entries without looking at it. Fix that destination, or remove the entry"
        );
        let broken = event("Warning", "ForeignDestinationBroken", note);
        assert_eq!(until_events(&env, "thumbs", "ForeignDestinationBroken").await, broken);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(env.document_text(&bucket).await, before);
    });
}

/// Our own function may be the one that S3 cannot reach, as long as nobody has seen that it can be.
#[test]
fn nothing_is_written_unseen_before_our_own_function_was_verified() {
    env::test("unverified", async |env| {
        let function = env.function("thumbs").await;
        let (bucket, before) = bucket_with_broken_entry(&env).await;
        let policy_unread = Fault::on("GetPolicy", FaultKind::Denied).resource("thumbs").times(usize::MAX);
        // The look at the policy before the entries are written succeeds, the one after the refusal does not.
        env.aws_proxy().inject(env.account(), policy_unread.after(2));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_condition(KIND, "thumbs", "NotificationReady", "False").await;
        assert_eq!(env.document_text(&bucket).await, before);
        let puts = env.aws_proxy().calls(env.account()).into_iter().filter(|call| call.operation == PUT);
        assert!(puts.clone().all(|call| call.status == 400), "{:?}", puts.collect::<Vec<_>>());
        env.aws_proxy().clear_faults(env.account());
        until_entries(&env, &bucket, &[entry(&env, "thumbs", &function, "", "")]).await;
        env.until_ready(KIND, "thumbs").await;
    });
}
