//! The authorization of a whole object against the tenancy file, before any AWS call. `aws/client/tenant_policy.rs`
//! authorizes single calls.

use lambda_triggers_core::api::Applied;
use lambda_triggers_core::plan::function::region;
use lambda_triggers_core::plan::reach::{check_account, check_owner};
use lambda_triggers_core::status::{Component, Reason};
use lambda_triggers_core::tenancy::{ImplicitGrants, Reference, references_of_s3, references_of_scheduled};

use super::context::Context;
use super::error::Error;
use super::reconciler::Reconciler;
use crate::objects::{Identity, RawS3TriggeredFunction, RawScheduledFunction, Trigger, read_spec};

/// A kind with references to AWS resources in the spec.
pub trait References: Trigger {
    /// All references of a spec.
    fn references(context: &Context, spec: &Self::Spec, own: &ImplicitGrants) -> Vec<Reference>;
}

impl References for RawScheduledFunction {
    fn references(context: &Context, spec: &Self::Spec, own: &ImplicitGrants) -> Vec<Reference> {
        let region = region(spec.region.as_deref(), spec.function.arn.as_deref(), context.default_region());
        references_of_scheduled(spec, context.settings.default_backend, &region, own)
    }
}

impl References for RawS3TriggeredFunction {
    fn references(context: &Context, spec: &Self::Spec, own: &ImplicitGrants) -> Vec<Reference> {
        let region = region(spec.region.as_deref(), spec.function.arn.as_deref(), context.default_region());
        references_of_s3(spec, &region, own)
    }
}

/// Checks that the tenancy permits all references of a spec, and that recorded resources are within reach. The error
/// lists all denied references. The resources of a denied object stay as they are: the operator does not repair drift.
pub async fn authorize<K: References>(
    reconciler: &Reconciler,
    id: &Identity,
    spec: &K::Spec,
    applied: &Applied,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let refused = refused::<K>(context, id, spec).await?;
    let Some((component, _)) = refused.first() else { return is_in_reach(context, id, applied).await };
    reconciler.buckets.freeze(&id.uid);
    let words: Vec<&str> = refused.iter().map(|(_, words)| words.as_str()).collect();
    Err(Error::found(*component, Reason::NotPermitted, words.join("; ")))
}

/// Checks that recorded resources have the operator's owner id, and are in the namespace's current account.
async fn is_in_reach(context: &Context, id: &Identity, applied: &Applied) -> Result<(), Error> {
    check_owner(applied, &context.owner.id)?;
    if applied.account.is_none() {
        return Ok(());
    }
    let own = context.credentials.implicit_grants(&context.owner.id, &id.key, &[]).await;
    let account = own.map_err(Error::aws(Component::Permission))?.account;
    Ok(check_account(applied, &account)?)
}

/// The denied references of a spec, with messages.
async fn refused<K: References>(
    context: &Context,
    id: &Identity,
    spec: &K::Spec,
) -> Result<Vec<(Component, String)>, Error> {
    let Some(tenancy) = context.credentials.tenancy() else { return Ok(vec![]) };
    let own = context.credentials.implicit_grants(&context.owner.id, &id.key, &[K::NAME]).await;
    let own = own.map_err(Error::aws(Component::Function))?;
    Ok(tenancy.refusals(&id.key.namespace, &own, K::references(context, spec, &own)))
}

/// True if an object without recorded resources may have resources in AWS. False if the tenancy denies the spec.
pub async fn may_have_made<K: References>(context: &Context, object: &K) -> Result<bool, Error> {
    match read_spec(object) {
        Ok(spec) => Ok(refused::<K>(context, &Identity::from_object(object), &spec).await?.is_empty()),
        // The caller reads the fields of an unreadable spec one by one.
        Err(_) => Ok(true),
    }
}

/// True if cleanup can reach the object's AWS resources; `false` if the object has none. Fails if the tenancy file no
/// longer names the namespace: the role is unknown, and the recorded resources must not be forgotten.
pub async fn is_found(context: &Context, id: &Identity, applied: &Applied) -> Result<bool, Error> {
    let namespace = &id.key.namespace;
    if context.credentials.is_named(namespace) {
        return is_in_reach(context, id, applied).await.map(|()| true);
    }
    if applied.is_empty() {
        return Ok(false);
    }
    let message = format!(
        "the tenancy file has no entry for namespace {namespace} any more, so the operator has no role to \
         remove the AWS resources: add an entry with only the namespace's role until its resources are deleted"
    );
    Err(Error::found(Component::Permission, Reason::NotPermitted, message))
}
