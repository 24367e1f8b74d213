//! `S3TriggeredFunction`: runs a Lambda function on events of an S3 bucket.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::validation::cel;
use super::{DeletionPolicy, FunctionRef, S3TriggeredFunctionStatus};

/// Runs a Lambda function on events of an S3 bucket that exists already and may serve others, too.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "lambda-triggers.dev",
    version = "v1alpha1",
    kind = "S3TriggeredFunction",
    doc = "Runs a Lambda function on events of an S3 bucket. The bucket exists already; what others have in its notification configuration stays as it is.",
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
    /// The function to run: exactly one of `name`, `arn` and `definition`. It must be in the bucket's Region.
    pub function: FunctionRef,
    /// Name of the bucket, such as `my-bucket`. It must exist; it is never created and never deleted. A bucket of us-east-1
    /// from before March 2018 may have capitals, `_` and up to 255 characters in its name.
    #[schemars(transform = cel::bucket)]
    pub bucket: String,
    /// The 12 digits of the account that owns the bucket, in quotes. Set it where that is not the function's account.
    /// A bucket of that name in any other account is left alone, and may not run the function: so a name that passes
    /// on to somebody else after its bucket was deleted does no harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::bucket_owner)]
    pub bucket_owner: Option<String>,
    /// The events that run the function, by S3's names: `s3:ObjectCreated:Put`, or `s3:ObjectCreated:*` for all of a
    /// kind. Write each once: S3 refuses a name beside the wildcard that stands for it.
    #[serde(default = "default_events")]
    #[schemars(transform = cel::events)]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub events: Vec<String>,
    /// Which keys run the function, at most 50 filters; without any, all keys. Each filter becomes an entry of the bucket's
    /// notification configuration. No key may match two of them: S3 refuses filters that
    /// overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = cel::filters)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub filters: Vec<KeyFilter>,
    /// Set to true to take the entries out of the bucket until it is false again.
    #[serde(default)]
    pub suspend: bool,
    /// What happens in AWS when this object is deleted: `Delete` removes what was made for it, `Retain` leaves all in
    /// place.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// AWS Region of bucket and function, such as `eu-west-1`; without it, that of `function.arn`, else the
    /// operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::region)]
    pub region: Option<String>,
}

/// Which keys run the function: those that begin with `prefix` and end with `suffix`. Both are written as keys are, with
/// spaces, `=` and `+` as themselves: the operator encodes them for S3.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::filter)]
pub struct KeyFilter {
    /// What the key begins with, such as `images/` or `dt=2026-11-26/`. Keys have no `/` at their beginning, and `*` is no
    /// wildcard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::key_part)]
    pub prefix: Option<String>,
    /// What the key ends with, such as `.jpg`. Capitals count, and `*` is no wildcard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::key_part)]
    pub suffix: Option<String>,
    /// Set to true where the keys themselves hold a percent sign before two hex digits, such as `at=10%3A30/`, which Hive and
    /// Spark write. Else `%3A` is refused, as a `:` that somebody encoded for S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal_percent: Option<bool>,
}

fn default_events() -> Vec<String> {
    vec!["s3:ObjectCreated:*".into()]
}
