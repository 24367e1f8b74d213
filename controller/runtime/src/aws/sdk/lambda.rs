//! Lambda through the SDK.

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::State;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::permission::{Policy, Statement};

use crate::aws::{AwsError, AwsErrorKind, Function, LambdaApi};

/// Lambda in one Region.
pub struct SdkLambda {
    client: Client,
}

impl SdkLambda {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

/// Maps a not-found error to `None`.
pub(super) fn missing_as_none<T>(result: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == AwsErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl LambdaApi for SdkLambda {
    /// Calls GetFunction, with a quota of 100 calls a second. GetFunctionConfiguration shares a quota with all other
    /// control calls (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
    async fn function(&self, name: &str, qualifier: Option<&str>) -> Result<Option<Function>, AwsError> {
        const ACTION: &str = "lambda:GetFunction";
        let on = || match qualifier {
            Some(qualifier) => format!("function {name}:{qualifier}"),
            None => format!("function {name}"),
        };
        let call = self.client.get_function().function_name(name).set_qualifier(qualifier.map(Into::into));
        let answer = call.send().await.map_err(|e| AwsError::from_sdk(ACTION, on(), e));
        let Some(answer) = missing_as_none(answer)? else { return Ok(None) };
        let configuration = answer.configuration();
        let arn =
            configuration.and_then(|c| c.function_arn()).and_then(FunctionArn::parse).ok_or_else(|| {
                AwsError::unexpected(AwsErrorKind::Invalid, ACTION, on(), "the answer has no function's ARN")
            })?;
        let failed = configuration
            .filter(|c| c.state() == Some(&State::Failed))
            .map(|c| c.state_reason().unwrap_or("Lambda gives no reason").to_owned());
        Ok(Some(Function { arn: arn.with_qualifier(qualifier), failed }))
    }

    /// GetPolicy answers 404 both for a function without a policy and for a missing function. Only the message
    /// differs.
    async fn policy(&self, function: &FunctionArn) -> Result<Option<Policy>, AwsError> {
        const ACTION: &str = "lambda:GetPolicy";
        let on = || format!("function {}", function.short());
        let call =
            self.client.get_policy().function_name(unqualified(function)).set_qualifier(qualifier(function));
        match call.send().await.map_err(|e| AwsError::from_sdk(ACTION, on(), e)) {
            Ok(answer) => {
                let revision = answer.revision_id().map(Into::into);
                Policy::parse(answer.policy().unwrap_or("{}"), revision)
                    .map(Some)
                    .map_err(|e| AwsError::unexpected(AwsErrorKind::Invalid, ACTION, on(), e))
            }
            Err(error) if error.kind == AwsErrorKind::NotFound => {
                let no_function =
                    error.message.as_deref().is_some_and(|m| m.starts_with("Function not found"));
                Ok((!no_function).then(Policy::default))
            }
            Err(error) => Err(error),
        }
    }

    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        let Statement { id, principal, source_arn, source_account } = statement;
        self.client
            .add_permission()
            .function_name(unqualified(function))
            .set_qualifier(qualifier(function))
            .action("lambda:InvokeFunction")
            .statement_id(id)
            .principal(principal)
            .source_arn(source_arn)
            .set_source_account(source_account.clone())
            .set_revision_id(revision.map(Into::into))
            .send()
            .await
            .map(drop)
            .map_err(|e| {
                AwsError::from_sdk("lambda:AddPermission", format!("function {}", function.short()), e)
            })
    }

    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        let answer = self
            .client
            .remove_permission()
            .function_name(unqualified(function))
            .set_qualifier(qualifier(function))
            .statement_id(statement_id)
            .set_revision_id(revision.map(Into::into))
            .send()
            .await
            .map_err(|e| {
                AwsError::from_sdk("lambda:RemovePermission", format!("function {}", function.short()), e)
            });
        missing_as_none(answer).map(drop)
    }
}

/// The ARN without the qualifier. These calls take the qualifier as a parameter.
fn unqualified(function: &FunctionArn) -> String {
    function.with_qualifier(None).to_string()
}

fn qualifier(function: &FunctionArn) -> Option<String> {
    function.qualifier.clone()
}
