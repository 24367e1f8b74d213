//! Removes the AWS resources of an `S3TriggeredFunction`, or retains its entries.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;

use lambda_triggers_core::api::{Applied, AppliedNotification, AppliedPermission, FunctionRef};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{OwnEntryId, bucket_statement_id};
use lambda_triggers_core::plan::bucket::{Bucket, Desired};
use lambda_triggers_core::plan::function::region;
use lambda_triggers_core::status::{Component, EventReason, EventToEmit, Failure, Reason};
use serde::Deserialize;
use tokio::time::Instant;

use crate::aws::Aws;
use crate::objects::{Identity, RawS3TriggeredFunction};
use crate::reconcile::authorize::may_have_made;
use crate::reconcile::bucket::{BucketRequest, Done};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// Removes the object's resources. An object without a recorded bucket may be restored from a backup: the resources of
/// the earlier object of this name follow from the spec. A bucket that could not be read is not ours to clean up: the
/// spec may name the bucket of a stranger.
pub async fn cleanup(
    reconciler: &Reconciler,
    object: &RawS3TriggeredFunction,
    writer: &mut StatusWriter<'_, RawS3TriggeredFunction>,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let mut applied = writer.status.applied.clone();
    let spec = object.spec.value();
    if let Some(name) = spec["bucket"].as_str()
        && applied.notifications.is_empty()
        && writer.last_failure(Component::Notification).is_none()
        && may_have_made(context, object).await?
    {
        applied.merge(&by_spec(context, object, name).await?);
    }
    release(reconciler, writer, &applied, &Applied::default(), BTreeMap::new()).await
}

/// Keeps the entries, with Ids that mark the entries as retained. Usually the entries have these Ids since the policy
/// was set, and the sync only makes sure that no earlier write is in flight.
pub async fn retain(
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, RawS3TriggeredFunction>,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let owner = &context.owner.id;
    let id_outlives = |id: &String| OwnEntryId::parse(owner, id).is_some_and(|id| id.retained);
    for notification in writer.status.applied.notifications.clone() {
        let bucket = Bucket::from(&notification);
        let request = BucketRequest::own(Desired::Retain, writer.was_in_sync);
        match reconciler.buckets.reconcile(&bucket, &writer.id, request).await {
            Err(failure) if has_new_owner(writer, &bucket, &failure) => {}
            // Retained entries stay as they are, even if the bucket cannot be read.
            Err(failure) if !failure.class().is_retryable() && notification.ids.iter().all(id_outlives) => {}
            done => drop(done?),
        }
    }
    Ok(())
}

/// The resources that an earlier object of this name may have created, from the spec alone. A restored backup has no
/// status.
async fn by_spec(context: &Context, object: &RawS3TriggeredFunction, bucket: &str) -> Result<Applied, Error> {
    let key = Identity::from_object(object).key;
    let aws = context.aws_for_removal(&key);
    let spec = object.spec.value();
    let arn = spec["function"]["arn"].as_str();
    let region = region(spec["region"].as_str(), arn, context.default_region());
    let bucket_owner = match (spec["bucketOwner"].as_str(), arn.and_then(FunctionArn::parse)) {
        (Some(owner), _) => owner.to_owned(),
        (None, Some(arn)) => arn.account,
        (None, None) => aws.account().await.map_err(Error::aws(Component::Notification))?.id,
    };
    let functions = function::by_spec(context, object, &key, &region);
    let statement_id = bucket_statement_id(&context.owner.id, bucket);
    let permission = |function_arn: String| AppliedPermission { function_arn, statement_id };
    let function = function_by_spec(&*aws, object, &region).await?.map(|arn| arn.to_string());
    Ok(Applied {
        account: None,
        rules: vec![],
        schedules: vec![],
        notifications: vec![AppliedNotification { region, bucket: bucket.into(), bucket_owner, ids: vec![] }],
        permissions: function.map(permission).into_iter().collect(),
        functions,
    })
}

/// The function that the spec names; `None` if the field is unreadable or the function does not exist.
async fn function_by_spec(
    aws: &dyn Aws,
    object: &RawS3TriggeredFunction,
    region: &str,
) -> Result<Option<FunctionArn>, Error> {
    let Ok(function) = FunctionRef::deserialize(&object.spec.value()["function"]) else { return Ok(None) };
    if function.definition.is_some() {
        // The policy is deleted with the function.
        return Ok(None);
    }
    match function::read(aws, region, &function, Instant::now()).await {
        Ok(function) => Ok(Some(function.arn)),
        Err(error) if function::is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes obsolete resources: entries first, then the function, then permissions. The object needs the resources of
/// `wanted`. `in_use` has the functions in the operator's entries, by the statement of the bucket.
///
/// Bucket names are unique across Regions and owners
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>). So a bucket with the name of a
/// wanted bucket is the wanted bucket, recorded with a wrong Region or owner, and is not obsolete.
pub async fn release(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
    obsolete: &Applied,
    wanted: &Applied,
    mut in_use: BTreeMap<String, BTreeSet<String>>,
) -> Result<(), Error> {
    let context = &reconciler.context;
    for old in &obsolete.notifications {
        let bucket = Bucket::from(old);
        let request = BucketRequest::own(Desired::None, writer.was_in_sync);
        let done = match reconciler.buckets.reconcile(&bucket, &writer.id, request).await {
            Err(failure) if has_new_owner(writer, &bucket, &failure) => {
                let note = format!(
                    "bucket {bucket} now belongs to another account than {}: the entries of this resource \
                     disappeared with the previous bucket of that name",
                    bucket.owner
                );
                writer.emit(EventToEmit::warning(EventReason::BucketOwnerChanged, note)).await;
                Done::default()
            }
            done => done?,
        };
        in_use
            .entry(bucket_statement_id(&context.owner.id, &bucket.name))
            .or_default()
            .extend(done.functions);
    }
    let in_use = |permission: &AppliedPermission| {
        let functions = in_use.get(&permission.statement_id);
        ready(Ok(functions.is_some_and(|functions| functions.contains(&permission.function_arn))))
    };
    reconciler.release_functions(writer, obsolete, wanted, in_use).await
}

/// True if the status records the bucket.
pub fn is_recorded(writer: &StatusWriter<'_, RawS3TriggeredFunction>, bucket: &Bucket) -> bool {
    writer.status.applied.notifications.iter().any(|recorded| Bucket::from(recorded) == *bucket)
}

/// True if the bucket is not in the account that the status records. Each write named that account, so nothing of the
/// resource is in the bucket. An owner guessed from the spec proves nothing, since the spec may have changed.
pub fn has_new_owner(
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
    bucket: &Bucket,
    failure: &Failure,
) -> bool {
    is_recorded(writer, bucket) && failure.reason == Reason::BucketInOtherAccount
}
