//! `function.definition`: a Lambda function that the operator creates, updates and deletes.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::function::Tags;
use super::validation::{cel, limits};

/// A Lambda function that the operator creates and deletes with the resource.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::definition)]
pub struct FunctionDefinition {
    /// Name of the function in AWS: 1 to 64 letters, digits, hyphens and underscores. Without the field, the operator
    /// builds the name from its owner id, and from the namespace and the name of this resource. After a change of the
    /// name, the operator creates a new function, moves the trigger to the new function, and deletes the old
    /// function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::defined_name)]
    pub function_name: Option<String>,
    /// Policy for an existing function of that name. `IfOwned`: the operator accepts only a function that it created
    /// for this resource. Any other function stays unchanged, and this resource is not ready. `Always`: the operator
    /// also adopts a function without the tags of an operator. The operator updates and deletes an adopted function
    /// like its own functions.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// Runtime by AWS's name, such as `python3.13`, `nodejs22.x` or `provided.al2023`. Required unless the code is an
    /// image, which contains its runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::runtime)]
    pub runtime: Option<String>,
    /// Entry point that Lambda calls: `app.handler` is `def handler(event, context)` in `app.py`. At most 128
    /// characters. Required unless the code is an image. Inline code and a ConfigMap must contain the handler's file.
    /// With `layers` the file may be missing, since a layer may contain the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::handler)]
    pub handler: Option<String>,
    /// ARN of the function's IAM role, such as `arn:aws:iam::123456789012:role/my-function`. The role must exist and
    /// allow `lambda.amazonaws.com` to assume the role. The operator creates no roles, and needs `iam:PassRole` for
    /// this role.
    #[schemars(transform = cel::role)]
    pub role_arn: String,
    /// The code: exactly one of `inline`, `configMap`, `s3` and `image`.
    pub code: Code,
    /// Memory in MB, 128 to 10,240. Lambda allocates CPU in proportion to the memory. New accounts may be limited to
    /// 3,008.
    #[serde(default = "default_memory_size", rename = "memorySizeMB")]
    #[schemars(range(min = limits::MIN_MEMORY_SIZE, max = limits::MAX_MEMORY_SIZE))]
    pub memory_size_mb: i32,
    /// Time limit of a run in seconds, 1 to 900. Lambda ends a run that exceeds the limit.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = limits::MIN_TIMEOUT, max = limits::MAX_TIMEOUT))]
    pub timeout_seconds: i32,
    /// Environment variables, name to value, such as `TABLE_NAME: orders`; at most 4 KB in all, measured as JSON. Do
    /// not write secrets here: every reader of this resource can read the variables. Write the name of a Secrets
    /// Manager secret or a Parameter Store parameter instead, and fetch the value in the function.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = cel::environment)]
    pub environment: BTreeMap<String, String>,
    /// Tags of the function, key to value, such as `team: media`; at most 40. Keys that begin with `aws:` or
    /// `lambda-triggers.dev/` are reserved.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    #[schemars(transform = cel::tags)]
    pub tags: Tags,
    /// Subnets and security groups of the VPC that the function can reach. Without the field, the function reaches
    /// the internet and no VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Vpc>,
    /// ARNs of layer versions, at most 5, such as `arn:aws:lambda:eu-west-1:123456789012:layer:my-layer:3`. Lambda
    /// extracts the layers in the given order. Not allowed beside an image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::layers)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub layers: Vec<String>,
    /// Instruction set of the code: `x86_64` or `arm64`.
    #[serde(default)]
    pub architecture: Architecture,
    /// Size of `/tmp` in MB, 512 to 10,240.
    #[serde(default = "default_ephemeral_storage", rename = "ephemeralStorageMB")]
    #[schemars(range(min = limits::MIN_EPHEMERAL_STORAGE, max = limits::MAX_EPHEMERAL_STORAGE))]
    pub ephemeral_storage_mb: i32,
    /// Number of concurrent runs that Lambda reserves for the function. The number is also the function's limit, and
    /// 0 prevents all runs. Without the field, the function shares the account's unreserved concurrency, of which AWS
    /// keeps 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub reserved_concurrency: Option<i32>,
    /// X-Ray tracing. `Active` traces a sample of the runs. `PassThrough` traces the runs whose caller requests
    /// tracing. The role must allow the function to write traces.
    #[serde(default)]
    pub tracing: Tracing,
    /// Description of the function in AWS's console, at most 256 characters. Without the field, the function has no
    /// description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::FUNCTION_DESCRIPTION))]
    pub description: Option<String>,
    /// ARN of a standard SQS queue or SNS topic, such as `arn:aws:sqs:eu-west-1:123456789012:my-queue`. The target
    /// receives the events whose runs failed after the retries of `asyncInvoke`. The role must allow the function to
    /// send to the target. Events that EventBridge could not deliver to Lambda do not arrive here: see
    /// `spec.deadLetterQueueArn` of a ScheduledFunction. Without the field, the function has no dead-letter target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::function_dead_letter)]
    pub dead_letter_queue_arn: Option<String>,
    /// ARN of the KMS key that encrypts environment variables and snapshots, such as
    /// `arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`. Without the field, Lambda uses
    /// an AWS key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::kms_key)]
    pub kms_key_arn: Option<String>,
    /// SnapStart. With `PublishedVersions`, published versions start from a snapshot. The latest code, which runs if
    /// no version is named, starts without a snapshot. Not allowed beside an image, or with more than 512 MB in
    /// `ephemeralStorageMB`.
    #[serde(default)]
    pub snap_start: SnapStart,
    /// Format and log group of the function's logs. Without the field: text, in `/aws/lambda/<function>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Limits of Lambda's retries after a run failed, was throttled or could not begin. Events of schedules and
    /// buckets invoke the function asynchronously, so Lambda accepts an event before the run. Without the field,
    /// retries that another tool has set stay in place, and otherwise Lambda's defaults apply. Destinations that
    /// another tool has set always stay in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub async_invoke: Option<AsyncInvoke>,
}

/// Limits of the retries of asynchronous invocations: at least one of the fields.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::async_invoke)]
pub struct AsyncInvoke {
    /// Number of retries after a failed run, 0 to 2. Without the field: 2. Lambda waits one minute before the first
    /// retry and two minutes before the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = limits::MAX_ASYNC_RETRY_ATTEMPTS))]
    pub maximum_retry_attempts: Option<i32>,
    /// Age of an event in seconds at which Lambda stops the retries, 60 to 21,600. Without the field: 21,600, six
    /// hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = limits::MIN_EVENT_AGE, max = limits::MAX_ASYNC_EVENT_AGE))]
    pub maximum_event_age_seconds: Option<i32>,
}

/// Source of the code: exactly one of the fields.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::code)]
pub struct Code {
    /// Files of the code, name to text, such as `app.py: |`. The operator puts the files into an archive. 1 to 100
    /// files, at most 1 MiB in all. Above 256 KiB, use `kubectl apply --server-side`. Not for Java and .NET, whose
    /// code is compiled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::inline)]
    pub inline: Option<BTreeMap<String, String>>,
    /// ConfigMap in the resource's namespace with the files of the code. The keys of `data` and `binaryData` are file
    /// names. The operator updates the function when the ConfigMap changes. The operator does not unpack a zip
    /// archive in the ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapCode>,
    /// Zip archive in S3, in the function's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Code>,
    /// Container image in ECR, in the function's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageCode>,
}

/// A ConfigMap with code.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapCode {
    /// Name of the ConfigMap, such as `my-code`; at most 253 characters.
    #[schemars(transform = cel::config_map_name)]
    pub name: String,
}

/// An archive in S3, in the function's Region.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Code {
    /// Name of the bucket, such as `my-bucket`. The operator, not the function's role, needs permission to read the
    /// archive.
    #[schemars(transform = cel::code_bucket)]
    pub bucket: String,
    /// Key of the archive, such as `functions/report-1.2.zip`.
    #[schemars(transform = cel::code_key)]
    pub key: String,
    /// Version of the object, in a bucket with versioning. Without the field, the operator updates the function only
    /// when `key` changes, and does not notice a new archive under the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::object_version)]
    pub version: Option<String>,
}

/// A container image.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageCode {
    /// URI of the image in ECR, with a digest or a tag:
    /// `123456789012.dkr.ecr.eu-west-1.amazonaws.com/report@sha256:...`. Prefer a digest, since the operator does not
    /// notice a new image under the same tag.
    #[schemars(transform = cel::image_uri)]
    pub uri: String,
    /// Entry point in place of the image's ENTRYPOINT, such as `[/lambda-entrypoint.sh]`. Without the field, the
    /// image's ENTRYPOINT applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::words)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub entry_point: Vec<String>,
    /// Command in place of the image's CMD, such as `[app.handler]`. In AWS's base images, the command is the
    /// handler. Without the field, the image's CMD applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::words)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub command: Vec<String>,
    /// Directory in place of the image's WORKDIR, at most 1,000 characters. Without the field, the image's WORKDIR
    /// applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::WORKING_DIRECTORY))]
    pub working_directory: Option<String>,
}

/// Subnets and security groups of a function in a VPC.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vpc {
    /// Ids of 1 to 16 subnets, such as `subnet-0bb1c79de3example`.
    #[schemars(transform = cel::subnet_ids)]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub subnet_ids: Vec<String>,
    /// Ids of 1 to 5 security groups, such as `sg-0c9f7b1c8eexample`.
    #[schemars(transform = cel::security_group_ids)]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub security_group_ids: Vec<String>,
}

/// Policy for an existing function that the operator did not create.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// The operator changes only functions that it created for the resource.
    #[default]
    IfOwned,
    /// The operator also adopts a function without the tags of an operator.
    Always,
}

/// An instruction set.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "arm64")]
    Arm64,
}

/// X-Ray tracing of runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracing {
    /// Traces the runs whose caller requests tracing.
    #[default]
    PassThrough,
    /// Traces a sample of the runs.
    Active,
}

/// Use of snapshots at the start of published versions.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapStart {
    /// No snapshots.
    #[default]
    None,
    /// Published versions start from a snapshot.
    PublishedVersions,
}

/// Format and log group of the function's logs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::logging)]
pub struct Logging {
    /// Format of log lines: `Text` or `JSON`.
    #[serde(default)]
    pub format: LogFormat,
    /// Name of the log group, 1 to 512 characters, such as `/my-team/my-function`. Without the field:
    /// `/aws/lambda/<function>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::log_group)]
    pub log_group: Option<String>,
    /// Minimum level of the function's own logs; only with format `JSON`. Without the field: `INFO`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_level: Option<ApplicationLogLevel>,
    /// Minimum level of Lambda's logs about runs; only with format `JSON`. Without the field: `INFO`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_level: Option<SystemLogLevel>,
}

/// Format of log lines.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text.
    #[default]
    Text,
    /// JSON.
    #[serde(rename = "JSON")]
    Json,
}

/// A level of the function's own logs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum ApplicationLogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// A level of Lambda's own logs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum SystemLogLevel {
    Debug,
    Info,
    Warn,
}

fn default_memory_size() -> i32 {
    128
}

fn default_timeout() -> i32 {
    60
}

fn default_ephemeral_storage() -> i32 {
    512
}
