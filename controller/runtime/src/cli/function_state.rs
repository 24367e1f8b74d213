//! The state of a function that an entry, a rule or a schedule invokes.

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::import::FunctionState;
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use super::read_failure::message;
use crate::aws::AwsReads;

/// The state of a function. Only the tags and the policy of an own function are read; without the permission, a function
/// has no tags.
pub async fn function_state(aws: &AwsReads, arn: &FunctionArn, is_own: bool) -> FunctionState {
    let lambda = aws.lambda(&arn.region);
    let name = arn.with_qualifier(None).to_string();
    let deployed = if is_own { lambda.deployed(&name).await } else { Ok(None) };
    let is_known = matches!(&deployed, Ok(Some(_))) && arn.qualifier.is_none();
    if !is_known {
        match lambda.function(&name, arn.qualifier.as_deref(), Instant::now()).await {
            Ok(Some(_)) => {}
            Ok(None) => return FunctionState::Missing,
            Err(error) => return FunctionState::Unknown(message(&error, Component::Function)),
        }
    }
    let tags = deployed.ok().flatten().map(|function| function.tags).unwrap_or_default();
    let policy = if is_own { lambda.policy(arn, Instant::now()).await } else { Ok(None) };
    let statements = policy.map(|policy| {
        let statements = policy.map(|policy| policy.statements).unwrap_or_default();
        statements.into_values().flatten().collect()
    });
    FunctionState::Exists {
        tags,
        statements: statements.map_err(|error| message(&error, Component::Permission)),
    }
}
