//! `S3TriggeredFunction`: runs a Lambda function on events of an S3 bucket.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::validation::cel;
use super::{DeletionPolicy, FunctionRef, S3TriggeredFunctionStatus};

/// Runs a Lambda function on events of an existing S3 bucket. Other tools may use the same bucket.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "lambda-triggers.dev",
    version = "v1alpha1",
    kind = "S3TriggeredFunction",
    doc = "Runs a Lambda function on events of an existing S3 bucket. Entries of other tools in the bucket's notification configuration stay unchanged.",
    namespaced,
    status = "S3TriggeredFunctionStatus",
    derive = "PartialEq",
    shortname = "s3fn",
    category = "lambda-triggers",
    category = "aws",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Bucket", type_ = "string", json_path = ".spec.bucket"),
    printcolumn(name = "Function", type_ = "string", json_path = ".status.functionName"),
    printcolumn(name = "Events", type_ = "string", json_path = ".spec.events", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "each column has its own")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::region_of_arn, transform = cel::region_of_bucket)]
pub struct S3TriggeredFunctionSpec {
    /// The function to run: exactly one of `name`, `arn` and `definition`. The function must be in the bucket's
    /// Region.
    pub function: FunctionRef,
    /// Name of the bucket, such as `my-bucket`. The bucket must exist: the operator never creates or deletes a
    /// bucket. A bucket of us-east-1 from before March 2018 may have capitals, `_` and up to 255 characters in its
    /// name.
    #[schemars(transform = cel::bucket)]
    pub bucket: String,
    /// Account that owns the bucket: 12 digits in quotes, such as `"123456789012"`. Required if the owner is not the
    /// function's account. The operator leaves a bucket of any other account unchanged, and such a bucket may not run
    /// the function. A bucket name that passes to another account after a deletion therefore does no harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::bucket_owner)]
    pub bucket_owner: Option<String>,
    /// Events that run the function, by S3's names: `s3:ObjectCreated:Put`, or `s3:ObjectCreated:*` for all events of
    /// a kind. Write each event once: S3 refuses a name beside a wildcard that covers the name.
    #[serde(default = "default_events")]
    #[schemars(transform = cel::events)]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub events: Vec<String>,
    /// Filters of the keys that run the function, at most 50, such as `{prefix: images/, suffix: .jpg}`. Without
    /// filters, all keys run the function. Each filter becomes an entry of the bucket's notification configuration.
    /// No key may match two filters: S3 refuses filters that overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::filters)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub filters: Vec<KeyFilter>,
    /// Set to true to remove the entries from the bucket. The operator adds the entries again after `suspend` is
    /// false.
    #[serde(default)]
    pub suspend: bool,
    /// Action in AWS when this object is deleted. `Delete` removes everything that the operator created for the
    /// object. `Retain` leaves everything in place.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// AWS Region of the bucket and the function, such as `eu-west-1`. Without the field: the Region of
    /// `function.arn`, else the operator's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::region)]
    pub region: Option<String>,
}

/// Filter of keys. A key matches if it begins with `prefix` and ends with `suffix`. Write both parts like keys, with
/// plain spaces, `=` and `+`: the operator encodes the parts for S3.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::filter)]
pub struct KeyFilter {
    /// Beginning of the key, such as `images/` or `dt=2026-11-26/`. Keys do not begin with `/`, and `*` is not a
    /// wildcard. Without the field, every beginning matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::key_part)]
    pub prefix: Option<String>,
    /// End of the key, such as `.jpg`. Upper and lower case differ, and `*` is not a wildcard. Without the field,
    /// every end matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::key_part)]
    pub suffix: Option<String>,
    /// Set to true if the keys themselves contain a percent sign before two hex digits, such as `at=10%3A30/`. Hive
    /// and Spark write such keys. Otherwise `%3A` is refused, as a `:` that was already encoded for S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal_percent: Option<bool>,
}

fn default_events() -> Vec<String> {
    vec!["s3:ObjectCreated:*".into()]
}
