//! The options of a preview.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{Backend, Tags};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::preview::Secrets;
use lambda_triggers_core::tenancy::{Role, Tenancy};

/// The number of resources that are observed at once. The rate limiter of the AWS client decides about the calls.
pub const PARALLEL: usize = 256;

/// The settings of the operator, and the settings of the preview.
#[derive(Clone, Debug)]
pub struct Options {
    /// The owner id of the operator.
    pub owner: OwnerId,
    /// The namespace of manifests without a namespace.
    pub namespace: Option<String>,
    /// The Region for resources without a Region.
    pub region: String,
    /// The account of the operator (default: the account of the credentials).
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

impl Options {
    /// The account in which a namespace acts. Without an account, ARNs have zeros.
    pub fn account_of(&self, namespace: &str) -> &str {
        let tenant = self.tenancy.as_ref().and_then(|tenancy| tenancy.tenant(namespace));
        let role = tenant.and_then(|tenant| tenant.role.as_ref());
        role.map(Role::account).or(self.account.as_deref()).unwrap_or("000000000000")
    }
}
