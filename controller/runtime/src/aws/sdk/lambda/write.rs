//! Converts the settings of a function for the SDK, with a value for every setting. Lambda keeps a setting that a call
//! leaves out. A setting removed from the definition would stay forever
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>).

use aws_sdk_lambda::types::{
    ApplicationLogLevel as SdkApplicationLogLevel, Architecture as SdkArchitecture, DeadLetterConfig,
    DestinationConfig, Environment, EphemeralStorage, ImageConfig, LogFormat as SdkLogFormat, LoggingConfig,
    OnFailure, OnSuccess, PackageType, Runtime, SnapStart as SdkSnapStart, SnapStartApplyOn,
    SystemLogLevel as SdkSystemLogLevel, TracingConfig, TracingMode, VpcConfig,
};
use lambda_triggers_core::api::{
    ApplicationLogLevel, Architecture, LogFormat, SnapStart, SystemLogLevel, Tracing,
};
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, EventInvokeConfig, ImageConfiguration, LoggingConfiguration,
};

/// The settings for both create and update.
pub struct Settings {
    pub runtime: Option<Runtime>,
    pub environment: Environment,
    pub vpc: VpcConfig,
    pub ephemeral_storage: EphemeralStorage,
    pub tracing: TracingConfig,
    pub dead_letter: DeadLetterConfig,
    /// `None` for an image: images do not support SnapStart.
    pub snap_start: Option<SdkSnapStart>,
    pub logging: LoggingConfig,
    /// `None` for an archive: archives have no image configuration.
    pub image: Option<ImageConfig>,
}

impl Settings {
    pub fn from_configuration(configuration: &Configuration) -> Self {
        let archive = configuration.runtime.is_some();
        let variables = configuration.environment.clone().into_iter().collect();
        Self {
            runtime: configuration.runtime.as_deref().map(Runtime::from),
            environment: Environment::builder().set_variables(Some(variables)).build(),
            vpc: VpcConfig::builder()
                .set_subnet_ids(Some(configuration.subnets.iter().cloned().collect()))
                .set_security_group_ids(Some(configuration.security_groups.iter().cloned().collect()))
                .build(),
            ephemeral_storage: ephemeral_storage(configuration.ephemeral_storage),
            tracing: TracingConfig::builder()
                .mode(match configuration.tracing {
                    Tracing::Active => TracingMode::Active,
                    Tracing::PassThrough => TracingMode::PassThrough,
                })
                .build(),
            dead_letter: DeadLetterConfig::builder().target_arn(&configuration.dead_letter_queue_arn).build(),
            snap_start: archive.then(|| {
                let apply_on = match configuration.snap_start {
                    SnapStart::None => SnapStartApplyOn::None,
                    SnapStart::PublishedVersions => SnapStartApplyOn::PublishedVersions,
                };
                SdkSnapStart::builder().apply_on(apply_on).build()
            }),
            logging: logging(&configuration.logging),
            image: (!archive).then(|| image(&configuration.image)),
        }
    }
}

pub fn package_type(code: &CodeSource) -> PackageType {
    match code {
        CodeSource::Image { .. } => PackageType::Image,
        CodeSource::Archive(_) | CodeSource::S3 { .. } => PackageType::Zip,
    }
}

pub fn architecture(architecture: Architecture) -> SdkArchitecture {
    match architecture {
        Architecture::X86_64 => SdkArchitecture::X8664,
        Architecture::Arm64 => SdkArchitecture::Arm64,
    }
}

/// The destinations of asynchronous invocations; `None` if both are unset.
pub fn destinations(config: &EventInvokeConfig) -> Option<DestinationConfig> {
    let EventInvokeConfig { on_success, on_failure, .. } = config;
    let success = on_success.as_ref().map(|arn| OnSuccess::builder().destination(arn).build());
    let failure = on_failure.as_ref().map(|arn| OnFailure::builder().destination(arn).build());
    let any = success.is_some() || failure.is_some();
    any.then(|| DestinationConfig::builder().set_on_success(success).set_on_failure(failure).build())
}

fn ephemeral_storage(size: i32) -> EphemeralStorage {
    // The builder fails only without a size.
    EphemeralStorage::builder().size(size).build().unwrap_or_else(|_| unreachable!("the size is set"))
}

fn logging(logging: &LoggingConfiguration) -> LoggingConfig {
    let LoggingConfiguration { format, log_group, application_level, system_level } = logging;
    LoggingConfig::builder()
        .log_format(match format {
            LogFormat::Text => SdkLogFormat::Text,
            LogFormat::Json => SdkLogFormat::Json,
        })
        .log_group(log_group)
        .set_application_log_level(application_level.map(|level| match level {
            ApplicationLogLevel::Trace => SdkApplicationLogLevel::Trace,
            ApplicationLogLevel::Debug => SdkApplicationLogLevel::Debug,
            ApplicationLogLevel::Info => SdkApplicationLogLevel::Info,
            ApplicationLogLevel::Warn => SdkApplicationLogLevel::Warn,
            ApplicationLogLevel::Error => SdkApplicationLogLevel::Error,
            ApplicationLogLevel::Fatal => SdkApplicationLogLevel::Fatal,
        }))
        .set_system_log_level(system_level.map(|level| match level {
            SystemLogLevel::Debug => SdkSystemLogLevel::Debug,
            SystemLogLevel::Info => SdkSystemLogLevel::Info,
            SystemLogLevel::Warn => SdkSystemLogLevel::Warn,
        }))
        .build()
}

fn image(image: &ImageConfiguration) -> ImageConfig {
    let ImageConfiguration { entry_point, command, working_directory } = image;
    ImageConfig::builder()
        .set_entry_point(Some(entry_point.clone()))
        .set_command(Some(command.clone()))
        .working_directory(working_directory)
        .build()
}
