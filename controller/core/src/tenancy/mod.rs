//! Tenancy: which namespace acts in AWS with which role, and what its resources may name there.
//!
//! One file says so. Where there is one, what it does not name is refused: a namespace, a list, and what matches no pattern
//! of the list. Every call to AWS, and every spec before the first of them, passes [`Tenancy::authorize`].

mod decide;
mod file;
mod pattern;
mod references;

use std::collections::BTreeMap;

pub use decide::{ImplicitGrants, Refusal, ResourceRef};
pub use file::InvalidTenancy;
pub use pattern::{ArnPattern, NamePattern, Pattern};
pub use references::{
    Reference, references_of_code, references_of_configuration, references_of_s3, references_of_scheduled,
};

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenancy {
    /// The namespaces that are named as they are.
    exact: BTreeMap<String, Tenant>,
    /// Those that are named by patterns: the ones that say more come first.
    patterns: Vec<(Pattern, Tenant)>,
    /// Whom to ask where a namespace is not named.
    contact: Option<String>,
}

/// What the file says of a namespace, or of those of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The name or pattern under which the file has it.
    pub named: String,
    /// The role to act with; none for the operator's own credentials.
    pub role: Option<Role>,
    /// Regions; none for all of them.
    regions: Option<Vec<Pattern>>,
    /// Buckets whose events run functions.
    buckets: Vec<Pattern>,
    /// Accounts that may own those buckets, beside the namespace's own.
    bucket_owners: Vec<String>,
    /// Functions that exist, with or without alias or version.
    functions: Vec<NamePattern>,
    /// Functions that exist, and that a rule may run.
    rule_targets: Vec<NamePattern>,
    /// Queues and topics for what could not be delivered.
    dead_letter_queues: Vec<ArnPattern>,
    /// What functions may be that it deploys; none if it deploys none.
    definitions: Option<Definitions>,
    /// Whom to ask for more.
    contact: Option<String>,
}

/// What the functions that a namespace deploys may be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Definitions {
    /// Names of functions, beside those that the operator makes up.
    names: Vec<Pattern>,
    /// Roles that functions run as.
    roles: Vec<NamePattern>,
    /// Buckets with archives.
    code_buckets: Vec<Pattern>,
    /// URIs of images.
    images: Vec<Pattern>,
    /// Layers.
    layers: Vec<ArnPattern>,
    /// Subnets.
    subnets: Vec<Pattern>,
    /// Security groups.
    security_groups: Vec<Pattern>,
    /// Keys for environments.
    kms_keys: Vec<ArnPattern>,
    /// The most runs at a time that are kept for one function.
    reserved_concurrency: i32,
}

/// A role to act with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy references for
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>).
    pub external_id: Option<String>,
}

impl Role {
    /// The account that it is in, 12 digits.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}

impl Tenancy {
    /// What the file says of a namespace: under its name, else under the pattern with the most characters that stand for
    /// themselves; none if nothing names it.
    pub fn tenant(&self, namespace: &str) -> Option<&Tenant> {
        let by_pattern = || self.patterns.iter().find(|(pattern, _)| pattern.matches(namespace));
        self.exact.get(namespace).or_else(|| by_pattern().map(|(_, tenant)| tenant))
    }

    /// All roles that the file names, each with the name or pattern of namespaces that it is for.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Role)> {
        let tenants = self.exact.values().chain(self.patterns.iter().map(|(_, tenant)| tenant));
        tenants.filter_map(|tenant| Some((tenant.named.as_str(), tenant.role.as_ref()?)))
    }
}

#[cfg(test)]
mod tests;
