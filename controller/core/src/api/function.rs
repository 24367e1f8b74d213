//! The fields that both resources share.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FunctionDefinition;
use super::validation::cel;

/// Tags of an AWS resource, key to value.
pub type Tags = BTreeMap<String, String>;

/// The Lambda function that a trigger runs: exactly one of `name`, `arn` and `definition`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::function)]
pub struct FunctionRef {
    /// Name of an existing function in the operator's account and in `spec.region`, such as `every-hour`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::function_name)]
    pub name: Option<String>,
    /// ARN of an existing function, such as `arn:aws:lambda:eu-west-1:123456789012:function:every-hour`. An alias or
    /// a version may follow, as `:<alias or version>`. A bucket may invoke a function of another account. A schedule
    /// may not, since EventBridge needs a role for a function of another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::function_arn)]
    pub arn: Option<String>,
    /// Alias (`live`) or version (`7`) of the function. Without the field, the latest code runs, which AWS calls
    /// `$LATEST`. Omit `qualifier` beside `definition`, and if `arn` ends with an alias or a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::qualifier)]
    pub qualifier: Option<String>,
    /// Function that the operator creates for this resource, updates when the definition changes, and deletes with
    /// the resource. Another resource can run the same function by its `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<FunctionDefinition>,
    /// Manager of the permission that allows EventBridge or the bucket to invoke the function. `Managed`: the
    /// operator adds and removes a statement in the function's policy. `External`: another tool manages the policy,
    /// and the operator does not read the policy.
    #[serde(default)]
    pub permission: PermissionPolicy,
}

/// Manager of a trigger's permission.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PermissionPolicy {
    /// The operator.
    #[default]
    Managed,
    /// Another tool or a person.
    External,
}

/// Action in AWS when the object is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The operator removes everything that it created for the object.
    #[default]
    Delete,
    /// The operator leaves everything in place.
    Retain,
}
