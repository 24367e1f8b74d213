//! The calls that carry out a plan for a function.

use lambda_triggers_core::plan::function::{FunctionStep, ObservedFunction};

use crate::aws::{AwsError, DeploymentApi};

pub async fn carry_out(
    deployments: &dyn DeploymentApi,
    name: &str,
    observed: Option<&ObservedFunction>,
    steps: &[FunctionStep],
) -> Result<(), AwsError> {
    for step in steps {
        match (step, observed) {
            (FunctionStep::Create(function), _) => deployments.create(function).await,
            (FunctionStep::UpdateCode(code, architecture), _) => {
                deployments.update_code(name, code, *architecture).await
            }
            (FunctionStep::UpdateConfiguration(configuration), _) => {
                deployments.update_configuration(name, configuration).await
            }
            (FunctionStep::Tag(tags), Some(function)) => deployments.tag_function(&function.arn, tags).await,
            (FunctionStep::Untag(keys), Some(function)) => {
                deployments.untag_function(&function.arn, &keys.iter().cloned().collect::<Vec<_>>()).await
            }
            // Only an existing function has tags to change.
            (FunctionStep::Tag(_) | FunctionStep::Untag(_), None) => Ok(()),
            (FunctionStep::PutConcurrency(runs), _) => deployments.put_concurrency(name, *runs).await,
            (FunctionStep::DeleteConcurrency, _) => deployments.delete_concurrency(name).await,
            (FunctionStep::PutEventInvokeConfig(config), _) => {
                deployments.put_event_invoke_config(name, config).await
            }
            (FunctionStep::DeleteEventInvokeConfig, _) => deployments.delete_event_invoke_config(name).await,
            (FunctionStep::Delete, _) => deployments.delete_function(name).await,
        }?;
    }
    Ok(())
}
