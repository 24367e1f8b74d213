//! The release of functions that an object needs no longer. A function is deleted, or stays with the user without the
//! operator's tags.

use lambda_triggers_core::api::{Applied, AppliedFunction, AppliedPermission};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{
    ObservedFunction, not_deleted, plan_function_release, plan_function_removal,
};
use lambda_triggers_core::status::{Component, EventReason, EventToEmit};
use lambda_triggers_core::tenancy::ResourceRef;

use super::steps::remove;
use crate::aws::{confirm_absent, retry_not_found};
use crate::objects::{Identity, Trigger};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::status::StatusWriter;
use crate::reconcile::wakes::Hindrance;

/// The functions that the operator deleted.
pub struct Deleted(pub Vec<FunctionArn>);

impl Deleted {
    /// True if the statement was deleted together with its function.
    pub fn have_policy_of(&self, permission: &AppliedPermission) -> bool {
        let arn = FunctionArn::parse(&permission.function_arn).map(|arn| arn.with_qualifier(None));
        arn.is_some_and(|arn| self.0.contains(&arn))
    }
}

/// Deletes the obsolete functions, unless the functions are foreign. If the spec names a function that the spec defined
/// before, the function stays and belongs to the user. The operator removes its tags before the status forgets the
/// function: remaining tags would allow a later definition to take the function.
pub async fn release<K: Trigger>(
    context: &Context,
    writer: &StatusWriter<'_, K>,
    obsolete: &Applied,
    wanted: &Applied,
) -> Result<Deleted, Error> {
    let mut deleted = vec![];
    let origin = writer.origin();
    let aws = context.aws_for_removal(&origin.key);
    let known_code = writer.status.function.as_ref().and_then(|function| function.code_sha256.as_deref());
    for AppliedFunction { region, name, tag_keys, async_invoke: _ } in &obsolete.functions {
        let lambda = aws.lambda(region);
        let set_before = tag_keys.iter().cloned().collect();
        let named = may_define(context, writer, name).await?;
        let outcome = retry_not_found(|| async {
            let observed = confirm_absent(|| lambda.deployed(name)).await?;
            let is_left = |function: &&ObservedFunction| {
                is_used(&function.arn, wanted) || names(context, writer, &function.arn)
            };
            let (outcome, steps) = match observed.as_ref().filter(is_left) {
                Some(function) => {
                    (Released::Left, Ok(plan_function_release(function, &context.owner, &origin)))
                }
                None => {
                    let observed = observed.as_ref();
                    let steps = plan_function_removal(
                        observed,
                        &set_before,
                        named,
                        known_code,
                        &context.owner,
                        &origin,
                    );
                    let deletes = steps.as_ref().is_ok_and(|steps| !steps.is_empty());
                    (if deletes { Released::Deleted } else { Released::Nothing }, steps)
                }
            };
            match steps {
                Ok(steps) => {
                    remove(&*lambda, name, observed.as_ref(), &steps).await?;
                    Ok(Ok((outcome, observed.map(|function| function.arn))))
                }
                Err(unmarked) => Ok(Err(unmarked)),
            }
        });
        let (outcome, arn) = outcome
            .await
            .map_err(Error::aws(Component::Function))?
            .map_err(|unmarked| Error::from(not_deleted(name, region, &unmarked)))?;
        let (reason, note) = match outcome {
            Released::Nothing => continue,
            Released::Deleted => {
                deleted.extend(arn);
                (EventReason::FunctionDeleted, format!("deleted the function {name}"))
            }
            Released::Left => (
                EventReason::FunctionReleased,
                format!(
                    "kept the function {name} and removed the operator's tags, because spec.function no \
                     longer defines the function but names it. The operator no longer updates or deletes the \
                     function"
                ),
            ),
        };
        writer.emit(EventToEmit::normal(reason, note)).await;
        context.wakes.wake_all(&Hindrance::Function(region.clone(), name.clone()));
    }
    Ok(Deleted(deleted))
}

/// Requests reconciles of objects that wait for the functions.
pub fn wake_waiting(context: &Context, applied: &Applied) {
    for AppliedFunction { region, name, tag_keys: _, async_invoke: _ } in &applied.functions {
        context.wakes.wake_all(&Hindrance::Function(region.clone(), name.clone()));
    }
}

/// The result of a release.
enum Released {
    /// The function does not exist, or another owner has the function.
    Nothing,
    /// The operator deleted the function.
    Deleted,
    /// The function belongs to the user now.
    Left,
}

/// True if the spec defines a function of this name and the tenancy permits the definition. A tenant must not delete a
/// function by editing the status.
async fn may_define<K: Trigger>(
    context: &Context,
    writer: &StatusWriter<'_, K>,
    name: &str,
) -> Result<bool, Error> {
    let Identity { key, .. } = &writer.id;
    if name == key.function_name(&context.owner.id, K::NAME) {
        return Ok(true);
    }
    if writer.spec.value()["function"]["definition"]["functionName"] != name {
        return Ok(false);
    }
    let Some(tenancy) = context.credentials.tenancy() else { return Ok(true) };
    let own = context.credentials.implicit_grants(&context.owner.id, key, &[K::NAME]).await;
    let own = own.map_err(Error::aws(Component::Function))?;
    Ok(tenancy.authorize(&key.namespace, &own, &ResourceRef::DeployedFunction(name.into())).is_ok())
}

/// True if the spec names this function.
fn names<K: Trigger>(context: &Context, writer: &StatusWriter<'_, K>, function: &FunctionArn) -> bool {
    let spec = writer.spec.value();
    let named = &spec["function"];
    match named["arn"].as_str().and_then(FunctionArn::parse) {
        Some(arn) => arn.with_qualifier(None) == *function,
        None => {
            let region = spec["region"].as_str().unwrap_or(context.default_region());
            named["name"] == function.name.as_str() && region == function.region
        }
    }
}

/// True if a wanted trigger invokes the function, with any qualifier.
fn is_used(function: &FunctionArn, wanted: &Applied) -> bool {
    let arns =
        wanted.permissions.iter().filter_map(|permission| FunctionArn::parse(&permission.function_arn));
    arns.map(|arn| arn.with_qualifier(None)).any(|arn| arn == *function)
}
