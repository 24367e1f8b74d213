//! Finds the function that a resource names.

use lambda_triggers_core::api::FunctionRef;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::report::{Part, Reason};

use super::context::Context;
use super::error::Error;
use crate::aws::Function;

/// The Region of a resource: its own, else that of its function's ARN, else the operator's.
pub fn region(context: &Context, spec: Option<&str>, function: &FunctionRef) -> String {
    let of_arn = || function.arn.as_deref().and_then(FunctionArn::parse).map(|arn| arn.region);
    spec.map(ToOwned::to_owned).or_else(of_arn).unwrap_or_else(|| context.aws.default_region().to_owned())
}

/// Looks the function up in its Region.
pub async fn find(context: &Context, region: &str, function: &FunctionRef) -> Result<Function, Error> {
    let arn = function.arn.as_deref().and_then(FunctionArn::parse);
    let qualifier = function.qualifier.clone().or_else(|| arn.as_ref().and_then(|arn| arn.qualifier.clone()));
    let name = arn.map(|arn| arn.with_qualifier(None).to_string()).or_else(|| function.name.clone());
    let name = name.unwrap_or_default();
    let found = context.aws.functions(region).function(&name, qualifier.as_deref()).await;
    found.map_err(Error::aws(Part::Function))?.ok_or_else(|| not_found(&name, qualifier.as_deref(), region))
}

/// Says that there is no such function.
fn not_found(name: &str, qualifier: Option<&str>, region: &str) -> Error {
    let what =
        qualifier.map_or_else(String::new, |qualifier| format!(" with the alias or version {qualifier}"));
    let message = format!(
        "there is no Lambda function {name}{what} in {region}: create it, or name another one in spec.function"
    );
    Error::found(Part::Function, Reason::FunctionNotFound, message)
}

/// Fails if Lambda says that the function cannot run.
pub fn check_state(function: &Function) -> Result<(), Error> {
    match &function.failed {
        None => Ok(()),
        Some(why) => {
            let message = format!(
                "the function {} is in the state Failed, and is not invoked: {why}. Mend or update the function",
                function.arn.short()
            );
            Err(Error::found(Part::Function, Reason::FunctionFailed, message))
        }
    }
}
