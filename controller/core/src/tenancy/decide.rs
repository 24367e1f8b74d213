//! The decision: whether a namespace may name a resource in AWS.

use std::fmt;

use super::pattern::NamePattern;
use super::{Definitions, Tenancy, Tenant};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, OwnerId};

/// Something in AWS that a resource, or a call on its behalf, names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceRef {
    /// A Region, in which a call is made.
    Region(String),
    /// A function that is to be run, and whose policy is changed for that.
    Function(FunctionArn),
    /// A function that a rule is to run.
    RuleTarget(FunctionArn),
    /// A bucket whose notification configuration is changed.
    Bucket(String),
    /// The account that is to own such a bucket.
    BucketOwner(String),
    /// The ARN of a queue or a topic for what could not be delivered.
    DeadLetterQueue(String),
    /// The name of a function that is to be made, changed or deleted.
    DeployedFunction(String),
    /// The ARN of the role that such a function runs as.
    ExecutionRole(String),
    /// The bucket that its code is in.
    CodeBucket(String),
    /// The URI of its image.
    Image(String),
    /// The ARN of a layer of its.
    Layer(String),
    /// A subnet that it reaches.
    Subnet(String),
    /// A security group that it is in.
    SecurityGroup(String),
    /// The ARN of the key for its environment.
    KmsKey(String),
    /// How many runs at a time are kept for it.
    ReservedConcurrency(i32),
}

/// What is a namespace's own, whatever the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImplicitGrants {
    /// The account of the credentials that the namespace acts with.
    pub account: String,
    /// The names that the operator makes up for the functions that the resource at hand may define.
    pub functions: Vec<String>,
}

impl ImplicitGrants {
    /// What is the namespace's own where it acts in `account` for the object `key`, of one of these kinds.
    pub fn for_object(account: &str, owner: &OwnerId, key: &ObjectKey, kinds: &[&str]) -> Self {
        let functions = kinds.iter().map(|kind| key.function_name(owner, kind)).collect();
        Self { account: account.into(), functions }
    }
}

/// Why a namespace may not name a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Tenancy {
    /// Whether the resources of a namespace may name a resource. Every spec, and then every call, is asked about here.
    ///
    /// # Errors
    /// In words that say what the file has in place of it, and whom to ask.
    pub fn authorize(
        &self,
        namespace: &str,
        own: &ImplicitGrants,
        resource: &ResourceRef,
    ) -> Result<(), Refusal> {
        let Some(tenant) = self.tenant(namespace) else { return Err(self.unnamed(namespace)) };
        if tenant.permits(own, resource) { Ok(()) } else { Err(tenant.refusal(namespace, resource)) }
    }

    /// That nothing names the namespace.
    pub fn unnamed(&self, namespace: &str) -> Refusal {
        let contact = contact(self.contact.as_ref());
        Refusal(format!(
            "the tenancy file does not name namespace {namespace}, so its resources may name nothing in AWS{contact}"
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

    /// Whether it may deploy a function of this name.
    fn deploys(&self, own: &ImplicitGrants, name: &str) -> bool {
        let named = |name: &str| own.functions.iter().any(|own| own == name);
        self.definitions.as_ref().is_some_and(|definitions| named(name) || any(&definitions.names, name))
    }

    fn refusal(&self, namespace: &str, resource: &ResourceRef) -> Refusal {
        let (list, held) = self.list(resource);
        let place = format!("namespaces.{}.{list}", self.named);
        let held = if held.is_empty() { "nothing".to_owned() } else { shown(&held) };
        let contact = contact(self.contact.as_ref());
        Refusal(format!(
            "namespace {namespace} may not name {resource}: {place} in the tenancy file holds {held}{contact}"
        ))
    }

    /// The list of the file that decides about a resource, and what it holds.
    fn list(&self, resource: &ResourceRef) -> (&'static str, Vec<String>) {
        let of = |held: &dyn Fn(&Definitions) -> Vec<String>| {
            self.definitions.as_ref().map(held).unwrap_or_default()
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

/// A pattern without a qualifier is for all of them.
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

/// The most that a refusal shows of a list.
const SHOWN: usize = 5;

fn shown(held: &[String]) -> String {
    let first = held.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match held.len().checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

fn contact(contact: Option<&String>) -> String {
    contact.map(|contact| format!("; {contact}")).unwrap_or_default()
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => write!(f, "Region {region}"),
            Self::Function(arn) => write!(f, "function {arn}"),
            Self::RuleTarget(arn) => write!(f, "function {arn} as the target of a rule"),
            Self::Bucket(name) => write!(f, "bucket {name}"),
            Self::BucketOwner(account) => write!(f, "a bucket of account {account}"),
            Self::DeadLetterQueue(arn) => write!(f, "dead-letter queue {arn}"),
            Self::DeployedFunction(name) => write!(f, "a function {name} that is deployed for it"),
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
