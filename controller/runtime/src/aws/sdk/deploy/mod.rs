//! Functions deployed by the operator, through the SDK.

mod read;
mod write;

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, TagsError};
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};

use super::lambda::missing_as_none;
use crate::aws::{AwsError, AwsErrorKind, DeploymentApi};

/// Lambda in one Region.
pub struct SdkDeployments {
    client: Client,
}

impl SdkDeployments {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl DeploymentApi for SdkDeployments {
    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError> {
        const ACTION: &str = "lambda:GetFunction";
        let answer = self.client.get_function().function_name(name).send().await;
        let Some(answer) = missing_as_none(answer.map_err(|e| AwsError::from_sdk(ACTION, on(name), e)))?
        else {
            return Ok(None);
        };
        if let Some(error) = answer.tags_error() {
            return Err(tags_unread(name, error));
        }
        let unreadable = || {
            AwsError::unexpected(AwsErrorKind::Invalid, ACTION, on(name), "the answer describes no function")
        };
        read::observed(&answer).ok_or_else(unreadable).map(Some)
    }

    async fn create(&self, function: &DesiredFunction) -> Result<(), AwsError> {
        let DesiredFunction {
            name,
            configuration,
            architecture,
            code,
            tags,
            reserved_concurrency: _,
            async_invoke: _,
        } = function;
        let settings = write::Settings::from_configuration(configuration);
        self.client
            .create_function()
            .function_name(name)
            .role(&configuration.role)
            .set_runtime(settings.runtime)
            .set_handler(configuration.handler.clone())
            .package_type(write::package_type(code))
            .code(function_code(code))
            .architectures(write::architecture(*architecture))
            .memory_size(configuration.memory_size)
            .timeout(configuration.timeout)
            .description(&configuration.description)
            .environment(settings.environment)
            .vpc_config(settings.vpc)
            .set_layers(Some(configuration.layers.clone()))
            .ephemeral_storage(settings.ephemeral_storage)
            .tracing_config(settings.tracing)
            .dead_letter_config(settings.dead_letter)
            .kms_key_arn(&configuration.kms_key_arn)
            .set_snap_start(settings.snap_start)
            .logging_config(settings.logging)
            .set_image_config(settings.image)
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk("lambda:CreateFunction", on(name), e))
    }

    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError> {
        let call = self.client.update_function_code().function_name(name);
        let call = call.architectures(write::architecture(architecture));
        let call = match code {
            CodeSource::Archive(archive) => call.zip_file(Blob::new(archive.bytes.clone())),
            CodeSource::S3 { bucket, key, version } => {
                call.s3_bucket(bucket).s3_key(key).set_s3_object_version(version.clone())
            }
            CodeSource::Image { uri } => call.image_uri(uri),
        };
        call.send().await.map(drop).map_err(|e| AwsError::from_sdk("lambda:UpdateFunctionCode", on(name), e))
    }

    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError> {
        let settings = write::Settings::from_configuration(configuration);
        self.client
            .update_function_configuration()
            .function_name(name)
            .role(&configuration.role)
            .set_runtime(settings.runtime)
            .set_handler(configuration.handler.clone())
            .memory_size(configuration.memory_size)
            .timeout(configuration.timeout)
            .description(&configuration.description)
            .environment(settings.environment)
            .vpc_config(settings.vpc)
            .set_layers(Some(configuration.layers.clone()))
            .ephemeral_storage(settings.ephemeral_storage)
            .tracing_config(settings.tracing)
            .dead_letter_config(settings.dead_letter)
            .kms_key_arn(&configuration.kms_key_arn)
            .set_snap_start(settings.snap_start)
            .logging_config(settings.logging)
            .set_image_config(settings.image)
            .send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk("lambda:UpdateFunctionConfiguration", on(name), e))
    }

    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError> {
        let tags = tags.clone().into_iter().collect();
        let call = self.client.tag_resource().resource(function.to_string()).set_tags(Some(tags));
        call.send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk("lambda:TagResource", on(&function.name), e))
    }

    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError> {
        let call =
            self.client.untag_resource().resource(function.to_string()).set_tag_keys(Some(keys.to_vec()));
        call.send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk("lambda:UntagResource", on(&function.name), e))
    }

    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError> {
        let call =
            self.client.put_function_concurrency().function_name(name).reserved_concurrent_executions(runs);
        call.send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk("lambda:PutFunctionConcurrency", on(name), e))
    }

    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError> {
        let call = self.client.delete_function_concurrency().function_name(name);
        call.send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk("lambda:DeleteFunctionConcurrency", on(name), e))
    }

    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        let answer = self.client.get_function_event_invoke_config().function_name(name).send().await;
        let answer =
            answer.map_err(|e| AwsError::from_sdk("lambda:GetFunctionEventInvokeConfig", on(name), e));
        Ok(missing_as_none(answer)?.map(|config| read::event_invoke_config(&config)))
    }

    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError> {
        let EventInvokeConfig { maximum_retry_attempts, maximum_event_age_seconds, .. } = config;
        self.client
            .put_function_event_invoke_config()
            .function_name(name)
            .set_maximum_retry_attempts(*maximum_retry_attempts)
            .set_maximum_event_age_in_seconds(*maximum_event_age_seconds)
            .set_destination_config(write::destinations(config))
            .send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk("lambda:PutFunctionEventInvokeConfig", on(name), e))
    }

    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError> {
        let answer = self.client.delete_function_event_invoke_config().function_name(name).send().await;
        let answer =
            answer.map_err(|e| AwsError::from_sdk("lambda:DeleteFunctionEventInvokeConfig", on(name), e));
        missing_as_none(answer).map(drop)
    }

    async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        let answer = self.client.delete_function().function_name(name).send().await;
        answer.map(drop).map_err(|e| AwsError::from_sdk("lambda:DeleteFunction", on(name), e))
    }
}

/// The error for unreadable tags: access denied, or a failure of AWS. Without tags, every function would look foreign
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
fn tags_unread(name: &str, error: &TagsError) -> AwsError {
    let denied = error.error_code().starts_with("AccessDenied");
    let kind = if denied { AwsErrorKind::Denied } else { AwsErrorKind::Unavailable };
    let code = Some(error.error_code().into());
    AwsError { code, ..AwsError::unexpected(kind, "lambda:ListTags", on(name), error.message()) }
}

fn on(name: &str) -> String {
    format!("function {name}")
}

fn function_code(code: &CodeSource) -> FunctionCode {
    let builder = FunctionCode::builder();
    match code {
        CodeSource::Archive(archive) => builder.zip_file(Blob::new(archive.bytes.clone())),
        CodeSource::S3 { bucket, key, version } => {
            builder.s3_bucket(bucket).s3_key(key).set_s3_object_version(version.clone())
        }
        CodeSource::Image { uri } => builder.image_uri(uri),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use lambda_triggers_core::status::{Component, Failure, Reason};

    use super::*;

    #[test]
    fn unreadable_tags_are_an_error() {
        let failure = |code: &str| {
            let error = TagsError::builder().error_code(code).message("No tags.").build().unwrap();
            tags_unread("app", &error).failure(Component::Function)
        };
        let denied = "AWS denies lambda:ListTags on function app: allow lambda:ListTags in the IAM policy of the operator's role";
        assert_eq!(
            failure("AccessDeniedException"),
            Failure::new(Component::Function, Reason::AccessDenied, denied)
        );
        let failed = "AWS failed at lambda:ListTags on function app (ServiceException); trying again";
        assert_eq!(
            failure("ServiceException"),
            Failure::new(Component::Function, Reason::AwsUnavailable, failed)
        );
    }
}
