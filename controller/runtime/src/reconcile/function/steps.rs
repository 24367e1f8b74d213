//! The calls that carry out a plan for a function.

use lambda_triggers_core::plan::function::{FunctionStep, ObservedFunction};

use crate::aws::{AwsError, LambdaApi};
use crate::reconcile::recorded::Recorded;

/// Carries out the steps for a recorded function.
pub async fn apply(
    lambda: &dyn LambdaApi,
    name: &str,
    observed: Option<&ObservedFunction>,
    steps: &[FunctionStep],
    _recorded: &Recorded,
) -> Result<(), AwsError> {
    carry_out(lambda, name, observed, steps).await
}

/// Carries out the steps that delete a function, or leave the function to its user.
pub async fn remove(
    lambda: &dyn LambdaApi,
    name: &str,
    observed: Option<&ObservedFunction>,
    steps: &[FunctionStep],
) -> Result<(), AwsError> {
    carry_out(lambda, name, observed, steps).await
}

async fn carry_out(
    lambda: &dyn LambdaApi,
    name: &str,
    observed: Option<&ObservedFunction>,
    steps: &[FunctionStep],
) -> Result<(), AwsError> {
    for step in steps {
        match (step, observed) {
            (FunctionStep::Create(function), _) => lambda.create_function(function).await,
            (FunctionStep::UpdateCode(code, architecture), _) => {
                lambda.update_code(name, code, *architecture).await
            }
            (FunctionStep::UpdateConfiguration(configuration), _) => {
                lambda.update_configuration(name, configuration).await
            }
            (FunctionStep::Tag(tags), Some(function)) => lambda.tag_function(&function.arn, tags).await,
            (FunctionStep::Untag(keys), Some(function)) => {
                lambda.untag_function(&function.arn, &keys.iter().cloned().collect::<Vec<_>>()).await
            }
            // Only an existing function has tags to change.
            (FunctionStep::Tag(_) | FunctionStep::Untag(_), None) => Ok(()),
            (FunctionStep::PutConcurrency(runs), _) => lambda.put_concurrency(name, *runs).await,
            (FunctionStep::DeleteConcurrency, _) => lambda.delete_concurrency(name).await,
            (FunctionStep::PutEventInvokeConfig(config), _) => {
                lambda.put_event_invoke_config(name, config).await
            }
            (FunctionStep::DeleteEventInvokeConfig, _) => lambda.delete_event_invoke_config(name).await,
            (FunctionStep::Delete, _) => lambda.delete_function(name).await,
        }?;
    }
    Ok(())
}
