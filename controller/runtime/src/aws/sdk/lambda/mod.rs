//! Lambda through the SDK.

mod read;
mod write;

use std::fmt::Display;

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, State};
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::operations as op;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use tokio::time::Instant;

use crate::aws::{AwsError, AwsErrorKind, Function, LambdaApi, LambdaReads};

/// Lambda in one Region.
pub struct SdkLambda {
    client: Client,
}

impl SdkLambda {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The names of the functions with this prefix. Lambda lists all functions of the Region, and has no filter
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>).
    pub async fn names(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        let mut names = vec![];
        let mut pages = self.client.list_functions().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AwsError::from_sdk("lambda:ListFunctions", "functions", e))?;
            let found = page.functions.into_iter().flatten().filter_map(|function| function.function_name);
            names.extend(found.filter(|name| name.starts_with(prefix)));
        }
        Ok(names)
    }
}

/// Maps a not-found error to `None`.
fn missing_as_none<T>(result: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == AwsErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl LambdaReads for SdkLambda {
    /// Calls GetFunction, with a quota of 100 calls a second. GetFunctionConfiguration shares a quota with all other
    /// control calls (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
    async fn function(
        &self,
        name: &str,
        qualifier: Option<&str>,
        _since: Instant,
    ) -> Result<Option<Function>, AwsError> {
        let on = || match qualifier {
            Some(qualifier) => format!("function {name}:{qualifier}"),
            None => format!("function {name}"),
        };
        let call = self.client.get_function().function_name(name).set_qualifier(qualifier.map(Into::into));
        let answer = call.send().await.map_err(|e| AwsError::from_sdk(op::GET_FUNCTION.action, on(), e));
        let Some(answer) = missing_as_none(answer)? else { return Ok(None) };
        let configuration = answer.configuration();
        let arn =
            configuration.and_then(|c| c.function_arn()).and_then(FunctionArn::parse).ok_or_else(|| {
                AwsError::unexpected(
                    AwsErrorKind::Invalid,
                    op::GET_FUNCTION.action,
                    on(),
                    "the answer has no function's ARN",
                )
            })?;
        let failed = configuration
            .filter(|c| c.state() == Some(&State::Failed))
            .map(|c| c.state_reason().unwrap_or("Lambda gives no reason").to_owned());
        Ok(Some(Function { arn: arn.with_qualifier(qualifier), failed }))
    }

    /// GetPolicy answers 404 both for a function without a policy and for a missing function. Only the message
    /// differs.
    async fn policy(&self, function: &FunctionArn, _since: Instant) -> Result<Option<Policy>, AwsError> {
        let on = || on(function.short());
        let call =
            self.client.get_policy().function_name(unqualified(function)).set_qualifier(qualifier(function));
        match call.send().await.map_err(|e| AwsError::from_sdk(op::GET_POLICY.action, on(), e)) {
            Ok(answer) => {
                let revision = answer.revision_id().map(Into::into);
                Policy::parse(answer.policy().unwrap_or("{}"), revision)
                    .map(Some)
                    .map_err(|e| AwsError::unexpected(AwsErrorKind::Invalid, op::GET_POLICY.action, on(), e))
            }
            Err(error) if error.kind == AwsErrorKind::NotFound => {
                let no_function =
                    error.message.as_deref().is_some_and(|m| m.starts_with("Function not found"));
                Ok((!no_function).then(Policy::default))
            }
            Err(error) => Err(error),
        }
    }

    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError> {
        let answer = self.client.get_function().function_name(name).send().await;
        let Some(answer) =
            missing_as_none(answer.map_err(|e| AwsError::from_sdk(op::GET_FUNCTION.action, on(name), e)))?
        else {
            return Ok(None);
        };
        if let Some(error) = answer.tags_error() {
            return Err(read::tags_unread(name, error));
        }
        let unreadable = || {
            AwsError::unexpected(
                AwsErrorKind::Invalid,
                op::GET_FUNCTION.action,
                on(name),
                "the answer describes no function",
            )
        };
        read::observed(&answer).ok_or_else(unreadable).map(Some)
    }

    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        let answer = self.client.get_function_event_invoke_config().function_name(name).send().await;
        let answer = answer.map_err(|e| AwsError::from_sdk(op::GET_EVENT_INVOKE_CONFIG.action, on(name), e));
        Ok(missing_as_none(answer)?.map(|config| read::event_invoke_config(&config)))
    }
}

#[async_trait]
impl LambdaApi for SdkLambda {
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
            .map_err(|e| AwsError::from_sdk(op::ADD_PERMISSION.action, on(function.short()), e))
    }

    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        self.client
            .remove_permission()
            .function_name(unqualified(function))
            .set_qualifier(qualifier(function))
            .statement_id(statement_id)
            .set_revision_id(revision.map(Into::into))
            .send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk(op::REMOVE_PERMISSION.action, on(function.short()), e))
    }

    async fn create_function(&self, function: &DesiredFunction) -> Result<(), AwsError> {
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
            .map_err(|e| AwsError::from_sdk(op::CREATE_FUNCTION.action, on(name), e))
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
        call.send().await.map(drop).map_err(|e| AwsError::from_sdk(op::UPDATE_CODE.action, on(name), e))
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
            .map_err(|e| AwsError::from_sdk(op::UPDATE_CONFIGURATION.action, on(name), e))
    }

    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError> {
        let tags = tags.clone().into_iter().collect();
        let call = self.client.tag_resource().resource(function.to_string()).set_tags(Some(tags));
        call.send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk(op::TAG_FUNCTION.action, on(&function.name), e))
    }

    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError> {
        let call =
            self.client.untag_resource().resource(function.to_string()).set_tag_keys(Some(keys.to_vec()));
        call.send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk(op::UNTAG_FUNCTION.action, on(&function.name), e))
    }

    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError> {
        let call =
            self.client.put_function_concurrency().function_name(name).reserved_concurrent_executions(runs);
        call.send().await.map(drop).map_err(|e| AwsError::from_sdk(op::PUT_CONCURRENCY.action, on(name), e))
    }

    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError> {
        let call = self.client.delete_function_concurrency().function_name(name);
        call.send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk(op::DELETE_CONCURRENCY.action, on(name), e))
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
            .map_err(|e| AwsError::from_sdk(op::PUT_EVENT_INVOKE_CONFIG.action, on(name), e))
    }

    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError> {
        let answer = self.client.delete_function_event_invoke_config().function_name(name).send().await;
        let answer =
            answer.map_err(|e| AwsError::from_sdk(op::DELETE_EVENT_INVOKE_CONFIG.action, on(name), e));
        missing_as_none(answer).map(drop)
    }

    async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        let answer = self.client.delete_function().function_name(name).send().await;
        answer.map(drop).map_err(|e| AwsError::from_sdk(op::DELETE_FUNCTION.action, on(name), e))
    }
}

fn on(name: impl Display) -> String {
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

/// The ARN without the qualifier. These calls take the qualifier as a parameter.
fn unqualified(function: &FunctionArn) -> String {
    function.with_qualifier(None).to_string()
}

fn qualifier(function: &FunctionArn) -> Option<String> {
    function.qualifier.clone()
}
