//! The authorization policy for AWS calls: by the tenancy file, and by the purpose of a call.

use std::sync::Arc;

use lambda_triggers_core::ownership::{ObjectKey, OwnerId, is_own_statement_id};
use lambda_triggers_core::tenancy::{ImplicitGrants, ResourceRef, Role, Tenancy};

use crate::aws::{Aws, AwsError, AwsErrorKind};
use crate::objects::KINDS;

/// The account ID of the role, or of the credentials of `own` if `role` is `None`.
pub async fn acting_account(role: Option<&Role>, own: &dyn Aws) -> Result<String, AwsError> {
    match role {
        Some(role) => Ok(role.account().to_owned()),
        None => Ok(own.account().await?.id),
    }
}

/// The authorization policy of a namespace.
pub struct TenantPolicy {
    tenancy: Arc<Tenancy>,
    /// The owner ID of the operator.
    pub owner: OwnerId,
    namespace: String,
    /// The assumed role; `None` for the operator's own credentials.
    pub role: Option<Role>,
    aws: Arc<dyn Aws>,
    /// The object of the calls; `None` for the bucket calls of the whole namespace.
    key: Option<ObjectKey>,
    /// True for cleanup. Removals are permitted even if the tenancy does not permit the resources any more.
    pub removes: bool,
}

impl TenantPolicy {
    /// Creates the policy of a namespace.
    pub fn new(
        tenancy: Arc<Tenancy>,
        owner: OwnerId,
        namespace: &str,
        role: Option<Role>,
        aws: Arc<dyn Aws>,
    ) -> Self {
        Self { tenancy, owner, namespace: namespace.into(), role, aws, key: None, removes: false }
    }

    /// The policy for the calls of one object.
    pub fn for_object(self, key: &ObjectKey, removes: bool) -> Self {
        Self { key: Some(key.clone()), removes, ..self }
    }

    /// The policy for the namespace's entries in buckets.
    pub fn for_bucket(self, removes: bool) -> Self {
        Self { removes, ..self }
    }

    /// Permits a read or a removal of own resources, if the tenancy names the namespace.
    pub fn permit_removal(&self, action: &'static str) -> Result<(), AwsError> {
        match self.tenancy.tenant(&self.namespace) {
            Some(_) => Ok(()),
            // The role of an unnamed namespace is not known.
            None => Err(self.refused(action, self.tenancy.unnamed(&self.namespace).to_string())),
        }
    }

    /// Permits a change only to a resource of the operator.
    pub fn require_own(&self, action: &'static str, is_own: bool, what: &str) -> Result<(), AwsError> {
        if is_own {
            return Ok(());
        }
        Err(self.refused(
            action,
            format!("{what} was not created for a resource of namespace {}", self.namespace),
        ))
    }

    /// Permits a call only on the object's own rule.
    pub fn require_own_rule(&self, action: &'static str, name: &str) -> Result<(), AwsError> {
        let is_own = self
            .key
            .as_ref()
            .is_some_and(|key| KINDS.iter().any(|kind| key.rule_name(&self.owner, kind) == name));
        self.require_own(action, is_own, &format!("rule {name}"))
    }

    /// Permits a call only on a permission statement of the operator.
    pub fn require_own_statement(&self, action: &'static str, id: &str) -> Result<(), AwsError> {
        self.require_own(action, is_own_statement_id(&self.owner, id), &format!("statement {id}"))
    }

    /// Refuses a creation or a change during cleanup.
    pub fn permit_creation(&self, action: &'static str) -> Result<(), AwsError> {
        if self.removes {
            return Err(self.refused(action, format!("{action} is not permitted during cleanup")));
        }
        Ok(())
    }

    /// Permits a call if the tenancy permits the namespace the Region and all references.
    pub async fn permit(
        &self,
        action: &'static str,
        region: &str,
        references: impl FnOnce(&ImplicitGrants) -> Vec<ResourceRef> + Send,
    ) -> Result<(), AwsError> {
        self.permit_removal(action)?;
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

    /// The error of a forbidden call. The call is not sent.
    pub fn refused(&self, action: &'static str, words: String) -> AwsError {
        AwsError {
            message: Some(words.as_str().into()),
            ..AwsError::unexpected(AwsErrorKind::NotPermitted, action, &*self.namespace, words)
        }
    }
}
