//! The writes of an `S3TriggeredFunction` to the bucket, after the statement in the function's policy.

use std::collections::{BTreeMap, BTreeSet};

use lambda_triggers_core::ownership::bucket_statement_id;
use lambda_triggers_core::plan::bucket::{Bucket, Desired};
use lambda_triggers_core::plan::intent::s3_triggered_function::Intent;
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use super::cleanup::has_new_owner;
use crate::objects::RawS3TriggeredFunction;
use crate::reconcile::bucket::BucketRequest;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::recorded::Recorded;
use crate::reconcile::status::StatusWriter;

/// Requests the desired entries from the bucket's worker. Returns the functions in the operator's entries, by the
/// statement of the bucket.
pub async fn write_entries(
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, RawS3TriggeredFunction>,
    intent: &Intent,
    recorded: &Recorded,
    since: Instant,
) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let Intent { bucket, desired, spec, .. } = intent;
    let request = BucketRequest {
        desired: desired.clone(),
        permission: spec.function.permission,
        was_in_sync: writer.was_in_sync,
        reconcile_requested: writer.reconcile_requested,
        recorded: Some(recorded.clone()),
        since,
    };
    let done = reconciler.buckets.reconcile(bucket, &writer.id, request).await;
    writer.changed_aws |= match &done {
        Ok(done) => done.changed,
        // S3 may have applied a write of the failed request.
        Err(failure) => failure.class().is_retryable(),
    };
    let done = done?;
    writer.mark_ready(Component::Notification);
    let statement = bucket_statement_id(&reconciler.context.owner.id, &bucket.name);
    Ok(BTreeMap::from([(statement, done.functions)]))
}

/// Removes the entries if the function is missing. Otherwise S3 would refuse all writes to the bucket. The entries come
/// back with the function.
pub async fn unless_missing<T>(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
    result: Result<T, Error>,
) -> Result<T, Error> {
    let error = match result {
        Err(error) if function::is_not_found(&error) => error,
        result => return result,
    };
    for notification in &writer.status.applied.notifications {
        let bucket = Bucket::from(notification);
        let request = BucketRequest::own(Desired::None, writer.was_in_sync);
        match reconciler.buckets.reconcile(&bucket, &writer.id, request).await {
            Err(failure) if !has_new_owner(writer, &bucket, &failure) => return Err(failure.into()),
            _ => {}
        }
    }
    Err(error)
}
