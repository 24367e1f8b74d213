//! On whose behalf a bucket is worked on: with whose credentials, and for whose resources.

use std::sync::Arc;

use lambda_triggers_core::plan::bucket::Desired;

use super::frozen::FrozenResources;
use super::request::Request;
use super::requesters::Requester;
use crate::aws::{Bucket, S3Api};
use crate::reconcile::context::Context;

/// For whom S3 is spoken to, and so with whose credentials.
#[derive(Clone, Debug, Default)]
pub struct Principal {
    /// A namespace of which a resource asked for the bucket, or had something in it.
    namespace: String,
    /// Whether it only asked for what it has in it to go, or to be left alone.
    leaves: bool,
}

impl Principal {
    /// Whether what a resource has asked for is done now: that of another role keeps what it has until its own turn, one
    /// whose namespace may not name the bucket any more until it may again, and a paused one until it is paused no more.
    pub fn acts_for(
        &self,
        context: &Context,
        frozen: &FrozenResources,
        bucket: &Bucket,
        requester: &Requester,
    ) -> bool {
        let Requester { id, desired, permission: _, was_in_sync: _, excluded: _ } = requester;
        let namespace = &id.key.namespace;
        let is_permitted = || {
            context.credentials.permits_bucket(namespace, &bucket.name)
                && !frozen.contains(&id.uid)
                && !context.stores.is_s3_paused(&id.key)
        };
        context.credentials.role(namespace) == context.credentials.role(&self.namespace)
            && (!matches!(desired, Desired::Entries(_)) || is_permitted())
    }

    /// Who speaks for a batch of requests: one who is let speak and means to stay, if there is one.
    pub fn for_batch(context: &Context, bucket: &Bucket, batch: &[Request]) -> Option<Self> {
        let principals = batch.iter().map(|request| match request {
            Request::Apply(apply) => Self {
                namespace: apply.id.key.namespace.clone(),
                leaves: !matches!(apply.request.desired, Desired::Entries(_)),
            },
            Request::Check { namespace, reply: _ } => Self { namespace: namespace.clone(), leaves: true },
        });
        let is_denied = |Self { namespace, leaves }: &Self| match leaves {
            true => !context.credentials.is_named(namespace),
            false => !context.credentials.permits_bucket(namespace, &bucket.name),
        };
        principals.min_by_key(|principal| (is_denied(principal), principal.leaves))
    }

    /// The account that S3 is called in; `None` where AWS does not say.
    pub async fn account(&self, context: &Context) -> Option<String> {
        context.credentials.account_of(&self.namespace).await.ok()
    }

    /// The notification configurations that it may read and write.
    pub fn s3(&self, context: &Context, bucket: &Bucket) -> Arc<dyn S3Api> {
        let Self { namespace, leaves } = self;
        context.credentials.s3(&context.owner.id, namespace, &bucket.region, *leaves)
    }
}
