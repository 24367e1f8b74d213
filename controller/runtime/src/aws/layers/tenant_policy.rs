//! What lets a call to AWS through, or not: the tenancy, and what the call is for.

use std::sync::Arc;

use lambda_triggers_core::ownership::{ObjectKey, OwnerId, is_own_statement_id};
use lambda_triggers_core::tenancy::{ImplicitGrants, ResourceRef, Role, Tenancy};

use crate::aws::{Aws, AwsError, AwsErrorKind};
use crate::objects::KINDS;

/// The account that is acted in with a role, or without one, with the credentials of `own`.
pub async fn acting_account(role: Option<&Role>, own: &dyn Aws) -> Result<String, AwsError> {
    match role {
        Some(role) => Ok(role.account().to_owned()),
        None => Ok(own.account().await?.id),
    }
}

/// What lets a call through, or not.
pub struct TenantPolicy {
    tenancy: Arc<Tenancy>,
    /// The operator.
    pub owner: OwnerId,
    namespace: String,
    /// The role that it acts with; none for the operator's own credentials.
    pub role: Option<Role>,
    aws: Arc<dyn Aws>,
    /// The object that the calls are for; none where they are for all of the namespace in a bucket.
    key: Option<ObjectKey>,
    /// Whether it only takes away what was made, which it may whatever the tenancy says now.
    pub removes: bool,
}

impl TenantPolicy {
    /// The policy of a namespace that acts with this role.
    pub fn new(
        tenancy: Arc<Tenancy>,
        owner: OwnerId,
        namespace: &str,
        role: Option<Role>,
        aws: Arc<dyn Aws>,
    ) -> Self {
        Self { tenancy, owner, namespace: namespace.into(), role, aws, key: None, removes: false }
    }

    /// The same, for an object.
    pub fn of_object(self, key: &ObjectKey, removes: bool) -> Self {
        Self { key: Some(key.clone()), removes, ..self }
    }

    /// The same, for what the namespace has in buckets.
    pub fn of_bucket(self, removes: bool) -> Self {
        Self { removes, ..self }
    }

    /// Lets a call through that only reads what was made, or takes it away.
    pub fn removal(&self, action: &'static str) -> Result<(), AwsError> {
        match self.tenancy.tenant(&self.namespace) {
            Some(_) => Ok(()),
            // Nobody knows with which role.
            None => Err(self.refused(action, self.tenancy.unnamed(&self.namespace).to_string())),
        }
    }

    /// Lets a call through that changes something of the operator's own alone.
    pub fn require_own(&self, action: &'static str, is_own: bool, what: &str) -> Result<(), AwsError> {
        if is_own {
            return Ok(());
        }
        Err(self
            .refused(action, format!("{what} was not made for a resource of namespace {}", self.namespace)))
    }

    /// Lets a call through that is about the object's rule.
    pub fn own_rule(&self, action: &'static str, name: &str) -> Result<(), AwsError> {
        let is_own = self
            .key
            .as_ref()
            .is_some_and(|key| KINDS.iter().any(|kind| key.rule_name(&self.owner, kind) == name));
        self.require_own(action, is_own, &format!("rule {name}"))
    }

    /// Lets a call through that is about a statement of the operator's.
    pub fn own_statement(&self, action: &'static str, id: &str) -> Result<(), AwsError> {
        self.require_own(action, is_own_statement_id(&self.owner, id), &format!("statement {id}"))
    }

    /// Refuses what makes or changes something where only removals are due.
    pub fn makes(&self, action: &'static str) -> Result<(), AwsError> {
        if self.removes {
            return Err(self.refused(action, format!("{action} is no removal of what was made")));
        }
        Ok(())
    }

    /// Lets a call through if the tenancy permits the namespace everything that it names.
    pub async fn permit(
        &self,
        action: &'static str,
        region: &str,
        references: impl FnOnce(&ImplicitGrants) -> Vec<ResourceRef> + Send,
    ) -> Result<(), AwsError> {
        self.removal(action)?;
        if self.removes {
            return Ok(());
        }
        let own = self.own().await?;
        let mut references = references(&own);
        references.push(ResourceRef::Region(region.into()));
        let refusal = references
            .iter()
            .find_map(|resource| self.tenancy.authorize(&self.namespace, &own, resource).err());
        refusal.map_or(Ok(()), |refusal| Err(self.refused(action, refusal.to_string())))
    }

    async fn own(&self) -> Result<ImplicitGrants, AwsError> {
        let account = acting_account(self.role.as_ref(), &*self.aws).await?;
        Ok(match &self.key {
            Some(key) => ImplicitGrants::for_object(&account, &self.owner, key, &KINDS),
            None => ImplicitGrants { account, functions: vec![] },
        })
    }

    /// What a call that is not let through ends with.
    pub fn refused(&self, action: &'static str, words: String) -> AwsError {
        AwsError {
            message: Some(words.as_str().into()),
            ..AwsError::unexpected(AwsErrorKind::NotPermitted, action, &*self.namespace, words)
        }
    }
}
