//! The authorization policy for AWS calls: by the tenancy file, and by the purpose of a call.

use std::fmt;
use std::sync::Arc;

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::operations::{Effect, GET_CALLER_IDENTITY, Operation};
use lambda_triggers_core::ownership::{ObjectKey, OwnerId, is_own_statement_id};
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_core::tenancy::{ImplicitGrants, ResourceRef, Role, Tenancy, scheduler_role};

use crate::aws::{Account, Aws, AwsError, AwsErrorKind};
use crate::objects::KINDS;

/// The account ID of the role, or of the credentials of `own` if `role` is `None`.
pub async fn acting_account(role: Option<&Role>, own: &dyn Aws) -> Result<String, AwsError> {
    match role {
        Some(role) => Ok(role.account().to_owned()),
        None => Ok(own.account().await?.id),
    }
}

/// A resource of a call.
pub enum Resource<'a> {
    /// A function by name or ARN, at an alias or version.
    Function(&'a str, Option<&'a str>),
    /// The ARN of the target of a rule or a schedule.
    RuleTarget(&'a str),
    /// A rule of the object, by name.
    OwnRule(&'a str),
    /// All rules of the operator, by name prefix.
    OwnRules(&'a str),
    /// A schedule of the object.
    OwnSchedule(&'a ScheduleKey),
    /// The schedule group of the operator, by name or ARN.
    OwnGroup(&'a str),
    /// The ARN of the role that EventBridge Scheduler assumes.
    SchedulerRole(&'a str),
    /// A permission statement of the operator, by ID.
    OwnStatement(&'a str),
    Ref(ResourceRef),
}

impl Resource<'_> {
    pub fn all(references: impl IntoIterator<Item = ResourceRef>) -> Vec<Self> {
        references.into_iter().map(Self::Ref).collect()
    }

    /// The resource in the tenancy; `None` for the resources that [`TenantPolicy::is_own`] decides about.
    fn reference(self, region: &str, account: &str) -> Option<ResourceRef> {
        match self {
            Self::Function(name, qualifier) => {
                let named = || FunctionArn::of_name(name, region, account);
                let mut arn = FunctionArn::parse(name).unwrap_or_else(named);
                arn.qualifier = qualifier.map(ToOwned::to_owned).or(arn.qualifier);
                Some(ResourceRef::Function(arn))
            }
            Self::RuleTarget(arn) => FunctionArn::parse(arn).map(ResourceRef::RuleTarget),
            Self::OwnRule(_)
            | Self::OwnRules(_)
            | Self::OwnSchedule(_)
            | Self::OwnGroup(_)
            | Self::SchedulerRole(_)
            | Self::OwnStatement(_) => None,
            Self::Ref(reference) => Some(reference),
        }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name, _) => write!(f, "function {name}"),
            Self::RuleTarget(arn) => write!(f, "target {arn}"),
            Self::OwnRule(name) => write!(f, "rule {name}"),
            Self::OwnRules(prefix) => write!(f, "rules {prefix}*"),
            Self::OwnSchedule(key) => write!(f, "schedule {key}"),
            Self::OwnGroup(group) => write!(f, "schedule group {group}"),
            Self::SchedulerRole(arn) => write!(f, "role {arn} for EventBridge Scheduler"),
            Self::OwnStatement(id) => write!(f, "statement {id}"),
            Self::Ref(reference) => reference.fmt(f),
        }
    }
}

/// The authorization policy of a namespace.
pub struct TenantPolicy {
    tenancy: Arc<Tenancy>,
    /// The owner ID of the operator.
    owner: OwnerId,
    namespace: String,
    /// The assumed role; `None` for the operator's own credentials.
    pub role: Option<Role>,
    /// The operator's own role for EventBridge Scheduler, for namespaces without a role.
    scheduler_role: Option<Arc<str>>,
    /// The object of the calls; `None` for the bucket calls of the whole namespace.
    key: Option<ObjectKey>,
    /// True for cleanup. Removals are permitted even if the tenancy does not permit the resources any more.
    removes: bool,
}

impl TenantPolicy {
    /// Creates the policy of a namespace.
    pub fn new(tenancy: Arc<Tenancy>, owner: OwnerId, namespace: &str, role: Option<Role>) -> Self {
        let namespace = namespace.into();
        Self { tenancy, owner, namespace, role, scheduler_role: None, key: None, removes: false }
    }

    /// Sets the operator's own role for EventBridge Scheduler.
    pub fn with_scheduler_role(self, scheduler_role: Option<Arc<str>>) -> Self {
        Self { scheduler_role, ..self }
    }

    /// The policy for the calls of one object.
    pub fn for_object(self, key: &ObjectKey, removes: bool) -> Self {
        Self { key: Some(key.clone()), removes, ..self }
    }

    /// The policy for the namespace's entries in buckets.
    pub fn for_bucket(self, removes: bool) -> Self {
        Self { removes, ..self }
    }

    /// Refuses every call of a namespace that the tenancy does not name: its role is not known.
    pub fn require_tenant(&self, operation: &Operation) -> Result<(), AwsError> {
        match self.tenancy.tenant(&self.namespace) {
            Some(_) => Ok(()),
            None => Err(self.refused(operation, self.tenancy.unnamed(&self.namespace).to_string())),
        }
    }

    /// Refuses credentials of another account than the role's.
    pub fn require_own_account(&self, account: Account) -> Result<Account, AwsError> {
        match &self.role {
            Some(role) if role.account() != account.id => {
                let words =
                    format!("role {} is not in its own account, but in account {}", role.arn, account.id);
                Err(self.refused(&GET_CALLER_IDENTITY, words))
            }
            _ => Ok(account),
        }
    }

    /// Permits a call if the operation is permitted, the operator's own resources are own resources, and the tenancy
    /// permits the Region and all other resources. `aws` has the credentials of the namespace.
    pub async fn authorize(
        &self,
        operation: &Operation,
        region: &str,
        resources: Vec<Resource<'_>>,
        aws: &dyn Aws,
    ) -> Result<(), AwsError> {
        self.require_tenant(operation)?;
        if self.removes && operation.effect == Effect::Change {
            let words = format!("{} is not permitted during cleanup", operation.action);
            return Err(self.refused(operation, words));
        }
        if let Some(foreign) = resources.iter().find(|resource| !self.is_own(operation, resource)) {
            let words = format!("{foreign} does not belong to a resource of namespace {}", self.namespace);
            return Err(self.refused(operation, words));
        }
        if self.removes {
            return Ok(());
        }
        let own = self.own(aws).await?;
        let references =
            resources.into_iter().filter_map(|resource| resource.reference(region, &own.account));
        let refusal = references
            .chain([ResourceRef::Region(region.into())])
            .find_map(|resource| self.tenancy.authorize(&self.namespace, &own, &resource).err());
        refusal.map_or(Ok(()), |refusal| Err(self.refused(operation, refusal.to_string())))
    }

    /// False if the resource must be an own resource, and is not. The cleanup may read the rule or schedule of any object.
    fn is_own(&self, operation: &Operation, resource: &Resource<'_>) -> bool {
        let is_of_object = |name: &str| {
            let is_name_of =
                |key: &ObjectKey| KINDS.iter().any(|kind| key.rule_name(&self.owner, kind) == name);
            (self.removes && !operation.writes()) || self.key.as_ref().is_some_and(is_name_of)
        };
        let group = self.owner.group_name();
        match *resource {
            Resource::OwnRule(name) => is_of_object(name),
            Resource::OwnRules(prefix) => prefix == self.owner.prefix(),
            Resource::OwnSchedule(key) => key.group == group && is_of_object(&key.name),
            Resource::OwnGroup(name) => name == group || name.ends_with(&format!(":schedule-group/{group}")),
            Resource::SchedulerRole(arn) => {
                let own = self.scheduler_role.as_deref();
                scheduler_role(Some(&self.tenancy), &self.namespace, own) == Ok(arn)
            }
            Resource::OwnStatement(id) => is_own_statement_id(&self.owner, id),
            Resource::RuleTarget(arn) => FunctionArn::parse(arn).is_some(),
            Resource::Function(..) | Resource::Ref(_) => true,
        }
    }

    async fn own(&self, aws: &dyn Aws) -> Result<ImplicitGrants, AwsError> {
        let account = acting_account(self.role.as_ref(), aws).await?;
        Ok(match &self.key {
            Some(key) => ImplicitGrants::for_object(&account, &self.owner, key, &KINDS),
            None => ImplicitGrants { account, functions: vec![] },
        })
    }

    /// The error of a forbidden call. The call is not sent.
    fn refused(&self, operation: &Operation, words: String) -> AwsError {
        AwsError {
            message: Some(words.as_str().into()),
            ..AwsError::unexpected(AwsErrorKind::NotPermitted, operation.action, &*self.namespace, words)
        }
    }
}
