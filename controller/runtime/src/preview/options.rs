//! The options of a preview.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{Backend, Tags};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::preview::Secrets;
use lambda_triggers_core::tenancy::Tenancy;

/// The number of resources that are observed at once. The rate limiter of the AWS client decides about the calls.
pub const PARALLEL: usize = 64;

/// The settings of the operator, and the settings of the preview.
#[derive(Clone, Debug)]
pub struct Options {
    /// The owner id of the operator.
    pub owner: OwnerId,
    /// The namespace of manifests without a namespace.
    pub namespace: Option<String>,
    /// The Region for resources without a Region.
    pub region: String,
    /// The account, for a preview without AWS.
    pub account: Option<String>,
    /// The operator's default backend.
    pub default_backend: Backend,
    /// The operator's default tags.
    pub default_tags: Tags,
    /// The operator's role for EventBridge Scheduler.
    pub scheduler_role: Option<String>,
    /// The operator's tenancy file.
    pub tenancy: Option<Tenancy>,
    /// The reasons of problems that are warnings.
    pub ignored: BTreeSet<String>,
    /// True to look at resources that are as in the base.
    pub all: bool,
    /// True to show secrets.
    pub secrets: Secrets,
    /// Shows the numbers of planned resources and of all resources.
    pub progress: Option<fn(usize, usize)>,
}
