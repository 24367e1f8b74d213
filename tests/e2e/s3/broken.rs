//! S3 refuses a document as a whole for one destination that is broken: somebody else's does not keep ours from the bucket.

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::world::{self, World};

use super::view::{
    KIND, NO_RESYNC, PUT, entry, event, forget_calls, own, until_entries, until_told, without_own,
};
use crate::support::{AwsView, s3};

/// A bucket with an entry of somebody else's, whose function lets S3 in no more, and the text of its document.
async fn bucket_with_broken_entry(w: &World) -> (String, String) {
    let theirs = w.function("theirs").await;
    let bucket = w.new_bucket("photos").await;
    w.permit_bucket("theirs", &bucket).await;
    let root = "NotificationConfiguration";
    let document = format!(
        "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CloudFunctionConfiguration><Id>old</Id>\
         <CloudFunction>{theirs}</CloudFunction><Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration></{root}>"
    );
    w.put_document(&bucket, &document).await;
    let statement = format!("bucket-{bucket}");
    w.lambda().remove_permission().function_name("theirs").statement_id(statement).send().await.unwrap();
    forget_calls(w);
    (bucket.clone(), w.document_text(&bucket).await)
}

#[test]
fn a_broken_entry_of_somebody_else_is_named_and_does_not_block_ours() {
    world::test("broken-foreign", async |w| {
        let function = w.function("thumbs").await;
        let (bucket, before) = bucket_with_broken_entry(&w).await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&w.document(&bucket).await), [entry(&w, "thumbs", &function, "", "")]);
        assert_eq!(without_own(&w.document_text(&bucket).await), before);
        let theirs = function.replace(":thumbs", ":theirs");
        let note = format!(
            "S3 cannot deliver to {theirs}, the destination of the function entry \"old\" (s3:ObjectRemoved:*, all keys) in bucket {bucket}, which \
             somebody else made: the destination is gone, or does not permit s3.amazonaws.com; S3 was told to take our \
             entries without looking at it. Fix that destination, or remove the entry"
        );
        let broken = event("Warning", "ForeignDestinationBroken", note);
        assert_eq!(until_told(&w, "thumbs", "ForeignDestinationBroken").await, broken);

        w.delete(KIND, "thumbs").await;
        w.until_gone(KIND, "thumbs").await;
        assert_eq!(w.document_text(&bucket).await, before);
    });
}

/// Our own function may be the one that S3 cannot reach, as long as nobody has seen that it can be.
#[test]
fn nothing_is_written_unseen_before_our_own_function_was_verified() {
    world::test("unverified", async |w| {
        let function = w.function("thumbs").await;
        let (bucket, before) = bucket_with_broken_entry(&w).await;
        let policy_unread = Fault::on("GetPolicy", FaultKind::Denied).resource("thumbs").times(usize::MAX);
        // The look at the policy before the entries are written succeeds, the one after the refusal does not.
        w.aws_proxy().inject(w.account(), policy_unread.after(2));
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        w.until_condition(KIND, "thumbs", "NotificationReady", "False").await;
        assert_eq!(w.document_text(&bucket).await, before);
        let puts = w.aws_proxy().calls(w.account()).into_iter().filter(|call| call.operation == PUT);
        assert!(puts.clone().all(|call| call.status == 400), "{:?}", puts.collect::<Vec<_>>());
        w.aws_proxy().clear_faults(w.account());
        until_entries(&w, &bucket, &[entry(&w, "thumbs", &function, "", "")]).await;
        w.until_ready(KIND, "thumbs").await;
    });
}
