//! Applies an `S3TriggeredFunction`: the function, the permission and the bucket's entries.

use std::collections::{BTreeMap, BTreeSet};

use lambda_triggers_core::api::{
    Applied, AppliedFunction, AppliedNotification, AppliedPermission, DeletionPolicy, KeyFilter,
    S3TriggeredFunctionSpec,
};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, Owner, bucket_statement_id};
use lambda_triggers_core::plan::bucket::{Desired, Destination, Entry, Filter};
use lambda_triggers_core::plan::permission::Statement;
use lambda_triggers_core::status::{Component, Outcome, Reason};
use tokio::time::Instant;

use super::cleanup::{applied_bucket, has_new_owner, release};
use crate::aws::Bucket;
use crate::objects::{RawS3TriggeredFunction, valid_spec};
use crate::reconcile::authorize::authorize;
use crate::reconcile::bucket::BucketRequest;
use crate::reconcile::error::Error;
use crate::reconcile::function::{region, resolve, updating};
use crate::reconcile::permission::Grant;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// Applies the spec: function, permission and entries.
pub async fn apply(
    reconciler: &Reconciler,
    object: &RawS3TriggeredFunction,
    writer: &mut StatusWriter<'_, RawS3TriggeredFunction>,
) -> Result<Outcome, Error> {
    let context = &reconciler.context;
    let invalid = |message| Error::found(Component::Notification, Reason::InvalidSpec, message);
    let spec = valid_spec(object).map_err(invalid)?;
    authorize::<RawS3TriggeredFunction>(reconciler, &writer.id, &spec, &writer.status.applied).await?;
    // The bucket's worker now waits a moment for this request, and writes once for all requests of the batch.
    let reservation = reconciler.buckets.reserve(&spec.bucket);
    let region = region(context, spec.region.as_deref(), spec.function.arn.as_deref());
    if let Some(error) = spec.check_region(&region) {
        return Err(invalid(format!("{error} ({region})")));
    }
    let mut resolved = match resolve(context, writer, &region, &spec.function).await {
        Ok(resolved) => resolved,
        Err(error) => {
            drop(reservation);
            return Err(without_function(reconciler, writer, error).await);
        }
    };
    let Some(function) = resolved.function.take() else { return Ok(updating("making")) };
    writer.mark_ready(Component::Function);
    writer.status.function_arn = Some(function.arn.to_string());
    writer.status.function_name = Some(function.arn.short());

    let bucket = bucket(&spec, region, &function.arn);
    let statement = Statement::for_bucket(&context.owner.id, &function.arn, &bucket.name, &bucket.owner);
    let entries = entries(&context.owner, &writer.id.key, &spec, &function.arn);
    let deployed = std::mem::take(&mut resolved.applied);
    let before = writer.status.applied.clone();
    let grant = Grant {
        function: &function.arn,
        statement: &statement,
        managed_by: spec.function.permission,
        source: format!("bucket {bucket}"),
    };
    let came = Instant::now();
    let permissions = reconciler.permissions.wanted(context, &writer.id, &grant, &before).await?;
    let wanted = wanted(&bucket, &entries, &function.arn, permissions, deployed);
    let mut all = wanted.clone();
    all.merge(&before);
    writer.record_intent(all, "creating the permission and the bucket's entries").await?;
    reconciler.permissions.permit(context, writer, &grant, came).await?;
    let desired = if spec.suspend { Desired::None } else { Desired::Entries(entries) };
    drop(reservation);
    let (permission, was_in_sync) = (grant.managed_by, writer.was_in_sync);
    let reconcile_requested = writer.reconcile_requested;
    let request = BucketRequest { desired, permission, was_in_sync, reconcile_requested };
    let done = reconciler.buckets.reconcile(&bucket, &writer.id, request).await;
    writer.changed_aws |= match &done {
        Ok(done) => done.changed,
        // S3 may have applied a write of the failed request.
        Err(failure) => failure.class().is_retryable(),
    };
    let done = done?;
    writer.mark_ready(Component::Notification);
    let in_use = BTreeMap::from([(bucket_statement_id(&context.owner.id, &bucket.name), done.functions)]);
    release(reconciler, writer, &before, &wanted, in_use).await?;
    writer.status.applied = wanted;
    resolved.outcome(Outcome::Applied { suspended: spec.suspend, message: message(&spec) })
}

/// Removes the entries of a missing function. Otherwise S3 would refuse all writes to the bucket. The entries come back
/// with the function.
async fn without_function(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
    error: Error,
) -> Error {
    if error.failure().is_some_and(|failure| failure.reason == Reason::FunctionNotFound) {
        for notification in &writer.status.applied.notifications {
            let bucket = applied_bucket(notification);
            let request = BucketRequest::own(Desired::None, writer.was_in_sync);
            let gone = reconciler.buckets.reconcile(&bucket, &writer.id, request).await;
            match gone {
                Err(failure) if !has_new_owner(writer, &bucket, &failure) => return failure.into(),
                _ => {}
            }
        }
    }
    error
}

fn bucket(spec: &S3TriggeredFunctionSpec, region: String, function: &FunctionArn) -> Bucket {
    let owner = spec.bucket_owner.clone().unwrap_or_else(|| function.account.clone());
    Bucket { region, name: spec.bucket.clone(), owner }
}

/// The entries of a resource: an entry for each filter, or a single entry for all keys.
fn entries(
    owner: &Owner,
    key: &ObjectKey,
    spec: &S3TriggeredFunctionSpec,
    function: &FunctionArn,
) -> Vec<Entry> {
    let retained = spec.deletion_policy == DeletionPolicy::Retain;
    let all_keys = [KeyFilter::default()];
    let filters = if spec.filters.is_empty() { &all_keys[..] } else { &spec.filters[..] };
    filters
        .iter()
        .map(|filter| Entry {
            destination: Destination::Function,
            arn: function.to_string(),
            id: Some(key.entry_id(&owner.id, filter, retained)),
            events: spec.events.iter().cloned().collect(),
            filter: Filter::from(filter),
        })
        .collect()
}

/// The identities of all resources that the object needs.
fn wanted(
    bucket: &Bucket,
    entries: &[Entry],
    function: &FunctionArn,
    permissions: Vec<AppliedPermission>,
    functions: Vec<AppliedFunction>,
) -> Applied {
    let Bucket { region, name, owner } = bucket.clone();
    // Sorted as in `Applied::merge`, so that the same entries give the same status.
    let ids: BTreeSet<String> = entries.iter().filter_map(|entry| entry.id.clone()).collect();
    let ids = ids.into_iter().collect();
    // The records of a bucket and of a permission contain the account already.
    let account = (!functions.is_empty()).then(|| function.account.clone());
    Applied {
        account,
        rules: vec![],
        notifications: vec![AppliedNotification { region, bucket: name, bucket_owner: owner, ids }],
        permissions,
        functions,
    }
}

fn message(spec: &S3TriggeredFunctionSpec) -> String {
    let entries = spec.filters.len().max(1);
    let plural = if entries == 1 { "entry is" } else { "entries are" };
    if spec.suspend {
        format!("suspended: the entries are removed from bucket {} until suspend is false", spec.bucket)
    } else {
        format!("{entries} {plural} in bucket {}", spec.bucket)
    }
}
