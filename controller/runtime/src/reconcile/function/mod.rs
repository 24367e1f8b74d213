//! The function of a trigger: an existing function, or a function that the operator deploys.

mod applied;
mod code;
mod deploy;
mod release;
mod report;
mod steps;

use lambda_triggers_core::api::{AppliedFunction, FunctionRef};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::status::{Component, Failure, Outcome, Reason};

use crate::aws::{Aws, Function, confirm_absent};
use crate::objects::Trigger;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::status::StatusWriter;
use crate::reconcile::wakes::Hindrance;
pub use applied::by_spec;
use deploy::{Deployment, deploy};
pub use release::{release, wake_waiting};

/// The Region of a resource: the Region of the spec, else of the function's ARN, else of the operator.
pub fn region(context: &Context, spec: Option<&str>, arn: Option<&str>) -> String {
    let of_arn = || arn.and_then(FunctionArn::parse).map(|arn| arn.region);
    spec.map(ToOwned::to_owned).or_else(of_arn).unwrap_or_else(|| context.default_region().to_owned())
}

/// The function of a resource.
pub struct Resolved {
    /// The function with its qualifier; `None` while Lambda creates the function.
    pub function: Option<Function>,
    /// The functions that the operator deployed for the resource.
    pub applied: Vec<AppliedFunction>,
    /// True while Lambda applies a change.
    pub in_progress: bool,
    /// The failure of the function, if triggers can still reference the function.
    pub failed: Option<Failure>,
}

impl Resolved {
    /// The outcome of the reconcile, after all other components.
    pub fn outcome(self, applied: Outcome) -> Result<Outcome, Error> {
        match self.failed {
            Some(failure) => Err(failure.into()),
            None if self.in_progress => Ok(updating("updating")),
            None => Ok(applied),
        }
    }
}

/// The outcome while Lambda changes the function.
pub fn updating(what: &str) -> Outcome {
    Outcome::Progressing { message: format!("Lambda is {what} the function") }
}

/// Finds the function that the spec names, or deploys the function of the definition.
pub async fn resolve<K: Trigger>(
    context: &Context,
    writer: &mut StatusWriter<'_, K>,
    region: &str,
    function: &FunctionRef,
) -> Result<Resolved, Error> {
    let Some(definition) = &function.definition else {
        let aws = context.aws(&writer.id.key);
        let found = find(&*aws, region, function).await;
        if found.as_ref().is_err_and(is_not_found) {
            let arn = function.arn.as_deref().and_then(FunctionArn::parse).map(|arn| arn.name);
            let name = arn.or_else(|| function.name.clone()).unwrap_or_default();
            writer.wake_after(Hindrance::Function(region.into(), name));
        }
        let function = found?;
        writer.status.function = None;
        let failed = check_state(&function);
        return Ok(Resolved { function: Some(function), applied: vec![], in_progress: false, failed });
    };
    let Deployment { arn, applied, in_progress, failed } =
        deploy(context, writer, region, definition).await?;
    let function = arn.map(|arn| Function { arn, failed: None });
    Ok(Resolved { function, applied: vec![applied], in_progress, failed })
}

fn is_not_found(error: &Error) -> bool {
    error.failure().is_some_and(|failure| failure.reason == Reason::FunctionNotFound)
}

/// Reads the function in its Region.
pub async fn find(aws: &dyn Aws, region: &str, function: &FunctionRef) -> Result<Function, Error> {
    let arn = function.arn.as_deref().and_then(FunctionArn::parse);
    let qualifier = function.qualifier.clone().or_else(|| arn.as_ref().and_then(|arn| arn.qualifier.clone()));
    let name = arn.map(|arn| arn.with_qualifier(None).to_string()).or_else(|| function.name.clone());
    let name = name.unwrap_or_default();
    let functions = aws.lambda(region);
    // The reconcile removes the triggers of a missing function, so a false not-found would remove entries.
    let found = confirm_absent(|| functions.function(&name, qualifier.as_deref())).await;
    found
        .map_err(Error::aws(Component::Function))?
        .ok_or_else(|| not_found(&name, qualifier.as_deref(), region))
}

/// The failure for a missing function.
fn not_found(name: &str, qualifier: Option<&str>, region: &str) -> Error {
    let what =
        qualifier.map_or_else(String::new, |qualifier| format!(" with the alias or version {qualifier}"));
    let message = format!(
        "there is no Lambda function {name}{what} in {region}: create it, or name another one in spec.function"
    );
    Error::found(Component::Function, Reason::FunctionNotFound, message)
}

/// The failure if Lambda reports that the function cannot run.
fn check_state(function: &Function) -> Option<Failure> {
    let why = function.failed.as_ref()?;
    let message = format!(
        "the function {} is in the state Failed, and cannot be invoked: {why}. Fix or update the function",
        function.arn.short()
    );
    Some(Failure::new(Component::Function, Reason::FunctionFailed, message))
}
