//! The desired function of a definition, in the form that Lambda reports for an existing function.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Archive;
use crate::api::{
    ApplicationLogLevel, Architecture, AsyncInvoke, FunctionDefinition, ImageCode, LogFormat, Logging,
    SnapStart, SystemLogLevel, Tags, Tracing, Vpc,
};
use crate::ownership::{Origin, TAG_CODE};
use crate::ownership::{Owner, OwnerId, source_hash};
use crate::plan::tags::all_tags;

/// A desired function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredFunction {
    /// The function name.
    pub name: String,
    /// The settings of UpdateFunctionConfiguration.
    pub configuration: Configuration,
    /// The instruction set, which Lambda updates together with the code.
    pub architecture: Architecture,
    /// The location of the code.
    pub code: CodeSource,
    /// All tags: the user's and the operator's.
    pub tags: Tags,
    /// The reserved concurrency.
    pub reserved_concurrency: Option<i32>,
    /// The retries of asynchronous invocations.
    pub async_invoke: Option<AsyncInvoke>,
}

/// The location of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeSource {
    /// An archive, built from files in the cluster.
    Archive(Archive),
    /// An archive in S3.
    S3 {
        /// The bucket name.
        bucket: String,
        /// The object key.
        key: String,
        /// The object version.
        version: Option<String>,
    },
    /// A container image in ECR.
    Image {
        /// The image URI.
        uri: String,
    },
}

/// The settings of a function without code, tags and concurrency.
///
/// Omitted settings have Lambda's default values. Desired and observed settings are therefore comparable, and a
/// removed setting returns to its default
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>).
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// The runtime; `None` for an image.
    pub runtime: Option<String>,
    /// The handler; `None` for an image.
    pub handler: Option<String>,
    /// The ARN of the execution role.
    pub role: String,
    /// The memory in MB.
    pub memory_size: i32,
    /// The timeout in seconds.
    pub timeout: i32,
    /// The environment variables.
    pub environment: BTreeMap<String, String>,
    /// The subnet ids.
    pub subnets: BTreeSet<String>,
    /// The security group ids.
    pub security_groups: BTreeSet<String>,
    /// The ARNs of layer versions, in order.
    pub layers: Vec<String>,
    /// The size of `/tmp` in MB.
    pub ephemeral_storage: i32,
    /// The X-Ray tracing mode.
    pub tracing: Tracing,
    /// The description; an empty text for no description.
    pub description: String,
    /// The ARN of the dead-letter queue or topic; an empty text for no queue.
    pub dead_letter_queue_arn: String,
    /// The ARN of the KMS key for environment variables; an empty text for the AWS managed key.
    pub kms_key_arn: String,
    /// The SnapStart mode.
    pub snap_start: SnapStart,
    /// The logging settings.
    pub logging: LoggingConfiguration,
    /// The overrides of the image's settings.
    pub image: ImageConfiguration,
}

/// Complete logging settings.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LoggingConfiguration {
    /// The log format.
    pub format: LogFormat,
    /// The CloudWatch log group.
    pub log_group: String,
    /// The minimum level of the function's own logs; `None` for text logs.
    pub application_level: Option<ApplicationLogLevel>,
    /// The minimum level of Lambda's system logs; `None` for text logs.
    pub system_level: Option<SystemLogLevel>,
}

/// Overrides of the image's settings.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ImageConfiguration {
    /// ENTRYPOINT; empty to use the value of the image.
    pub entry_point: Vec<String>,
    /// CMD; empty to use the value of the image.
    pub command: Vec<String>,
    /// WORKDIR; empty to use the value of the image.
    pub working_directory: String,
}

/// The name of the function that a definition creates for an object.
pub fn function_name(definition: &FunctionDefinition, owner: &OwnerId, origin: &Origin) -> String {
    definition.function_name.clone().unwrap_or_else(|| origin.key.function_name(owner, origin.kind))
}

impl DesiredFunction {
    /// The desired function of `definition`. `files` is the archive of inline code or of a ConfigMap.
    pub fn from_definition(
        owner: &Owner,
        origin: &Origin,
        default_tags: &Tags,
        definition: &FunctionDefinition,
        files: Option<Archive>,
    ) -> Self {
        let FunctionDefinition {
            function_name: _,
            adoption_policy: _,
            runtime,
            handler,
            role_arn,
            code,
            memory_size_mb,
            timeout_seconds,
            environment,
            tags,
            vpc,
            layers,
            architecture,
            ephemeral_storage_mb,
            reserved_concurrency,
            tracing,
            description,
            dead_letter_queue_arn,
            kms_key_arn,
            snap_start,
            logging,
            async_invoke,
        } = definition;
        let name = function_name(definition, &owner.id, origin);
        let source = match (&code.s3, &code.image, files) {
            (Some(s3), _, _) => {
                CodeSource::S3 { bucket: s3.bucket.clone(), key: s3.key.clone(), version: s3.version.clone() }
            }
            (None, Some(image), _) => CodeSource::Image { uri: image.uri.clone() },
            (None, None, files) => CodeSource::Archive(files.unwrap_or_else(Archive::none)),
        };
        let Vpc { subnet_ids, security_group_ids } = vpc.clone().unwrap_or_default();
        let mut tags = all_tags(default_tags, tags, origin.tags(owner));
        if let CodeSource::S3 { bucket, key, version } = &source {
            let parts = [bucket.as_str(), key, version.as_deref().unwrap_or_default()];
            tags.insert(TAG_CODE.into(), source_hash(&parts));
        }
        Self {
            configuration: Configuration {
                runtime: runtime.clone(),
                handler: handler.clone(),
                role: role_arn.clone(),
                memory_size: *memory_size_mb,
                timeout: *timeout_seconds,
                environment: environment.clone(),
                subnets: subnet_ids.into_iter().collect(),
                security_groups: security_group_ids.into_iter().collect(),
                layers: layers.clone(),
                ephemeral_storage: *ephemeral_storage_mb,
                tracing: *tracing,
                description: description.clone().unwrap_or_default(),
                dead_letter_queue_arn: dead_letter_queue_arn.clone().unwrap_or_default(),
                kms_key_arn: kms_key_arn.clone().unwrap_or_default(),
                snap_start: *snap_start,
                logging: LoggingConfiguration::from_spec(logging.as_ref(), &name),
                image: code.image.as_ref().map(ImageConfiguration::from_code).unwrap_or_default(),
            },
            name,
            architecture: *architecture,
            code: source,
            tags,
            reserved_concurrency: *reserved_concurrency,
            async_invoke: async_invoke.clone(),
        }
    }
}

impl LoggingConfiguration {
    /// The effective logging settings. Lambda supports log levels only with JSON, with the default INFO
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>).
    fn from_spec(logging: Option<&Logging>, function: &str) -> Self {
        let Logging { format, log_group, application_level, system_level } =
            logging.cloned().unwrap_or_default();
        let json = format == LogFormat::Json;
        Self {
            format,
            log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{function}")),
            application_level: json.then_some(application_level.unwrap_or(ApplicationLogLevel::Info)),
            system_level: json.then_some(system_level.unwrap_or(SystemLogLevel::Info)),
        }
    }
}

impl ImageConfiguration {
    fn from_code(image: &ImageCode) -> Self {
        let ImageCode { uri: _, entry_point, command, working_directory } = image.clone();
        Self { entry_point, command, working_directory: working_directory.unwrap_or_default() }
    }
}
