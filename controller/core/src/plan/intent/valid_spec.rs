//! The valid spec of either kind.

use super::{s3_triggered_function as s3, scheduled_function as scheduled};
use crate::api::{DeletionPolicy, FunctionRef};
use crate::arn::FunctionArn;
use crate::ownership::{Origin, OwnerId};
use crate::plan::function::{function_name, named_arn};

/// The valid spec of a kind.
#[derive(Clone, Debug)]
pub enum ValidSpec {
    /// The spec of a `ScheduledFunction`.
    Scheduled(Box<scheduled::Valid>),
    /// The spec of an `S3TriggeredFunction`.
    S3(Box<s3::Valid>),
}

impl ValidSpec {
    /// The function.
    pub fn function(&self) -> &FunctionRef {
        match self {
            Self::Scheduled(valid) => &valid.spec.function,
            Self::S3(valid) => &valid.spec.function,
        }
    }

    /// The Region.
    pub fn region(&self) -> &str {
        match self {
            Self::Scheduled(valid) => &valid.region,
            Self::S3(valid) => &valid.region,
        }
    }

    /// True if the trigger is suspended.
    pub fn is_suspended(&self) -> bool {
        match self {
            Self::Scheduled(valid) => valid.spec.suspend,
            Self::S3(valid) => valid.spec.suspend,
        }
    }

    /// True if the resources in AWS stay after the deletion of the object.
    pub fn is_retained(&self) -> bool {
        let policy = match self {
            Self::Scheduled(valid) => valid.spec.deletion_policy,
            Self::S3(valid) => valid.spec.deletion_policy,
        };
        policy == DeletionPolicy::Retain
    }

    /// The name of the function that the definition deploys; `None` for a named function.
    pub fn deployed_name(&self, owner: &OwnerId, origin: &Origin) -> Option<String> {
        Some(function_name(self.function().definition.as_ref()?, owner, origin))
    }

    /// The function in `account`, by its name alone.
    pub fn function_arn(&self, owner: &OwnerId, origin: &Origin, account: &str) -> FunctionArn {
        match self.deployed_name(owner, origin) {
            Some(name) => FunctionArn::of_name(&name, self.region(), account),
            None => named_arn(self.function(), self.region(), account),
        }
    }
}
