//! The function of a trigger: an existing function, or a function that the operator deploys.

mod applied;
mod code;
mod deploy;
mod release;
mod resolved;
mod steps;

use lambda_triggers_core::api::{FunctionRef, PermissionPolicy};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{in_state_failed, named_arn, not_found};
use lambda_triggers_core::status::{Component, Reason};
use tokio::time::Instant;

use crate::aws::{Aws, Function, confirm_absent};
use crate::objects::Trigger;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::permission::Permissions;
use crate::reconcile::status::StatusWriter;
use crate::reconcile::wakes::Hindrance;
pub use applied::by_spec;
use deploy::deploy;
pub use release::{release, wake_waiting};
pub use resolved::Resolved;

/// The function that the spec names, or the deployed function of the definition. A read of the function that began at
/// or after `since` is accepted.
///
/// The ARN of a named function follows from the account, the Region and the name. The permission proves that the
/// function exists. A read of the function shows its state, and is needed only after a failure of the function, for a
/// full resync, with an external permission, or if `is_unproven`: no permission of the trigger proves the function.
pub async fn resolve<K: Trigger>(
    context: &Context,
    permissions: &Permissions,
    writer: &mut StatusWriter<'_, K>,
    region: &str,
    function: &FunctionRef,
    (since, is_unproven): (Instant, bool),
) -> Result<Resolved, Error> {
    let account = context.aws(&writer.id.key).account().await.map_err(Error::aws(Component::Function))?;
    if let Some(definition) = &function.definition {
        return deploy(context, permissions, writer, region, &account.id, definition).await;
    }
    writer.status.function = None;
    let arn = named_arn(function, region, &account.id);
    let is_read = is_unproven || function.permission == PermissionPolicy::External || writer.reads_function();
    let mut failed = None;
    if is_read {
        let found = find(context, writer, region, function, since).await?;
        failed = found.failed.map(|why| in_state_failed(&found.arn, &why));
    }
    Ok(Resolved { arn: Some(arn), applied: vec![], in_progress: false, requeue_soon: false, failed })
}

/// The error after a call that did not find the function. The reconcile removes the triggers of a missing function, so
/// the function is read first: a false not-found would remove entries.
pub async fn missing<K: Trigger>(
    context: &Context,
    writer: &StatusWriter<'_, K>,
    region: &str,
    function: &FunctionRef,
    error: Error,
) -> Error {
    if !is_not_found(&error) {
        return error;
    }
    match find(context, writer, region, function, Instant::now()).await {
        Ok(function) => {
            let message = format!(
                "Lambda does not find the function {} yet, which a read has shown; trying again",
                function.arn.short()
            );
            Error::found(Component::Permission, Reason::AwsUnavailable, message)
        }
        Err(error) => error,
    }
}

/// True if the function is missing.
pub fn is_not_found(error: &Error) -> bool {
    error.failure().is_some_and(|failure| failure.reason == Reason::FunctionNotFound)
}

/// Reads the named function of an object. If the function is missing, its creation wakes the object.
async fn find<K: Trigger>(
    context: &Context,
    writer: &StatusWriter<'_, K>,
    region: &str,
    function: &FunctionRef,
    since: Instant,
) -> Result<Function, Error> {
    let aws = context.aws(&writer.id.key);
    let found = read(&*aws, region, function, since).await;
    if found.as_ref().is_err_and(is_not_found) {
        let arn = function.arn.as_deref().and_then(FunctionArn::parse).map(|arn| arn.name);
        let name = arn.or_else(|| function.name.clone()).unwrap_or_default();
        writer.wake_after(Hindrance::Function(region.into(), name));
    }
    found
}

/// Reads the function in its Region.
pub async fn read(
    aws: &dyn Aws,
    region: &str,
    function: &FunctionRef,
    since: Instant,
) -> Result<Function, Error> {
    let arn = function.arn.as_deref().and_then(FunctionArn::parse);
    let qualifier = function.qualifier.clone().or_else(|| arn.as_ref().and_then(|arn| arn.qualifier.clone()));
    let name = arn.map(|arn| arn.with_qualifier(None).to_string()).or_else(|| function.name.clone());
    let name = name.unwrap_or_default();
    let functions = aws.lambda(region);
    let found = confirm_absent(|| functions.function(&name, qualifier.as_deref(), since)).await;
    found
        .map_err(Error::aws(Component::Function))?
        .ok_or_else(|| not_found(&name, qualifier.as_deref(), region).into())
}
