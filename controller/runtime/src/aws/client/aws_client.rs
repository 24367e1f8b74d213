//! The path of every AWS call: authorization, rate limiter, call.

use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::operations::{GET_CALLER_IDENTITY, Operation};

use super::rate_limiter::RateLimiter;
use super::read_cache::ReadCache;
use super::tenant_policy::{Resource, TenantPolicy};
use crate::aws::{Account, Aws, AwsError, AwsErrorKind, EventBridgeApi, LambdaApi, S3Api, SchedulerApi};

/// AWS with one set of credentials. Clones share the read cache and the rate limiter.
#[derive(Clone)]
pub struct AwsClient {
    aws: Arc<dyn Aws>,
    rate_limiter: RateLimiter,
    cache: Arc<ReadCache>,
    /// `None` without a tenancy file: everything is permitted.
    policy: Option<Arc<TenantPolicy>>,
}

impl AwsClient {
    /// Wraps `aws` with a read cache and the rate limiter.
    pub fn new(aws: Arc<dyn Aws>, rate_limiter: RateLimiter) -> Self {
        Self { aws, rate_limiter, cache: Arc::default(), policy: None }
    }

    /// The client on behalf of a namespace. The reconciler has checked the whole spec before. The policy is the second
    /// check: even a bug in the reconciler cannot send a forbidden call.
    #[must_use]
    pub fn authorized(self, policy: TenantPolicy) -> Self {
        Self { policy: Some(Arc::new(policy)), ..self }
    }

    fn port<P: ?Sized>(&self, inner: Arc<P>, region: &str) -> Arc<Port<P>> {
        Arc::new(Port { inner, client: self.clone(), region: region.into() })
    }
}

#[async_trait]
impl Aws for AwsClient {
    fn default_region(&self) -> &str {
        self.aws.default_region()
    }

    /// Not limited: the account is read only once.
    async fn account(&self) -> Result<Account, AwsError> {
        let Some(policy) = &self.policy else { return self.aws.account().await };
        policy.require_tenant(&GET_CALLER_IDENTITY)?;
        policy.require_own_account(self.aws.account().await?)
    }

    fn lambda(&self, region: &str) -> Arc<dyn LambdaApi> {
        self.port(self.aws.lambda(region), region)
    }

    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi> {
        self.port(self.aws.eventbridge(region), region)
    }

    fn scheduler(&self, region: &str) -> Arc<dyn SchedulerApi> {
        self.port(self.aws.scheduler(region), region)
    }

    fn s3(&self, region: &str) -> Arc<dyn S3Api> {
        self.port(self.aws.s3(region), region)
    }
}

/// A port in one Region.
pub struct Port<P: ?Sized> {
    pub inner: Arc<P>,
    pub region: String,
    client: AwsClient,
}

impl<P: ?Sized> Port<P> {
    pub fn cache(&self) -> &ReadCache {
        &self.client.cache
    }

    /// Authorizes a call, and sends the call.
    pub async fn call<T>(
        &self,
        operation: &Operation,
        resources: Vec<Resource<'_>>,
        call: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        self.authorize(operation, resources).await?;
        self.send(operation, call).await
    }

    /// Checks a call against the policy.
    pub async fn authorize(
        &self,
        operation: &Operation,
        resources: Vec<Resource<'_>>,
    ) -> Result<(), AwsError> {
        match &self.client.policy {
            Some(policy) => policy.authorize(operation, &self.region, resources, &*self.client.aws).await,
            None => Ok(()),
        }
    }

    /// Waits for the rate limiter, and makes an authorized call.
    pub async fn send<T>(
        &self,
        operation: &Operation,
        call: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        if let Some(quota) = operation.quota() {
            self.debit(operation, operation.requests.saturating_sub(1));
            self.client.rate_limiter.call(quota, &self.region).await;
        }
        self.received(operation, call.await)
    }

    /// Counts requests of a call without a wait. Later calls wait longer.
    pub fn debit(&self, operation: &Operation, requests: u32) {
        if let Some(quota) = operation.quota() {
            self.client.rate_limiter.debit(quota, &self.region, requests);
        }
    }

    /// Reports throttling to the rate limiter, and adds the assumed role to an error.
    pub fn received<T>(&self, operation: &Operation, result: Result<T, AwsError>) -> Result<T, AwsError> {
        result.map_err(|error| {
            if let (AwsErrorKind::Throttled, Some(quota)) = (&error.kind, operation.quota()) {
                self.client.rate_limiter.on_throttled(quota, &self.region);
            }
            match &self.client.policy {
                Some(policy) => AwsError { role: policy.role.clone().map(Box::new), ..error },
                None => error,
            }
        })
    }
}
