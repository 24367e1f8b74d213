//! The bodies of Lambda requests, for the checks of the AWS proxy.

use lambda_triggers_core::api::{
    ApplicationLogLevel, Architecture, LogFormat, SnapStart, SystemLogLevel, Tracing,
};
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ImageConfiguration, LoggingConfiguration,
};
use serde_json::{Value, json};

/// The body of `CreateFunction`.
pub(super) fn creation(function: &DesiredFunction) -> Value {
    let DesiredFunction {
        name,
        configuration,
        architecture,
        code,
        tags,
        reserved_concurrency: _,
        async_invoke: _,
    } = function;
    let mut body = settings(configuration);
    body["FunctionName"] = json!(name);
    body["PackageType"] = json!(package_type(code));
    body["Code"] = code_members(code);
    body["Architectures"] = json!([architecture_name(*architecture)]);
    body["Tags"] = json!(tags);
    body
}

/// The body of `UpdateFunctionCode`.
pub(super) fn code_update(code: &CodeSource, architecture: Architecture) -> Value {
    let mut body = code_members(code);
    body["Architectures"] = json!([architecture_name(architecture)]);
    body
}

/// The body of `PutFunctionEventInvokeConfig`.
pub(super) fn event_invoke_config(config: &EventInvokeConfig) -> Value {
    let EventInvokeConfig { maximum_retry_attempts, maximum_event_age_seconds, on_success, on_failure } =
        config;
    let has_destinations = on_success.is_some() || on_failure.is_some();
    let destinations = has_destinations
        .then(|| json!({"OnSuccess": {"Destination": on_success}, "OnFailure": {"Destination": on_failure}}));
    json!({
        "MaximumRetryAttempts": maximum_retry_attempts,
        "MaximumEventAgeInSeconds": maximum_event_age_seconds,
        "DestinationConfig": destinations,
    })
}

/// The body of `UpdateFunctionConfiguration`.
pub(super) fn settings(configuration: &Configuration) -> Value {
    let Configuration {
        runtime,
        handler,
        role,
        memory_size,
        timeout,
        environment,
        subnets,
        security_groups,
        layers,
        ephemeral_storage,
        tracing,
        description,
        dead_letter_queue_arn,
        kms_key_arn,
        snap_start,
        logging,
        image,
    } = configuration;
    let LoggingConfiguration { format, log_group, application_level, system_level } = logging;
    let ImageConfiguration { entry_point, command, working_directory } = image;
    let mut body = json!({
        "Runtime": runtime,
        "Handler": handler,
        "Role": role,
        "MemorySize": memory_size,
        "Timeout": timeout,
        "Environment": {"Variables": environment},
        "VpcConfig": {"SubnetIds": subnets, "SecurityGroupIds": security_groups},
        "Layers": layers,
        "EphemeralStorage": {"Size": ephemeral_storage},
        "TracingConfig": {"Mode": match tracing {
            Tracing::Active => "Active",
            Tracing::PassThrough => "PassThrough",
        }},
        "Description": description,
        "DeadLetterConfig": {"TargetArn": dead_letter_queue_arn},
        "KMSKeyArn": kms_key_arn,
        "LoggingConfig": {
            "LogFormat": match format {
                LogFormat::Text => "Text",
                LogFormat::Json => "JSON",
            },
            "LogGroup": log_group,
            "ApplicationLogLevel": application_level.map(application_level_name),
            "SystemLogLevel": system_level.map(system_level_name),
        },
    });
    if runtime.is_some() {
        body["SnapStart"] = json!({"ApplyOn": match snap_start {
            SnapStart::None => "None",
            SnapStart::PublishedVersions => "PublishedVersions",
        }});
    } else {
        body["ImageConfig"] = json!({
            "EntryPoint": entry_point, "Command": command, "WorkingDirectory": working_directory,
        });
    }
    body
}

/// `Zip` or `Image`.
pub(super) fn package_type(code: &CodeSource) -> &'static str {
    match code {
        CodeSource::Image { .. } => "Image",
        CodeSource::Archive(_) | CodeSource::S3 { .. } => "Zip",
    }
}

fn code_members(code: &CodeSource) -> Value {
    match code {
        // The checks need only the presence of the member.
        CodeSource::Archive(_) => json!({"ZipFile": ""}),
        CodeSource::S3 { bucket, key, version } => {
            json!({"S3Bucket": bucket, "S3Key": key, "S3ObjectVersion": version})
        }
        CodeSource::Image { uri } => json!({"ImageUri": uri}),
    }
}

fn architecture_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}

fn application_level_name(level: ApplicationLogLevel) -> &'static str {
    match level {
        ApplicationLogLevel::Trace => "TRACE",
        ApplicationLogLevel::Debug => "DEBUG",
        ApplicationLogLevel::Info => "INFO",
        ApplicationLogLevel::Warn => "WARN",
        ApplicationLogLevel::Error => "ERROR",
        ApplicationLogLevel::Fatal => "FATAL",
    }
}

fn system_level_name(level: SystemLogLevel) -> &'static str {
    match level {
        SystemLogLevel::Debug => "DEBUG",
        SystemLogLevel::Info => "INFO",
        SystemLogLevel::Warn => "WARN",
    }
}
