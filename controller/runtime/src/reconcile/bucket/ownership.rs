//! Proof that a bucket name belongs to another account now.
//!
//! S3 answers 403 in two cases: a policy denies the call, or `ExpectedBucketOwner` is not the owner
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>). A refusal alone proves
//! nothing: the bucket may hold our entries while a policy denies the read.

use tokio::time::sleep;

use super::principal::Principal;
use crate::aws::{AwsError, AwsErrorKind, NOT_FOUND_RETRY_DELAY};
use crate::reconcile::context::Context;
use lambda_triggers_core::plan::bucket::Bucket;

/// True if the bucket is proven to be in another account than `bucket.owner`. The caller has just seen S3 refuse a read
/// of the bucket's configuration.
pub async fn is_in_other_account(context: &Context, principal: &Principal, bucket: &Bucket) -> bool {
    let notifications = principal.s3(context, bucket);
    if notifications.get_of_any_owner(bucket).await.is_ok() {
        // A policy treats both calls alike, since the expected owner is no condition key of IAM.
        return is_denied(&notifications.get(bucket).await);
    }
    // An account lists all of its buckets (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html).
    let account = principal.account(context).await;
    if account.is_none_or(|account| account != bucket.owner) {
        return false;
    }
    // S3 may list buckets from before the bucket was created.
    for _ in 0..2 {
        match notifications.is_own_bucket(bucket).await {
            Ok(false) => sleep(NOT_FOUND_RETRY_DELAY).await,
            Ok(true) | Err(_) => return false,
        }
    }
    true
}

fn is_denied<T>(result: &Result<T, AwsError>) -> bool {
    matches!(result, Err(AwsError { kind: AwsErrorKind::Denied, .. }))
}
