//! Converts the answer of GetFunction for the comparison with the desired function.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::get_function_event_invoke_config::GetFunctionEventInvokeConfigOutput;
use aws_sdk_lambda::types::{
    ApplicationLogLevel as SdkApplicationLogLevel, Architecture as SdkArchitecture, FunctionConfiguration,
    LastUpdateStatus, LogFormat as SdkLogFormat, SnapStartApplyOn, State as SdkState,
    SystemLogLevel as SdkSystemLogLevel, TagsError, TracingMode,
};
use lambda_triggers_core::api::{
    ApplicationLogLevel, Architecture, LogFormat, SnapStart, SystemLogLevel, Tracing,
};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{
    Configuration, EventInvokeConfig, FunctionState, ImageConfiguration, LoggingConfiguration,
    ObservedFunction, Update,
};

use crate::aws::{AwsError, AwsErrorKind};

/// The function in an answer; `None` if the answer describes no function.
pub fn observed(answer: &GetFunctionOutput) -> Option<ObservedFunction> {
    let function = answer.configuration()?;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Some(ObservedFunction {
        arn: FunctionArn::parse(function.function_arn()?)?.with_qualifier(None),
        configuration: configuration(function),
        environment_unread: function
            .environment()
            .and_then(|environment| environment.error())
            .map(|error| text(error.error_code())),
        architecture: match function.architectures().first() {
            Some(SdkArchitecture::Arm64) => Architecture::Arm64,
            _ => Architecture::X86_64,
        },
        code_sha256: text(function.code_sha256()),
        image_uri: answer.code().and_then(|code| code.image_uri()).map(Into::into),
        tags: answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        reserved_concurrency: answer.concurrency().and_then(|c| c.reserved_concurrent_executions()),
        state: match function.state() {
            Some(SdkState::Pending) => FunctionState::Pending,
            Some(SdkState::Failed) => FunctionState::Failed(text(function.state_reason())),
            // A function in any other state, even an unknown state, can be invoked or is woken by an invocation.
            _ => FunctionState::Usable,
        },
        update: match function.last_update_status() {
            Some(LastUpdateStatus::InProgress) => Update::InProgress,
            Some(LastUpdateStatus::Failed) => Update::Failed(text(function.last_update_status_reason())),
            _ => Update::Settled,
        },
        version: text(function.version()),
        last_modified: text(function.last_modified()),
    })
}

/// The configuration of asynchronous invocations in an answer.
pub fn event_invoke_config(answer: &GetFunctionEventInvokeConfigOutput) -> EventInvokeConfig {
    let destinations = answer.destination_config();
    let on_success = destinations.and_then(|config| config.on_success()).and_then(|one| one.destination());
    let on_failure = destinations.and_then(|config| config.on_failure()).and_then(|one| one.destination());
    EventInvokeConfig {
        maximum_retry_attempts: answer.maximum_retry_attempts(),
        maximum_event_age_seconds: answer.maximum_event_age_in_seconds(),
        on_success: on_success.map(ToOwned::to_owned),
        on_failure: on_failure.map(ToOwned::to_owned),
    }
}

fn configuration(function: &FunctionConfiguration) -> Configuration {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let environment = function.environment().and_then(|environment| environment.variables());
    let vpc = function.vpc_config();
    let image = function.image_config_response().and_then(|response| response.image_config());
    Configuration {
        runtime: function.runtime().map(|runtime| runtime.as_str().to_owned()),
        handler: function.handler().filter(|handler| !handler.is_empty()).map(Into::into),
        role: text(function.role()),
        memory_size: function.memory_size().unwrap_or(128),
        timeout: function.timeout().unwrap_or(3),
        environment: environment.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        subnets: vpc.map(|vpc| vpc.subnet_ids().iter().cloned().collect()).unwrap_or_default(),
        security_groups: vpc
            .map(|vpc| vpc.security_group_ids().iter().cloned().collect())
            .unwrap_or_default(),
        layers: function.layers().iter().filter_map(|layer| layer.arn().map(Into::into)).collect(),
        ephemeral_storage: function.ephemeral_storage().map_or(512, |storage| storage.size()),
        tracing: match function.tracing_config().and_then(|tracing| tracing.mode()) {
            Some(TracingMode::Active) => Tracing::Active,
            _ => Tracing::PassThrough,
        },
        description: text(function.description()),
        dead_letter_queue_arn: text(function.dead_letter_config().and_then(|config| config.target_arn())),
        kms_key_arn: text(function.kms_key_arn()),
        snap_start: match function.snap_start().and_then(|snap_start| snap_start.apply_on()) {
            Some(SnapStartApplyOn::PublishedVersions) => SnapStart::PublishedVersions,
            _ => SnapStart::None,
        },
        logging: logging(function),
        image: ImageConfiguration {
            entry_point: image.map(|image| image.entry_point().to_vec()).unwrap_or_default(),
            command: image.map(|image| image.command().to_vec()).unwrap_or_default(),
            working_directory: text(image.and_then(|image| image.working_directory())),
        },
    }
}

fn logging(function: &FunctionConfiguration) -> LoggingConfiguration {
    let config = function.logging_config();
    let format = match config.and_then(|config| config.log_format()) {
        Some(SdkLogFormat::Json) => LogFormat::Json,
        _ => LogFormat::Text,
    };
    let json = format == LogFormat::Json;
    let default_group = || format!("/aws/lambda/{}", function.function_name().unwrap_or_default());
    LoggingConfiguration {
        format,
        log_group: config.and_then(|config| config.log_group()).map_or_else(default_group, Into::into),
        application_level: json.then(|| match config.and_then(|config| config.application_log_level()) {
            Some(SdkApplicationLogLevel::Trace) => ApplicationLogLevel::Trace,
            Some(SdkApplicationLogLevel::Debug) => ApplicationLogLevel::Debug,
            Some(SdkApplicationLogLevel::Warn) => ApplicationLogLevel::Warn,
            Some(SdkApplicationLogLevel::Error) => ApplicationLogLevel::Error,
            Some(SdkApplicationLogLevel::Fatal) => ApplicationLogLevel::Fatal,
            _ => ApplicationLogLevel::Info,
        }),
        system_level: json.then(|| match config.and_then(|config| config.system_log_level()) {
            Some(SdkSystemLogLevel::Debug) => SystemLogLevel::Debug,
            Some(SdkSystemLogLevel::Warn) => SystemLogLevel::Warn,
            _ => SystemLogLevel::Info,
        }),
    }
}

/// The error for unreadable tags: access denied, or a failure of AWS. Without tags, every function would look foreign
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
pub fn tags_unread(name: &str, error: &TagsError) -> AwsError {
    let denied = error.error_code().starts_with("AccessDenied");
    let kind = if denied { AwsErrorKind::Denied } else { AwsErrorKind::Unavailable };
    let code = Some(error.error_code().into());
    AwsError {
        code,
        ..AwsError::unexpected(kind, "lambda:ListTags", format!("function {name}"), error.message())
    }
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
