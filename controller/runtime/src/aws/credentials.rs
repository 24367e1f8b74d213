//! AWS by namespace: with whose credentials a call is made, and that the tenancy file permits it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lambda_triggers_core::ownership::{ObjectKey, OwnerId, session_name};
use lambda_triggers_core::tenancy::{ImplicitGrants, ResourceRef, Role, Tenancy};
use tokio::sync::watch;

use super::layers::{Authorized, TenantPolicy, acting_account};
use super::{Aws, AwsError, S3Api};

/// A role, and the session in which it is taken on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// The role.
    pub role: Role,
    /// The name of the session, as CloudTrail shows it.
    pub name: String,
}

/// Takes on roles.
pub trait AssumeRoles: Send + Sync {
    /// AWS with the credentials of a role. No call is made before there is one to make with them.
    fn assume(&self, session: &Session) -> Arc<dyn Aws>;
}

/// AWS by namespace.
pub struct NamespaceCredentials {
    own: Arc<dyn Aws>,
    separate: Option<Separate>,
}

/// Namespaces that differ in what they may do.
struct Separate {
    tenancy: watch::Receiver<Arc<Tenancy>>,
    roles: Arc<dyn AssumeRoles>,
    sessions: Mutex<HashMap<Session, Arc<dyn Aws>>>,
}

impl NamespaceCredentials {
    /// All namespaces act with the operator's own credentials, and may do what these may.
    pub fn single(own: Arc<dyn Aws>) -> Self {
        Self { own, separate: None }
    }

    /// Each namespace acts as the tenancy says that is current then.
    pub fn separate(
        own: Arc<dyn Aws>,
        tenancy: watch::Receiver<Arc<Tenancy>>,
        roles: Arc<dyn AssumeRoles>,
    ) -> Self {
        Self { own, separate: Some(Separate { tenancy, roles, sessions: Mutex::default() }) }
    }

    /// AWS with the operator's own credentials.
    pub fn own(&self) -> &Arc<dyn Aws> {
        &self.own
    }

    /// The tenancy, where there is one.
    pub fn tenancy(&self) -> Option<Arc<Tenancy>> {
        self.separate.as_ref().map(|separate| separate.tenancy.borrow().clone())
    }

    /// Tells of each change of the tenancy, where there is one.
    pub fn changes(&self) -> Option<watch::Receiver<Arc<Tenancy>>> {
        self.separate.as_ref().map(|separate| separate.tenancy.clone())
    }

    /// AWS for what an object asks for.
    pub fn aws(&self, owner: &OwnerId, key: &ObjectKey) -> Arc<dyn Aws> {
        self.authorized(owner, &key.namespace, |policy| policy.of_object(key, false))
    }

    /// AWS for taking away what was made for an object.
    pub fn aws_for_removal(&self, owner: &OwnerId, key: &ObjectKey) -> Arc<dyn Aws> {
        self.authorized(owner, &key.namespace, |policy| policy.of_object(key, true))
    }

    /// The notification configurations of buckets in a Region, on behalf of a namespace, which `leaves` if it only wants
    /// what it has there to go.
    pub fn s3(&self, owner: &OwnerId, namespace: &str, region: &str, leaves: bool) -> Arc<dyn S3Api> {
        self.authorized(owner, namespace, |policy| policy.of_bucket(leaves)).s3(region)
    }

    /// The role that a namespace acts with; none for the operator's own credentials.
    pub fn role(&self, namespace: &str) -> Option<Role> {
        self.tenancy()?.tenant(namespace)?.role.clone()
    }

    /// Whether the tenancy says anything of a namespace, where there is one.
    pub fn is_named(&self, namespace: &str) -> bool {
        self.tenancy().is_none_or(|tenancy| tenancy.tenant(namespace).is_some())
    }

    /// Whether a namespace may name a bucket at this moment.
    pub fn permits_bucket(&self, namespace: &str, bucket: &str) -> bool {
        let bucket = ResourceRef::Bucket(bucket.into());
        self.tenancy()
            .is_none_or(|tenancy| tenancy.authorize(namespace, &ImplicitGrants::default(), &bucket).is_ok())
    }

    /// What is the own of an object of one of these kinds, whatever the tenancy says.
    pub async fn implicit_grants(
        &self,
        owner: &OwnerId,
        key: &ObjectKey,
        kinds: &[&str],
    ) -> Result<ImplicitGrants, AwsError> {
        let account = self.account_of(&key.namespace).await?;
        Ok(ImplicitGrants::for_object(&account, owner, key, kinds))
    }

    /// The account that a namespace acts in, 12 digits.
    pub async fn account_of(&self, namespace: &str) -> Result<String, AwsError> {
        acting_account(self.role(namespace).as_ref(), &*self.own).await
    }

    fn authorized(
        &self,
        owner: &OwnerId,
        namespace: &str,
        set: impl FnOnce(TenantPolicy) -> TenantPolicy,
    ) -> Arc<dyn Aws> {
        let Some(tenancy) = self.tenancy() else { return self.own.clone() };
        let session = self.session(owner, namespace);
        let role = session.as_ref().map(|session| session.role.clone());
        let aws = session.map_or_else(|| self.own.clone(), |session| self.with_role(&session));
        let policy = set(TenantPolicy::new(tenancy, owner.clone(), namespace, role, aws.clone()));
        Arc::new(Authorized::new(aws, policy))
    }

    /// The session that a namespace acts in; none for the operator's own credentials.
    fn session(&self, owner: &OwnerId, namespace: &str) -> Option<Session> {
        Some(Session { role: self.role(namespace)?, name: session_name(owner, namespace) })
    }

    fn with_role(&self, session: &Session) -> Arc<dyn Aws> {
        let Some(Separate { roles, sessions, .. }) = &self.separate else { return self.own.clone() };
        let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.entry(session.clone()).or_insert_with(|| roles.assume(session)).clone()
    }
}
