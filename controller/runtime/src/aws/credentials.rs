//! AWS access by namespace: the credentials for each call, and the authorization by the tenancy file.

use std::collections::HashMap;
use std::sync::Arc;

use lambda_triggers_core::ownership::{ObjectKey, OwnerId, session_name};
use lambda_triggers_core::tenancy::{ImplicitGrants, ResourceRef, Role, Tenancy};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::client::{AwsClient, TenantPolicy, acting_account};
use super::{Aws, AwsError, S3Api};

/// A role to assume, and the session name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// The role to assume.
    pub role: Role,
    /// The session name, shown in CloudTrail.
    pub name: String,
}

/// Assumes roles.
pub trait AssumeRoles: Send + Sync {
    /// AWS with the credentials of a role. The role is assumed before the first call, not here.
    fn assume(&self, session: &Session) -> AwsClient;
}

/// Credentials provider by namespace.
pub struct NamespaceCredentials {
    own: AwsClient,
    separate: Option<Separate>,
}

/// The tenancy, with one client for each session.
struct Separate {
    tenancy: watch::Receiver<Arc<Tenancy>>,
    roles: Arc<dyn AssumeRoles>,
    /// The operator's own role for EventBridge Scheduler.
    scheduler_role: Option<Arc<str>>,
    sessions: Mutex<HashMap<Session, AwsClient>>,
}

impl NamespaceCredentials {
    /// All namespaces share the operator's own credentials and permissions.
    pub fn single(own: AwsClient) -> Self {
        Self { own, separate: None }
    }

    /// Each namespace has the role and the permissions from the current tenancy. `scheduler_role` is the ARN of the
    /// operator's own role for EventBridge Scheduler.
    pub fn separate(
        own: AwsClient,
        tenancy: watch::Receiver<Arc<Tenancy>>,
        roles: Arc<dyn AssumeRoles>,
        scheduler_role: Option<&str>,
    ) -> Self {
        let scheduler_role = scheduler_role.map(Arc::from);
        Self { own, separate: Some(Separate { tenancy, roles, scheduler_role, sessions: Mutex::default() }) }
    }

    /// AWS with the operator's own credentials.
    pub fn own(&self) -> &AwsClient {
        &self.own
    }

    /// The current tenancy; `None` without a tenancy file.
    pub fn tenancy(&self) -> Option<Arc<Tenancy>> {
        self.separate.as_ref().map(|separate| separate.tenancy.borrow().clone())
    }

    /// A receiver of tenancy changes; `None` without a tenancy file.
    pub fn changes(&self) -> Option<watch::Receiver<Arc<Tenancy>>> {
        self.separate.as_ref().map(|separate| separate.tenancy.clone())
    }

    /// AWS for the reconcile of an object.
    pub fn aws(&self, owner: &OwnerId, key: &ObjectKey) -> Arc<dyn Aws> {
        self.authorized(owner, &key.namespace, |policy| policy.for_object(key, false))
    }

    /// AWS for the cleanup of an object: only removals are permitted.
    pub fn aws_for_removal(&self, owner: &OwnerId, key: &ObjectKey) -> Arc<dyn Aws> {
        self.authorized(owner, &key.namespace, |policy| policy.for_object(key, true))
    }

    /// S3 in a Region, on behalf of a namespace. `leaves` is true if the namespace only removes its entries.
    pub fn s3(&self, owner: &OwnerId, namespace: &str, region: &str, leaves: bool) -> Arc<dyn S3Api> {
        self.authorized(owner, namespace, |policy| policy.for_bucket(leaves)).s3(region)
    }

    /// The role of a namespace; `None` for the operator's own credentials.
    pub fn role(&self, namespace: &str) -> Option<Role> {
        self.tenancy()?.tenant(namespace)?.role.clone()
    }

    /// True if the tenancy names the namespace, and always without a tenancy file.
    pub fn is_named(&self, namespace: &str) -> bool {
        self.tenancy().is_none_or(|tenancy| tenancy.tenant(namespace).is_some())
    }

    /// True if the namespace may reference the bucket now.
    pub fn permits_bucket(&self, namespace: &str, bucket: &str) -> bool {
        let bucket = ResourceRef::Bucket(bucket.into());
        self.tenancy()
            .is_none_or(|tenancy| tenancy.authorize(namespace, &ImplicitGrants::default(), &bucket).is_ok())
    }

    /// The resources an object may always reference, independent of the tenancy file.
    pub async fn implicit_grants(
        &self,
        owner: &OwnerId,
        key: &ObjectKey,
        kinds: &[&str],
    ) -> Result<ImplicitGrants, AwsError> {
        let account = self.account_of(&key.namespace).await?;
        Ok(ImplicitGrants::for_object(&account, owner, key, kinds))
    }

    /// The account ID of a namespace, 12 digits.
    pub async fn account_of(&self, namespace: &str) -> Result<String, AwsError> {
        acting_account(self.role(namespace).as_ref(), &self.own).await
    }

    fn authorized(
        &self,
        owner: &OwnerId,
        namespace: &str,
        set: impl FnOnce(TenantPolicy) -> TenantPolicy,
    ) -> Arc<dyn Aws> {
        let Some(separate) = &self.separate else { return Arc::new(self.own.clone()) };
        let tenancy = separate.tenancy.borrow().clone();
        let session = self.session(owner, namespace);
        let role = session.as_ref().map(|session| session.role.clone());
        let client = session.map_or_else(|| self.own.clone(), |session| self.with_role(&session));
        let policy = TenantPolicy::new(tenancy, owner.clone(), namespace, role)
            .with_scheduler_role(separate.scheduler_role.clone());
        Arc::new(client.authorized(set(policy)))
    }

    /// The session of a namespace; `None` for the operator's own credentials.
    fn session(&self, owner: &OwnerId, namespace: &str) -> Option<Session> {
        Some(Session { role: self.role(namespace)?, name: session_name(owner, namespace) })
    }

    fn with_role(&self, session: &Session) -> AwsClient {
        let Some(Separate { roles, sessions, .. }) = &self.separate else { return self.own.clone() };
        let mut sessions = sessions.lock();
        sessions.entry(session.clone()).or_insert_with(|| roles.assume(session)).clone()
    }
}
