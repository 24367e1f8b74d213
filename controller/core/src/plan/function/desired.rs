//! The function that a definition asks for, in the form in which Lambda reports one back.

use std::collections::{BTreeMap, BTreeSet};

use super::Archive;
use crate::api::{
    ApplicationLogLevel, Architecture, AsyncInvoke, FunctionDefinition, ImageCode, LogFormat, Logging,
    SnapStart, SystemLogLevel, Tags, Tracing, Vpc,
};
use crate::ownership::{Origin, TAG_CODE};
use crate::ownership::{Owner, OwnerId, source_hash};
use crate::plan::tags::all_tags;

/// A function as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredFunction {
    /// Its name.
    pub name: String,
    /// What UpdateFunctionConfiguration sets.
    pub configuration: Configuration,
    /// Instruction set, which goes with the code.
    pub architecture: Architecture,
    /// The code.
    pub code: CodeSource,
    /// Its tags: the user's and ours.
    pub tags: Tags,
    /// Runs at a time that are kept for it.
    pub reserved_concurrency: Option<i32>,
    /// Retries of asynchronous invocations.
    pub async_invoke: Option<AsyncInvoke>,
}

/// Where the code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeSource {
    /// Here.
    Archive(Archive),
    /// In a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The version of the object.
        version: Option<String>,
    },
    /// In ECR.
    Image {
        /// The image's URI.
        uri: String,
    },
}

/// The settings of a function but for code, tags and concurrency. What is not set has the value that Lambda gives
/// it, so that two compare, and that a setting which is taken out goes back to it
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Runtime; none for an image.
    pub runtime: Option<String>,
    /// What is called; none for an image.
    pub handler: Option<String>,
    /// The role's ARN.
    pub role: String,
    /// Memory in MB.
    pub memory_size: i32,
    /// The longest run in seconds.
    pub timeout: i32,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Subnets.
    pub subnets: BTreeSet<String>,
    /// Security groups.
    pub security_groups: BTreeSet<String>,
    /// ARNs of layer versions, in order.
    pub layers: Vec<String>,
    /// Size of `/tmp` in MB.
    pub ephemeral_storage: i32,
    /// X-Ray tracing.
    pub tracing: Tracing,
    /// Description; empty for none.
    pub description: String,
    /// ARN for events whose runs failed; empty for none.
    pub dead_letter_queue_arn: String,
    /// ARN of the key for environment variables; empty for AWS's own.
    pub kms_key_arn: String,
    /// SnapStart.
    pub snap_start: SnapStart,
    /// Logging.
    pub logging: LoggingConfiguration,
    /// What is set in place of the image's own.
    pub image: ImageConfiguration,
}

/// Logging, with nothing left open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggingConfiguration {
    /// The form of a line.
    pub format: LogFormat,
    /// The log group.
    pub log_group: String,
    /// Least level of the function's own logs; none for text.
    pub application_level: Option<ApplicationLogLevel>,
    /// Least level of Lambda's logs; none for text.
    pub system_level: Option<SystemLogLevel>,
}

/// What is set in place of an image's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfiguration {
    /// ENTRYPOINT; empty for the image's.
    pub entry_point: Vec<String>,
    /// CMD; empty for the image's.
    pub command: Vec<String>,
    /// WORKDIR; empty for the image's.
    pub working_directory: String,
}

/// The name of the function that a definition makes for an object.
pub fn function_name(definition: &FunctionDefinition, owner: &OwnerId, origin: &Origin) -> String {
    definition.function_name.clone().unwrap_or_else(|| origin.key.function_name(owner, origin.kind))
}

impl DesiredFunction {
    /// The function that `definition` asks for. `files` is the archive of inline code or of a ConfigMap.
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
    /// What Lambda makes of a function's logging: levels count with JSON alone, and are INFO there
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
