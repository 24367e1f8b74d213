//! AWS for programs that only read.

use std::sync::Arc;

use lambda_triggers_core::ownership::{ObjectKey, OwnerId};
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::tenancy::Tenancy;
use tokio::sync::watch;

use super::{
    Account, Aws, AwsError, EventBridgeReads, LambdaReads, NamespaceCredentials, NoRegion, RateLimiter,
    S3Reads, SchedulerReads, Sdk, SdkSettings,
};
use crate::network::Network;
use crate::telemetry::Telemetry;

impl SdkSettings {
    /// The settings of a command that only reads: without leadership, and with metrics that nobody collects.
    pub fn for_reads(network: Network, region: Option<String>) -> Self {
        Self {
            network,
            region,
            leadership: None,
            telemetry: Telemetry::default(),
            rate_limiter: RateLimiter::new(Rates::default()),
        }
    }
}

/// AWS without its writes: the handle has no method that changes anything.
#[derive(Clone)]
pub struct AwsReads(Arc<dyn Aws>);

impl AwsReads {
    /// The reads of `aws`.
    pub fn new(aws: Arc<dyn Aws>) -> Self {
        Self(aws)
    }

    /// Loads credentials and Region from the SDK's default sources. `region` overrides the Region.
    ///
    /// # Errors
    ///
    /// There is no Region.
    pub async fn load(network: Network, region: Option<String>) -> Result<Self, NoRegion> {
        let sdk = Arc::new(Sdk::load(SdkSettings::for_reads(network, region)).await?);
        Ok(Self::new(Arc::new(sdk.into_client())))
    }

    /// The Region for resources without `spec.region`.
    pub fn default_region(&self) -> &str {
        self.0.default_region()
    }

    /// The account of the credentials.
    ///
    /// # Errors
    ///
    /// No credentials, or AWS does not accept the credentials.
    pub async fn account(&self) -> Result<Account, AwsError> {
        self.0.account().await
    }

    /// The reads of Lambda in a Region.
    pub fn lambda(&self, region: &str) -> Arc<dyn LambdaReads> {
        self.0.lambda(region)
    }

    /// The reads of EventBridge in a Region.
    pub fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeReads> {
        self.0.eventbridge(region)
    }

    /// The reads of EventBridge Scheduler in a Region.
    pub fn scheduler(&self, region: &str) -> Arc<dyn SchedulerReads> {
        self.0.scheduler(region)
    }

    /// The reads of S3 in a Region.
    pub fn s3(&self, region: &str) -> Arc<dyn S3Reads> {
        self.0.s3(region)
    }
}

/// AWS without its writes, with the credentials of each namespace.
pub struct NamespaceReads {
    own: AwsReads,
    /// The credentials of each namespace; `None` if all namespaces share the credentials of the caller.
    separate: Option<NamespaceCredentials>,
    owner: OwnerId,
}

impl NamespaceReads {
    /// All namespaces share the credentials of the caller.
    pub fn single(own: AwsReads, owner: OwnerId) -> Self {
        Self { own, separate: None, owner }
    }

    /// Assumes the role of each namespace in the tenancy file. `scheduler_role` is the operator's own role for EventBridge
    /// Scheduler.
    ///
    /// # Errors
    ///
    /// There is no Region.
    pub async fn load(
        (network, region): (Network, Option<String>),
        owner: OwnerId,
        tenancy: &Tenancy,
        scheduler_role: Option<&str>,
    ) -> Result<Self, NoRegion> {
        let sdk = Arc::new(Sdk::load(SdkSettings::for_reads(network, region)).await?);
        let own = sdk.clone().into_client();
        let tenancy = watch::channel(Arc::new(tenancy.clone())).1;
        let separate = NamespaceCredentials::separate(own.clone(), tenancy, sdk, scheduler_role);
        Ok(Self { own: AwsReads::new(Arc::new(own)), separate: Some(separate), owner })
    }

    /// AWS with the credentials of the caller.
    pub fn own(&self) -> &AwsReads {
        &self.own
    }

    /// True if namespaces have credentials of their own.
    pub fn are_separate(&self) -> bool {
        self.separate.is_some()
    }

    /// AWS for an object. `is_gone` is true for the cleanup of an object, whose namespace may have lost its permissions.
    pub fn of(&self, key: &ObjectKey, is_gone: bool) -> AwsReads {
        match &self.separate {
            Some(separate) if is_gone => AwsReads::new(separate.aws_for_removal(&self.owner, key)),
            Some(separate) => AwsReads::new(separate.aws(&self.owner, key)),
            None => self.own.clone(),
        }
    }
}
