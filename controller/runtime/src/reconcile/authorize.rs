//! What the tenancy file says of an object as a whole: asked before AWS is.

use lambda_triggers_core::api::Applied;
use lambda_triggers_core::status::{Component, Reason};
use lambda_triggers_core::tenancy::{ImplicitGrants, Reference, references_of_s3, references_of_scheduled};

use super::context::Context;
use super::error::Error;
use super::function::region;
use super::reconciler::Reconciler;
use crate::objects::{Identity, RawS3TriggeredFunction, RawScheduledFunction, Trigger, read_spec};

/// A kind whose specs name references in AWS.
pub trait References: Trigger {
    /// All that a spec names.
    fn asks(context: &Context, spec: &Self::Spec, own: &ImplicitGrants) -> Vec<Reference>;
}

impl References for RawScheduledFunction {
    fn asks(context: &Context, spec: &Self::Spec, own: &ImplicitGrants) -> Vec<Reference> {
        references_of_scheduled(spec, &region(context, spec.region.as_deref(), &spec.function), own)
    }
}

impl References for RawS3TriggeredFunction {
    fn asks(context: &Context, spec: &Self::Spec, own: &ImplicitGrants) -> Vec<Reference> {
        references_of_s3(spec, &region(context, spec.region.as_deref(), &spec.function), own)
    }
}

/// Whether the tenancy permits all that a spec names, and what was made before is within reach. Says all that is not
/// permitted, so that nobody has to ask twice. What was made stays as it is then, and nobody repairs it.
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

/// Whether what was made is in the account that the namespace acts in now: in another one it would not be found, and be
/// forgotten there.
async fn is_in_reach(context: &Context, id: &Identity, applied: &Applied) -> Result<(), Error> {
    if applied.account.is_none() {
        return Ok(());
    }
    let own = context.credentials.implicit_grants(&context.owner.id, &id.key, &[]).await;
    let account = own.map_err(Error::aws(Component::Permission))?.account;
    let Some(made_in) = applied.made_in_other_account(&account) else { return Ok(()) };
    let message = format!(
        "what was made for this resource is in account {made_in}, and its namespace acts in account {account} now: act in \
         {made_in} again until the resource is deleted, and create it anew then; or set spec.deletionPolicy to Retain and delete \
         it, which leaves what is in {made_in} to you"
    );
    Err(Error::found(Component::Permission, Reason::OtherAccount, message))
}

/// What a spec names and the tenancy does not permit, in words.
async fn refused<K: References>(
    context: &Context,
    id: &Identity,
    spec: &K::Spec,
) -> Result<Vec<(Component, String)>, Error> {
    let Some(tenancy) = context.credentials.tenancy() else { return Ok(vec![]) };
    let namespace = &id.key.namespace;
    if tenancy.tenant(namespace).is_none() {
        return Ok(vec![(Component::Function, tenancy.unnamed(namespace).to_string())]);
    }
    let own = context.credentials.implicit_grants(&context.owner.id, &id.key, &[K::NAME]).await;
    let own = own.map_err(Error::aws(Component::Function))?;
    let refusal = |Reference { field, component, resource }: Reference| {
        let refusal = tenancy.authorize(namespace, &own, &resource).err()?;
        Some((component, format!("{field}: {refusal}")))
    };
    Ok(K::asks(context, spec, &own).into_iter().filter_map(refusal).collect())
}

/// Whether something may have been made for an object that does not say so itself: nothing was, if the tenancy does not
/// permit what it names.
pub async fn may_have_made<K: References>(context: &Context, object: &K) -> Result<bool, Error> {
    match read_spec(object) {
        Ok(spec) => Ok(refused::<K>(context, &Identity::from_object(object), &spec).await?.is_empty()),
        // Its fields are looked at one by one.
        Err(_) => Ok(true),
    }
}

/// Whether it is known where that is which was made for an object that is being deleted: false if there is nothing. Nobody
/// knows the credentials of a namespace that the tenancy does not name, and what was made with them before is not forgotten.
pub async fn is_found(context: &Context, id: &Identity, applied: &Applied) -> Result<bool, Error> {
    let namespace = &id.key.namespace;
    if context.credentials.is_named(namespace) {
        return is_in_reach(context, id, applied).await.map(|()| true);
    }
    if applied.is_empty() {
        return Ok(false);
    }
    let message = format!(
        "the tenancy file does not name namespace {namespace} any more, so the operator does not know with which role to remove \
         what it made: name the namespace there with its role, and no more than that, until its resources are gone"
    );
    Err(Error::found(Component::Permission, Reason::NotPermitted, message))
}
