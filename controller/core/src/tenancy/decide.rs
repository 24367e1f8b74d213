//! The authorization decision: may a namespace use an AWS resource?

use std::fmt;

use super::pattern::NamePattern;
use super::{Definitions, Reference, Tenancy, Tenant};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, OwnerId};
use crate::status::Component;

/// An AWS resource that a spec or a call uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceRef {
    /// The Region of a call.
    Region(String),
    /// An existing function with a trigger. The operator changes the resource policy of the function.
    Function(FunctionArn),
    /// A function as the target of a schedule: of a rule, or of EventBridge Scheduler.
    RuleTarget(FunctionArn),
    /// A bucket with a trigger. The operator changes the notification configuration of the bucket.
    Bucket(String),
    /// The expected account of a bucket.
    BucketOwner(String),
    /// The ARN of a queue or a topic for undeliverable events.
    DeadLetterQueue(String),
    /// The name of a function that the operator creates, changes or deletes.
    DeployedFunction(String),
    /// The ARN of a function's execution role.
    ExecutionRole(String),
    /// The bucket of a function's code.
    CodeBucket(String),
    /// The URI of a function's image.
    Image(String),
    /// The ARN of a function's layer.
    Layer(String),
    /// The id of a function's subnet.
    Subnet(String),
    /// The id of a function's security group.
    SecurityGroup(String),
    /// The ARN of the KMS key for a function's environment.
    KmsKey(String),
    /// The reserved concurrency of a function.
    ReservedConcurrency(i32),
}

/// The resources that a namespace may always use, independent of the tenancy file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImplicitGrants {
    /// The account of the namespace's credentials.
    pub account: String,
    /// The function names that the operator generates for the current object.
    pub functions: Vec<String>,
}

impl ImplicitGrants {
    /// The implicit grants of object `key` in `account`. The object may be of each kind in `kinds`.
    pub fn for_object(account: &str, owner: &OwnerId, key: &ObjectKey, kinds: &[&str]) -> Self {
        let functions = kinds.iter().map(|kind| key.function_name(owner, kind)).collect();
        Self { account: account.into(), functions }
    }
}

/// The reason for a denial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub(super) String);

impl Tenancy {
    /// Decides whether a namespace may use a resource. Called for every spec, and again for every AWS call.
    ///
    /// # Errors
    ///
    /// Returns a refusal that names the responsible list of the file, the content of the list and the contact.
    pub fn authorize(
        &self,
        namespace: &str,
        own: &ImplicitGrants,
        resource: &ResourceRef,
    ) -> Result<(), Refusal> {
        let Some(tenant) = self.tenant(namespace) else { return Err(self.unnamed(namespace)) };
        if tenant.permits(own, resource) { Ok(()) } else { Err(tenant.refusal(namespace, resource)) }
    }

    /// The refusals of all references of a spec, each with the component that reports it.
    pub fn refusals(
        &self,
        namespace: &str,
        own: &ImplicitGrants,
        references: Vec<Reference>,
    ) -> Vec<(Component, String)> {
        if self.tenant(namespace).is_none() {
            return vec![(Component::Function, self.unnamed(namespace).to_string())];
        }
        let refusal = |Reference { field, component, resource }: Reference| {
            let refusal = self.authorize(namespace, own, &resource).err()?;
            Some((component, format!("{field}: {refusal}")))
        };
        references.into_iter().filter_map(refusal).collect()
    }

    /// The refusal for a namespace without a tenant in the file.
    pub fn unnamed(&self, namespace: &str) -> Refusal {
        let contact = contact(self.contact.as_ref());
        Refusal(format!(
            "the tenancy file has no entry for namespace {namespace}, so its resources may not use anything in \
             AWS{contact}"
        ))
    }
}

impl Tenant {
    fn permits(&self, own: &ImplicitGrants, resource: &ResourceRef) -> bool {
        let defined = |permits: &dyn Fn(&Definitions) -> bool| self.definitions.as_ref().is_some_and(permits);
        let by_function = |patterns: &[NamePattern], function: &FunctionArn| {
            let deployed = function.account == own.account && self.deploys(own, &function.name);
            deployed || any_function(patterns, own, function)
        };
        match resource {
            ResourceRef::Region(region) => self.regions.as_ref().is_none_or(|regions| any(regions, region)),
            ResourceRef::Function(function) => by_function(&self.functions, function),
            ResourceRef::RuleTarget(function) => by_function(&self.rule_targets, function),
            ResourceRef::Bucket(name) => any(&self.buckets, name),
            ResourceRef::BucketOwner(account) => {
                *account == own.account || self.bucket_owners.contains(account)
            }
            ResourceRef::DeadLetterQueue(arn) => self.dead_letter_queues.iter().any(|p| p.matches(arn)),
            ResourceRef::DeployedFunction(name) => self.deploys(own, name),
            ResourceRef::ExecutionRole(arn) => defined(&|d| d.roles.iter().any(|p| is_role(p, own, arn))),
            ResourceRef::CodeBucket(name) => defined(&|d| any(&d.code_buckets, name)),
            ResourceRef::Image(uri) => defined(&|d| any(&d.images, uri)),
            ResourceRef::Layer(arn) => defined(&|d| d.layers.iter().any(|p| p.matches(arn))),
            ResourceRef::Subnet(id) => defined(&|d| any(&d.subnets, id)),
            ResourceRef::SecurityGroup(id) => defined(&|d| any(&d.security_groups, id)),
            ResourceRef::KmsKey(arn) => defined(&|d| d.kms_keys.iter().any(|p| p.matches(arn))),
            ResourceRef::ReservedConcurrency(runs) => defined(&|d| *runs <= d.reserved_concurrency),
        }
    }

    /// True if the namespace may deploy a function with this name.
    fn deploys(&self, own: &ImplicitGrants, name: &str) -> bool {
        let named = |name: &str| own.functions.iter().any(|own| own == name);
        self.definitions.as_ref().is_some_and(|definitions| named(name) || any(&definitions.names, name))
    }

    fn refusal(&self, namespace: &str, resource: &ResourceRef) -> Refusal {
        let (list, allowed) = self.list(resource);
        let place = format!("namespaces.{}.{list}", self.named);
        let allowed = if allowed.is_empty() { "nothing".to_owned() } else { shown(&allowed) };
        let contact = contact(self.contact.as_ref());
        Refusal(format!(
            "namespace {namespace} may not use {resource}: {place} in the tenancy file permits \
             {allowed}{contact}"
        ))
    }

    /// The list in the file that decides about a resource, and the content of the list.
    fn list(&self, resource: &ResourceRef) -> (&'static str, Vec<String>) {
        let of = |allowed: &dyn Fn(&Definitions) -> Vec<String>| {
            self.definitions.as_ref().map(allowed).unwrap_or_default()
        };
        match resource {
            ResourceRef::Region(_) => ("regions", texts(self.regions.iter().flatten())),
            ResourceRef::Function(_) => ("functions", texts(&self.functions)),
            ResourceRef::RuleTarget(_) => ("ruleTargets", texts(&self.rule_targets)),
            ResourceRef::Bucket(_) => ("buckets", texts(&self.buckets)),
            ResourceRef::BucketOwner(_) => ("bucketOwners", texts(&self.bucket_owners)),
            ResourceRef::DeadLetterQueue(_) => ("deadLetterQueues", texts(&self.dead_letter_queues)),
            ResourceRef::DeployedFunction(_) if self.definitions.is_none() => ("definitions", vec![]),
            ResourceRef::DeployedFunction(_) => ("definitions.names", of(&|d| texts(&d.names))),
            ResourceRef::ExecutionRole(_) => ("definitions.roles", of(&|d| texts(&d.roles))),
            ResourceRef::CodeBucket(_) => ("definitions.codeBuckets", of(&|d| texts(&d.code_buckets))),
            ResourceRef::Image(_) => ("definitions.images", of(&|d| texts(&d.images))),
            ResourceRef::Layer(_) => ("definitions.layers", of(&|d| texts(&d.layers))),
            ResourceRef::Subnet(_) => ("definitions.subnets", of(&|d| texts(&d.subnets))),
            ResourceRef::SecurityGroup(_) => {
                ("definitions.securityGroups", of(&|d| texts(&d.security_groups)))
            }
            ResourceRef::KmsKey(_) => ("definitions.kmsKeys", of(&|d| texts(&d.kms_keys))),
            ResourceRef::ReservedConcurrency(_) => {
                ("definitions.reservedConcurrency", of(&|d| vec![d.reserved_concurrency.to_string()]))
            }
        }
    }
}

fn any(patterns: &[super::Pattern], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(text))
}

/// True if a pattern matches the function with or without its qualifier. A pattern without a qualifier covers all
/// qualifiers.
fn any_function(patterns: &[NamePattern], own: &ImplicitGrants, function: &FunctionArn) -> bool {
    let bare = function.with_qualifier(None);
    patterns.iter().any(|pattern| match pattern {
        NamePattern::Name(pattern) => {
            function.account == own.account
                && [function, &bare].iter().any(|function| pattern.matches(&function.short()))
        }
        NamePattern::Arn(pattern) => {
            [function, &bare].iter().any(|function| pattern.matches(&function.to_string()))
        }
    })
}

fn is_role(pattern: &NamePattern, own: &ImplicitGrants, arn: &str) -> bool {
    match pattern {
        NamePattern::Arn(pattern) => pattern.matches(arn),
        NamePattern::Name(pattern) => match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "iam", "", account, role] => {
                *account == own.account
                    && role.strip_prefix("role/").is_some_and(|name| pattern.matches(name))
            }
            _ => false,
        },
    }
}

fn texts<'a, T: fmt::Display + 'a>(patterns: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    patterns.into_iter().map(ToString::to_string).collect()
}

/// The maximum number of list items in a refusal.
const SHOWN: usize = 5;

fn shown(allowed: &[String]) -> String {
    let first = allowed.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match allowed.len().checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

pub(super) fn contact(contact: Option<&String>) -> String {
    contact.map(|contact| format!("; {contact}")).unwrap_or_default()
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => write!(f, "Region {region}"),
            Self::Function(arn) => write!(f, "function {arn}"),
            Self::RuleTarget(arn) => write!(f, "function {arn} as the target of a schedule"),
            Self::Bucket(name) => write!(f, "bucket {name}"),
            Self::BucketOwner(account) => write!(f, "a bucket of account {account}"),
            Self::DeadLetterQueue(arn) => write!(f, "dead-letter queue {arn}"),
            Self::DeployedFunction(name) => write!(f, "the name {name} for a deployed function"),
            Self::ExecutionRole(arn) => write!(f, "role {arn} for a function"),
            Self::CodeBucket(name) => write!(f, "bucket {name} for code"),
            Self::Image(uri) => write!(f, "image {uri}"),
            Self::Layer(arn) => write!(f, "layer {arn}"),
            Self::Subnet(id) => write!(f, "subnet {id}"),
            Self::SecurityGroup(id) => write!(f, "security group {id}"),
            Self::KmsKey(arn) => write!(f, "key {arn}"),
            Self::ReservedConcurrency(runs) => write!(f, "a reserved concurrency of {runs}"),
        }
    }
}
