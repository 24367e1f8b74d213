//! The fields that both resources share.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FunctionDefinition;
use super::validation::cel;

/// Tags as AWS knows them: key to value.
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
    /// ARN of an existing function, such as `arn:aws:lambda:eu-west-1:123456789012:function:every-hour`; with
    /// `:<alias or version>` at its end, or without. A bucket may invoke a function of another account; a schedule may
    /// not, since EventBridge wants a role for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::function_arn)]
    pub arn: Option<String>,
    /// Alias (`live`) or version (`7`) of the function that runs; without it, the latest code (which is what
    /// `$LATEST` would say). Leave it out where `arn` has one already, and beside `definition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::qualifier)]
    pub qualifier: Option<String>,
    /// A function that the operator makes for this resource, updates when this changes, and deletes with it. Another
    /// resource runs the same function by its `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<FunctionDefinition>,
    /// Who permits EventBridge, or the bucket, to invoke the function: `Managed` lets the operator add and remove a
    /// statement in the function's policy, `External` leaves the policy to others and does not read it.
    #[serde(default)]
    pub permission: PermissionPolicy,
}

/// Who manages the permission of a trigger.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PermissionPolicy {
    /// The operator.
    #[default]
    Managed,
    /// Others.
    External,
}

/// What happens in AWS when the object is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// What was made for the object is removed.
    #[default]
    Delete,
    /// AWS is left as it is.
    Retain,
}
