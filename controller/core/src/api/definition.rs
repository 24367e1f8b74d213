//! `function.definition`: a Lambda function that the operator creates, updates and deletes.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::function::Tags;
use super::validation::{cel, limits};

/// A Lambda function that comes and goes with the resource.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::definition)]
pub struct FunctionDefinition {
    /// Name of the function in AWS: 1 to 64 letters, digits, hyphens and underscores. Without it, one is made of the
    /// operator's owner id, the namespace and the name of this resource. Under another name a new function is made,
    /// the trigger moves to it, and the old one is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::defined_name)]
    pub function_name: Option<String>,
    /// Whether a function of that name is adopted. `IfOwned`: only a function that this operator made for this resource. Any
    /// other function is left alone, and this resource is not ready. `Always`: also a function that nobody's operator
    /// made. The operator updates and deletes an adopted function as its own.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// Runtime as AWS names it, such as `python3.13`, `nodejs22.x` or `provided.al2023`. Needed unless the code is an
    /// image, which has one within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::runtime)]
    pub runtime: Option<String>,
    /// What Lambda calls: `app.handler` is `def handler(event, context)` in `app.py`. At most 128 characters. Needed
    /// unless the code is an image. Inline code and a ConfigMap have to hold the file of the handler, unless `layers`
    /// may hold that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::handler)]
    pub handler: Option<String>,
    /// ARN of the IAM role that the function runs as, such as `arn:aws:iam::123456789012:role/my-function`. It must
    /// exist and let `lambda.amazonaws.com` assume it; the operator makes no roles, and needs `iam:PassRole` for it.
    #[schemars(transform = cel::role)]
    pub role_arn: String,
    /// The code: exactly one of `inline`, `configMap`, `s3` and `image`.
    pub code: Code,
    /// Memory in MB, 128 to 10,240; CPU comes in proportion. New accounts may be limited to 3,008.
    #[serde(default = "default_memory_size", rename = "memorySizeMB")]
    #[schemars(range(min = limits::MIN_MEMORY_SIZE, max = limits::MAX_MEMORY_SIZE))]
    pub memory_size_mb: i32,
    /// Seconds after which Lambda ends a run, 1 to 900.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = limits::MIN_TIMEOUT, max = limits::MAX_TIMEOUT))]
    pub timeout_seconds: i32,
    /// Environment variables, name to value; 4 KB in all, measured as JSON. They are no place for secrets: whoever may
    /// read this resource reads them. Name a secret of Secrets Manager or a parameter of Parameter Store instead, and
    /// let the function fetch it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = cel::environment)]
    pub environment: BTreeMap<String, String>,
    /// Tags of the function, at most 40. Keys that begin with `aws:` or `lambda-triggers.dev/` are taken.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    #[schemars(transform = cel::tags)]
    pub tags: Tags,
    /// Subnets and security groups of the VPC that the function reaches; without it, the function reaches the
    /// internet and no VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Vpc>,
    /// ARNs of layer versions, at most 5, in the order in which they are laid over each other, such as
    /// `arn:aws:lambda:eu-west-1:123456789012:layer:my-layer:3`. Not beside an image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::layers)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub layers: Vec<String>,
    /// Instruction set that the code is made for: `x86_64` or `arm64`.
    #[serde(default)]
    pub architecture: Architecture,
    /// Size of `/tmp` in MB, 512 to 10,240.
    #[serde(default = "default_ephemeral_storage", rename = "ephemeralStorageMB")]
    #[schemars(range(min = limits::MIN_EPHEMERAL_STORAGE, max = limits::MAX_EPHEMERAL_STORAGE))]
    pub ephemeral_storage_mb: i32,
    /// How many runs at a time are kept for the function, which never has more than these; 0 keeps it from running.
    /// Without it, the function shares what the account has left, of which AWS keeps 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub reserved_concurrency: Option<i32>,
    /// X-Ray: `Active` traces a sample of the runs, `PassThrough` those whose caller asks for it. The role must let it
    /// write traces.
    #[serde(default)]
    pub tracing: Tracing,
    /// Description of the function, as AWS's console shows it; at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::FUNCTION_DESCRIPTION))]
    pub description: Option<String>,
    /// ARN of the standard SQS queue or SNS topic that receives the events whose runs have failed, after Lambda has made
    /// the retries of `asyncInvoke`. The role must let the function send to it. It does not receive the events that
    /// EventBridge could not hand to Lambda: see `spec.deadLetterQueueArn` of a ScheduledFunction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::function_dead_letter)]
    pub dead_letter_queue_arn: Option<String>,
    /// ARN of the KMS key that encrypts environment variables and snapshots, such as
    /// `arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`; without it, a key of AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::kms_key)]
    pub kms_key_arn: Option<String>,
    /// SnapStart: `PublishedVersions` lets versions that are published start from a snapshot. The latest code, which
    /// runs where no version is named, starts without one. Not beside an image, nor with more than 512 MB of
    /// `ephemeralStorageMB`.
    #[serde(default)]
    pub snap_start: SnapStart,
    /// How and where the function logs; without it, in text and to `/aws/lambda/<function>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// How often and how long Lambda tries again where it took an event and the run failed, was throttled or could not
    /// begin: events of schedules and buckets invoke the function asynchronously. Without it, the retries stay as others
    /// have set them, else at Lambda's defaults. Destinations that others have set stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub async_invoke: Option<AsyncInvoke>,
}

/// Retries of asynchronous invocations: at least one of these.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::async_invoke)]
pub struct AsyncInvoke {
    /// Number of retries after a run that failed, 0 to 2; without it, 2. Lambda waits one minute before the first retry
    /// and two before the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = limits::MAX_ASYNC_RETRY_ATTEMPTS))]
    pub maximum_retry_attempts: Option<i32>,
    /// Age in seconds after which Lambda gives an event up, 60 to 21,600; without it, 21,600 (six hours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = limits::MIN_EVENT_AGE, max = limits::MAX_ASYNC_EVENT_AGE))]
    pub maximum_event_age_seconds: Option<i32>,
}

/// Where the code comes from: exactly one of these.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::code)]
pub struct Code {
    /// File name to text, such as `app.py: |`; 1 to 100 files of 1 MiB in all, which are put into an archive. With more
    /// than 256 KiB use `kubectl apply --server-side`. Not for Java and .NET, whose code is compiled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::inline)]
    pub inline: Option<BTreeMap<String, String>>,
    /// A ConfigMap of the resource's namespace, whose keys, of `data` and of `binaryData`, are file names. When it
    /// changes, the function is updated. A zip archive in it is not unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapCode>,
    /// A zip archive in S3, in the function's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Code>,
    /// A container image in ECR, in the function's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageCode>,
}

/// A ConfigMap with code.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapCode {
    /// Name of the ConfigMap.
    #[schemars(transform = cel::config_map_name)]
    pub name: String,
}

/// An archive in S3, in the function's Region.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Code {
    /// Name of the bucket, such as `my-bucket`. The operator, not the function's role, must be allowed to read it.
    #[schemars(transform = cel::code_bucket)]
    pub bucket: String,
    /// Key of the archive, such as `functions/report-1.2.zip`.
    #[schemars(transform = cel::code_key)]
    pub key: String,
    /// Version of the object in a bucket that keeps versions. Without it, the function is updated when `key` changes;
    /// another archive under the same key goes unnoticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::object_version)]
    pub version: Option<String>,
}

/// A container image.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageCode {
    /// URI of the image in ECR, with a tag or, better, a digest, since an image that is pushed under the same tag goes
    /// unnoticed: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/report@sha256:...`.
    #[schemars(transform = cel::image_uri)]
    pub uri: String,
    /// In place of the image's ENTRYPOINT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::words)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub entry_point: Vec<String>,
    /// In place of the image's CMD: in AWS's base images, the handler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::words)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub command: Vec<String>,
    /// In place of the image's WORKDIR; at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::WORKING_DIRECTORY))]
    pub working_directory: Option<String>,
}

/// Subnets and security groups.
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

/// Whether the operator adopts a function that it did not make.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// The operator changes only functions that it made for the resource.
    #[default]
    IfOwned,
    /// The operator also adopts a function without the tags of another operator.
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

/// Whether X-Ray traces runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracing {
    /// Where the caller does.
    #[default]
    PassThrough,
    /// Samples runs.
    Active,
}

/// Whether versions start from a snapshot.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapStart {
    /// No.
    #[default]
    None,
    /// Yes, published versions.
    PublishedVersions,
}

/// How and where the function logs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::logging)]
pub struct Logging {
    /// The form of a line: `Text` or `JSON`.
    #[serde(default)]
    pub format: LogFormat,
    /// Name of the log group, 1 to 512 characters; without it, `/aws/lambda/<function>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::log_group)]
    pub log_group: Option<String>,
    /// Least level of the function's own logs that is kept; with `JSON` only, and `INFO` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_level: Option<ApplicationLogLevel>,
    /// Least level of Lambda's logs about runs that is kept; with `JSON` only, and `INFO` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_level: Option<SystemLogLevel>,
}

/// The form of a line of log.
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
