//! S3 through the client. Not cached here: the bucket worker shares its own reads.

use async_trait::async_trait;
use lambda_triggers_core::operations as op;
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::tenancy::ResourceRef;

use super::aws_client::Port;
use super::tenant_policy::Resource;
use crate::aws::{AwsError, S3Api, S3Reads, Validation};

fn resources(bucket: &Bucket) -> Vec<Resource<'_>> {
    let Bucket { region: _, name, owner } = bucket;
    Resource::all([ResourceRef::Bucket(name.clone()), ResourceRef::BucketOwner(owner.clone())])
}

#[async_trait]
impl S3Reads for Port<dyn S3Api> {
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError> {
        self.call(&op::GET_NOTIFICATION, resources(bucket), self.inner.get(bucket)).await
    }

    async fn get_of_any_owner(&self, bucket: &Bucket) -> Result<(), AwsError> {
        self.call(&op::GET_NOTIFICATION, resources(bucket), self.inner.get_of_any_owner(bucket)).await
    }

    async fn is_own_bucket(&self, bucket: &Bucket) -> Result<bool, AwsError> {
        self.call(&op::LIST_BUCKETS, resources(bucket), self.inner.is_own_bucket(bucket)).await
    }
}

#[async_trait]
impl S3Api for Port<dyn S3Api> {
    /// Never waits for the rate limiter: during a wait, the document that was read before would become stale.
    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError> {
        self.authorize(&op::PUT_NOTIFICATION, resources(bucket)).await?;
        self.debit(&op::PUT_NOTIFICATION, 1);
        self.received(&op::PUT_NOTIFICATION, self.inner.put(bucket, xml, validation).await)
    }
}
