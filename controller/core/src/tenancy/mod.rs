//! Tenancy: the AWS role of each namespace, and the AWS resources that each namespace may use.
//!
//! A single file configures the tenancy. With a tenancy file, everything is denied by default: a namespace, a list or
//! a resource that the file does not mention. As the only exception, a missing list of Regions permits all Regions.
//! Every spec and every AWS call must pass [`Tenancy::authorize`].

mod decide;
mod file;
mod pattern;
mod references;
mod scheduler_role;

use std::collections::BTreeMap;

use crate::arn::role_account;
pub use decide::{ImplicitGrants, Refusal, ResourceRef};
pub use file::InvalidTenancy;
pub use pattern::{ArnPattern, NamePattern, Pattern};
pub use references::{
    Reference, references_of_code, references_of_configuration, references_of_s3, references_of_scheduled,
};
pub use scheduler_role::{check_own_scheduler_role, scheduler_role};

/// A parsed tenancy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenancy {
    /// The tenants with an exact namespace name.
    exact: BTreeMap<String, Tenant>,
    /// The tenants with a namespace pattern, ordered from most to least specific.
    patterns: Vec<(Pattern, Tenant)>,
    /// The contact in a refusal for a namespace without a tenant.
    contact: Option<String>,
}

/// The permissions of a namespace, or of all namespaces that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The namespace name or pattern in the file.
    pub named: String,
    /// The role to assume; `None` to use the operator's own credentials.
    pub role: Option<Role>,
    /// The ARN of the namespace's role for EventBridge Scheduler.
    scheduler_role: Option<String>,
    /// Permitted Regions; `None` permits all Regions.
    regions: Option<Vec<Pattern>>,
    /// Buckets that may trigger functions.
    buckets: Vec<Pattern>,
    /// Accounts that may own the buckets, besides the namespace's own account.
    bucket_owners: Vec<String>,
    /// Existing functions, with or without an alias or a version.
    functions: Vec<NamePattern>,
    /// Existing functions that may run on a schedule: by a rule, or by EventBridge Scheduler.
    rule_targets: Vec<NamePattern>,
    /// Queues and topics for undeliverable events.
    dead_letter_queues: Vec<ArnPattern>,
    /// The limits of deployed functions; `None` permits no deployment.
    definitions: Option<Definitions>,
    /// The contact in a refusal.
    contact: Option<String>,
}

/// The limits of the functions that a namespace deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Definitions {
    /// Function names, besides the names that the operator generates.
    names: Vec<Pattern>,
    /// Execution roles of functions.
    roles: Vec<NamePattern>,
    /// Buckets with code archives.
    code_buckets: Vec<Pattern>,
    /// Image URIs.
    images: Vec<Pattern>,
    layers: Vec<ArnPattern>,
    subnets: Vec<Pattern>,
    security_groups: Vec<Pattern>,
    /// KMS keys for function environments.
    kms_keys: Vec<ArnPattern>,
    /// The maximum reserved concurrency of each function.
    reserved_concurrency: i32,
}

/// A role to assume for a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    /// The ARN of the role.
    pub arn: String,
    /// The external id that the role's trust policy requires
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>).
    pub external_id: Option<String>,
}

impl Role {
    /// The account of the role, 12 digits.
    pub fn account(&self) -> &str {
        role_account(&self.arn).unwrap_or_default()
    }
}

impl Tenancy {
    /// The tenant of a namespace, or `None` if the file does not mention the namespace. An exact name has precedence
    /// over patterns; among patterns, the pattern with the most literal characters wins.
    pub fn tenant(&self, namespace: &str) -> Option<&Tenant> {
        let by_pattern = || self.patterns.iter().find(|(pattern, _)| pattern.matches(namespace));
        self.exact.get(namespace).or_else(|| by_pattern().map(|(_, tenant)| tenant))
    }

    /// All tenants in the file.
    fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.exact.values().chain(self.patterns.iter().map(|(_, tenant)| tenant))
    }

    /// All roles to assume in the file, each with its namespace name or pattern.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.tenants().filter_map(|tenant| Some((tenant.named.as_str(), tenant.role.as_ref()?)))
    }
}

#[cfg(test)]
mod tests;
