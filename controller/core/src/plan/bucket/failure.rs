//! The failures of a bucket, with messages that name the fix.

use super::{Bucket, Conflict, Document, InvalidDocument, MAX_ENTRIES, Rejection, foreign_entries};
use crate::arn::FunctionArn;
use crate::error_chain;
use crate::ownership::OwnerId;
use crate::status::{Component, Failure, Reason};

fn notification(reason: Reason, message: impl Into<String>) -> Failure {
    Failure::new(Component::Notification, reason, message)
}

/// The resource's entries conflict with other entries.
pub fn rejected(bucket: &Bucket, rejection: &Rejection) -> Failure {
    let has_it = |conflict: &Conflict| {
        format!(
            "{}: bucket {bucket} accepts only one entry for the same events and keys, and {} already exists",
            conflict.field(),
            conflict.other.describe()
        )
    };
    match rejection {
        Rejection::HeldBy(holder, conflict) => {
            let holder = match holder.namespace.as_str() {
                "" => format!("another resource of this operator ({}-...)", holder.name),
                _ => holder.to_string(),
            };
            let message = format!(
                "{}; that entry belongs to {holder}: change the events or filters of one of the two",
                has_it(conflict)
            );
            notification(Reason::HeldByOther, message)
        }
        Rejection::Foreign(conflict) => {
            let message = format!(
                "{}; that entry is foreign, notifies {} and is not touched: change spec.events or \
                 spec.filters, or ask its owner to remove the entry",
                has_it(conflict),
                conflict.other.arn
            );
            notification(Reason::ConflictingEntry, message)
        }
        Rejection::OtherOwner(owner, conflict) => {
            let message = format!(
                "{}; that entry belongs to the operator with owner id {owner} and is not touched: delete the \
                 resource there. If that operator no longer runs, remove the entry; see \"Move to another \
                 cluster\" in docs/upgrade.md",
                has_it(conflict)
            );
            notification(Reason::ConflictingEntry, message)
        }
        Rejection::TooMany => {
            let message = format!(
                "bucket {bucket} would have more than the {MAX_ENTRIES} entries that S3 accepts; use fewer \
                 filters, or send the events through EventBridge"
            );
            notification(Reason::TooManyEntries, message)
        }
        Rejection::Refused(words) => {
            let message = format!(
                "S3 refuses the notification configuration of bucket {bucket} with the entries of this resource \
                 {words}; the entries of other resources are not affected. Change spec.events or spec.filters; \
                 the operator tries the same entries again after a change in the bucket, or after some time"
            );
            notification(Reason::AwsRefused, message)
        }
    }
}

/// The bucket does not exist.
pub fn not_found(bucket: &Bucket) -> Failure {
    let message = format!("there is no bucket {bucket}: create it, or name another one in spec.bucket");
    notification(Reason::BucketNotFound, message)
}

/// The document is no valid notification configuration.
pub fn unreadable(bucket: &Bucket, error: &InvalidDocument) -> Failure {
    let message = format!(
        "the notification configuration of bucket {bucket} cannot be parsed, so the operator does not touch \
         it: {}",
        error_chain(error)
    );
    notification(Reason::AwsRefused, message)
}

/// The bucket is in another account than the expected one, by proof.
pub fn in_other_account(bucket: &Bucket) -> Failure {
    let message = format!(
        "bucket {bucket} is in another account than {}: write the account that owns the bucket in spec.bucketOwner, or name \
         another bucket in spec.bucket",
        bucket.owner
    );
    notification(Reason::BucketInOtherAccount, message)
}

/// The function was deleted between its check and the write of the entries.
pub fn function_gone() -> Failure {
    let message = "the function was deleted: create it again, or name another one in spec.function";
    Failure::new(Component::Function, Reason::FunctionNotFound, message)
}

/// The external permission is missing.
pub fn not_permitted_by_others(bucket: &Bucket, function: &FunctionArn) -> Failure {
    let Bucket { region: _, name, owner } = bucket;
    let FunctionArn { partition, .. } = function;
    let message = format!(
        "S3 refuses entries for the function {}, whose policy does not permit bucket {bucket} to invoke it; \
         spec.function.permission is External, so the operator does not add the permission: ask the owner of \
         the policy to permit lambda:InvokeFunction to s3.amazonaws.com with AWS:SourceArn \
         arn:{partition}:s3:::{name} and AWS:SourceAccount {owner}, or set spec.function.permission to Managed",
        function.short()
    );
    notification(Reason::DestinationRefused, message)
}

/// A write without an answer may restore entries that a deletion removed.
pub fn awaiting_write(bucket: &Bucket) -> Failure {
    let message = format!(
        "a write to bucket {bucket} may still take effect: AWS did not answer the write, or the operator has \
         just started and does not know the outcome of the last write. The finalizer stays until the end of \
         the write grace period"
    );
    notification(Reason::OutcomeUnknown, message)
}

/// Another writer reverts our entries after this number of writes. `there` is the document of the last read.
pub fn contended(bucket: &Bucket, owner: &OwnerId, there: &Document, writes: u32) -> Failure {
    let foreign = foreign_entries(there, owner);
    let found: Vec<String> =
        foreign.iter().map(|entry| format!("{}, which notifies {}", entry.describe(), entry.arn)).collect();
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join("; ") };
    let message = format!(
        "bucket {bucket} does not have the operator's entries after {writes} writes: another tool removes them \
         each time. The bucket now has: {found}. Configure that tool to keep foreign entries, or send the \
         bucket's events through EventBridge"
    );
    notification(Reason::Contended, message)
}

/// True if S3 does not find the bucket.
pub fn is_missing(failure: &Failure) -> bool {
    failure.reason == Reason::BucketNotFound
}

/// True if the bucket does not exist in this Region, so the bucket has no entries of ours.
pub fn is_nowhere(failure: &Failure) -> bool {
    is_missing(failure) || failure.reason == Reason::BucketInOtherRegion
}
