//! The least IAM policy for the operator's role: actions, resources, conditions and reasons, as a value.
//!
//! The service authorization reference lists the resources and condition keys of each action
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>).
//! `lambda-triggers iam-policy` prints the policy.

mod actions;
mod commands;
mod policy;
mod scheduler_role;

use std::collections::BTreeSet;

use crate::ownership::OwnerId;
use crate::ownership::TAG_OWNER;

pub use actions::{Action, actions};
pub use commands::{Command, command_policy};
pub use policy::{Condition, Policy, Statement};
pub use scheduler_role::{scheduler_role_permissions, scheduler_role_trust};

/// A feature of the operator. The policy contains only the statements for enabled features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Schedules and bucket events for existing functions. Every operator needs this feature.
    Triggers,
    /// Functions that the operator deploys (`spec.function.definition`).
    Definitions,
    /// Function code from archives in S3.
    Archives,
    /// Function code from ECR images in the same account.
    Images,
    /// Lambda layers of deployed functions.
    Layers,
    /// VPC networks of deployed functions.
    Vpc,
    /// Function environments encrypted with a customer-managed KMS key.
    Kms,
    /// Schedules of EventBridge Scheduler.
    Scheduler,
    /// Roles that the operator assumes for tenants.
    Tenancy,
}

impl Feature {
    /// All features, in the order of the policy's statements.
    pub const ALL: [Self; 9] = [
        Self::Triggers,
        Self::Definitions,
        Self::Archives,
        Self::Images,
        Self::Layers,
        Self::Vpc,
        Self::Kms,
        Self::Scheduler,
        Self::Tenancy,
    ];
}

/// The scope of a policy. An empty list permits all resources; list items may contain `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: String,
    /// The account of functions and rules, 12 digits.
    pub account: String,
    /// The operator's owner id, to limit rules to the owner's names. `None` permits the rules of all owners.
    pub owner: Option<OwnerId>,
    /// The enabled features besides [`Feature::Triggers`].
    pub features: BTreeSet<Feature>,
    /// The functions: names in `account`, or ARNs without a qualifier for other accounts.
    pub functions: Vec<String>,
    /// The names of buckets with triggers.
    pub buckets: Vec<String>,
    /// The accounts of buckets (`spec.bucketOwner`) besides `account`.
    pub bucket_owners: Vec<String>,
    /// The names of buckets with code archives.
    pub code_buckets: Vec<String>,
    /// The names, with paths, of the roles that a definition may pass to a function.
    pub function_roles: Vec<String>,
    /// The ARNs of the roles that the operator may pass to EventBridge Scheduler.
    pub scheduler_roles: Vec<String>,
    /// The ARNs of tenant roles.
    pub tenant_roles: Vec<String>,
}

impl Scope {
    /// The scope of all functions and buckets of an account, for triggers only.
    pub fn for_account(account: impl Into<String>, owner: Option<OwnerId>) -> Self {
        Self {
            partition: "aws".into(),
            account: account.into(),
            owner,
            features: BTreeSet::new(),
            functions: vec![],
            buckets: vec![],
            bucket_owners: vec![],
            code_buckets: vec![],
            function_roles: vec![],
            scheduler_roles: vec![],
            tenant_roles: vec![],
        }
    }

    /// Adds features to the scope.
    #[must_use]
    pub fn with(mut self, features: impl IntoIterator<Item = Feature>) -> Self {
        self.features.extend(features);
        self
    }

    /// The ARNs of `names`, or the ARN with `*` if the list is empty.
    fn arns(&self, names: &[String], arn: impl Fn(&str) -> String) -> Vec<String> {
        if names.is_empty() { vec![arn("*")] } else { names.iter().map(|name| arn(name)).collect() }
    }

    fn functions(&self) -> Vec<String> {
        let Self { partition, account, .. } = self;
        let of = |name: &str| match name {
            arn if arn.starts_with("arn:") => arn.to_owned(),
            name => format!("arn:{partition}:lambda:*:{account}:function:{name}"),
        };
        // IAM treats an alias or a version as a separate resource.
        let with_qualifiers = |arn: String| {
            let all = arn.ends_with('*');
            [Some(arn.clone()), (!all).then(|| format!("{arn}:*"))].into_iter().flatten()
        };
        self.arns(&self.functions, of).into_iter().flat_map(with_qualifiers).collect()
    }

    fn buckets(&self, names: &[String], suffix: &str) -> Vec<String> {
        self.arns(names, |name| format!("arn:{}:s3:::{name}{suffix}", self.partition))
    }

    /// The ARN of the operator's rules, or of the rules of all operators if the owner is not known.
    fn own_rules(&self) -> String {
        let prefix = self.owner.as_ref().map_or_else(|| "lt-".to_owned(), OwnerId::prefix);
        format!("arn:{}:events:*:{}:rule/{prefix}*", self.partition, self.account)
    }

    /// The ARNs of roles, or the ARN of all roles of the account if the list is empty.
    fn roles(&self, arns: &[String]) -> Vec<String> {
        match arns {
            [] => vec![format!("arn:{}:iam::{}:role/*", self.partition, self.account)],
            arns => arns.to_vec(),
        }
    }

    /// The name of the schedule group, with `*` if the owner is not known.
    fn group(&self) -> String {
        self.owner.as_ref().map_or_else(|| "lt-*".to_owned(), OwnerId::group_name)
    }

    fn bucket_owners(&self) -> Condition {
        let owners: BTreeSet<_> = [&self.account].into_iter().chain(&self.bucket_owners).cloned().collect();
        // The ARN of a bucket contains no account.
        Condition::new("StringEquals", "s3:ResourceAccount", owners)
    }
}

/// The least policy for a scope.
pub fn least_policy(scope: &Scope) -> Policy {
    let used = |feature: &Feature| *feature == Feature::Triggers || scope.features.contains(feature);
    Policy {
        statements: Feature::ALL
            .iter()
            .filter(|feature| used(feature))
            .flat_map(|feature| statements(*feature, scope))
            .collect(),
    }
}

fn statements(feature: Feature, scope: &Scope) -> Vec<Statement> {
    match feature {
        Feature::Triggers => triggers(scope),
        Feature::Definitions => definitions(scope),
        Feature::Archives => {
            let archives = scope.buckets(&scope.code_buckets, "/*");
            vec![Statement::new("ReadCodeArchives", archives).when(scope.bucket_owners())]
        }
        Feature::Images => {
            let Scope { partition, account, .. } = scope;
            vec![Statement::new("UseImages", vec![format!("arn:{partition}:ecr:*:{account}:repository/*")])]
        }
        Feature::Layers => {
            // Layers of every account: AWS and vendors publish layers from accounts of their own.
            vec![Statement::new("UseLayers", vec![format!("arn:{}:lambda:*:*:layer:*:*", scope.partition)])]
        }
        // The EC2 describe actions support no resource-level permissions.
        Feature::Vpc => vec![Statement::new("FindNetworks", vec!["*".into()])],
        Feature::Kms => kms(scope),
        Feature::Scheduler => scheduler(scope),
        Feature::Tenancy => vec![Statement::new("AssumeTenantRoles", scope.roles(&scope.tenant_roles))],
    }
}

fn triggers(scope: &Scope) -> Vec<Statement> {
    let rules = scope.own_rules();
    // Both actions support the key `lambda:Principal`
    // (https://docs.aws.amazon.com/lambda/latest/dg/permissions-user-function.html). AWS does not document that every
    // RemovePermission request has the key. Without `IfExists`, a request without the key would be denied, and the
    // statement would stay forever.
    let principals = ["events.amazonaws.com", "s3.amazonaws.com"].map(Into::into);
    let services_only = Condition::new("StringEqualsIfExists", "lambda:Principal", principals);
    let functions_only = Condition::new("ForAllValues:ArnLike", "events:TargetArn", scope.functions());
    vec![
        Statement::new("ReadFunctions", scope.functions()),
        Statement::new("PermitTriggers", scope.functions()).when(services_only),
        Statement::new("MergeBucketEntries", scope.buckets(&scope.buckets, "")).when(scope.bucket_owners()),
        // The action supports no resource-level permissions.
        Statement::new("FindOwnBuckets", vec!["*".into()]),
        Statement::new("OwnRules", vec![rules.clone()]),
        Statement::new("OwnTargets", vec![rules]).when(functions_only),
        // Both actions support no resource-level permissions.
        Statement::new("FindRules", vec!["*".into()]),
    ]
}

fn definitions(scope: &Scope) -> Vec<Statement> {
    let Scope { partition, account, owner, function_roles, .. } = scope;
    let delete = Statement::new("DeleteOwnFunctions", scope.functions());
    let key = format!("aws:ResourceTag/{TAG_OWNER}");
    let delete = delete.when(match owner {
        Some(owner) => Condition::new("StringEquals", &key, [owner.to_string()]),
        None => Condition::new("StringLike", &key, ["*".to_owned()]),
    });
    let roles = scope.arns(function_roles, |name| format!("arn:{partition}:iam::{account}:role/{name}"));
    let lambda_only = Condition::new("StringEquals", "iam:PassedToService", ["lambda.amazonaws.com".into()]);
    vec![
        Statement::new("DeployFunctions", scope.functions()),
        delete,
        Statement::new("GiveRolesToFunctions", roles).when(lambda_only),
    ]
}

fn kms(scope: &Scope) -> Vec<Statement> {
    let Scope { partition, account, .. } = scope;
    let keys = || vec![format!("arn:{partition}:kms:*:{account}:key/*")];
    let through_lambda =
        || Condition::new("StringLike", "kms:ViaService", ["lambda.*.amazonaws.com*".into()]);
    let by_aws = Condition::new("Bool", "kms:GrantIsForAWSResource", ["true".into()]);
    vec![
        Statement::new("EncryptEnvironments", keys()).when(through_lambda()),
        Statement::new("GrantKeysToFunctions", keys()).when(through_lambda()).when(by_aws),
    ]
}

/// AWS recommends the group as the resource of the actions on schedules. ListSchedules is authorized against all
/// groups, also for the list of one group
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html>).
fn scheduler(scope: &Scope) -> Vec<Statement> {
    let Scope { partition, account, scheduler_roles, .. } = scope;
    let arn = |kind: &str, end: &str| {
        vec![format!("arn:{partition}:scheduler:*:{account}:{kind}/{}{end}", scope.group())]
    };
    let to_scheduler =
        Condition::new("StringEquals", "iam:PassedToService", ["scheduler.amazonaws.com".into()]);
    vec![
        Statement::new("OwnSchedules", arn("schedule", "/*")),
        Statement::new("OwnScheduleGroup", arn("schedule-group", "")),
        Statement::new("FindSchedules", vec!["*".into()]),
        Statement::new("PassSchedulerRole", scope.roles(scheduler_roles)).when(to_scheduler),
    ]
}

#[cfg(test)]
mod tests;
