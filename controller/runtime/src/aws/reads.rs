//! AWS for programs that only read.

use std::sync::Arc;

use super::{Account, Aws, AwsError, EventBridgeReads, LambdaReads, S3Reads, SchedulerReads};

/// AWS without its writes: the handle has no method that changes anything.
#[derive(Clone)]
pub struct AwsReads(Arc<dyn Aws>);

impl AwsReads {
    /// The reads of `aws`.
    pub fn new(aws: Arc<dyn Aws>) -> Self {
        Self(aws)
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
