//! The principal of a batch: the namespace whose credentials S3 sees. The principal decides which requesters a sync may
//! change.

use std::sync::Arc;

use lambda_triggers_core::plan::bucket::{Bucket, Desired};
use lambda_triggers_core::tenancy::Role;

use super::frozen::FrozenResources;
use super::request::Request;
use super::requesters::Requester;
use crate::aws::S3Api;
use crate::reconcile::context::Context;

/// The identity for calls to S3.
#[derive(Clone, Debug, Default)]
pub struct Principal {
    /// The namespace of a requester, or of a resource that had an entry in the bucket.
    namespace: String,
    /// True if the batch has only removals and retentions of entries.
    leaves: bool,
}

impl Principal {
    /// True if a sync with this principal applies the requester's desired state. A requester with another role keeps
    /// its entries until a batch with its role. The entries of denied, frozen and paused requesters stay as they are.
    pub fn acts_for(
        &self,
        context: &Context,
        frozen: &FrozenResources,
        bucket: &Bucket,
        requester: &Requester,
    ) -> bool {
        let Requester { id, desired, .. } = requester;
        let namespace = &id.key.namespace;
        let is_permitted = || {
            context.credentials.permits_bucket(namespace, &bucket.name)
                && !frozen.contains(&id.uid)
                && !context.stores.is_s3_paused(&id.key)
        };
        context.credentials.role(namespace) == self.role(context)
            && (!matches!(desired, Desired::Entries(_)) || is_permitted())
    }

    /// Picks the batch's principal, preferring a namespace that is permitted and applies entries.
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

    /// A principal that reads a bucket for a resource of the namespace.
    pub fn for_reader(namespace: &str) -> Self {
        Self { namespace: namespace.into(), leaves: false }
    }

    /// The role of the credentials; `None` for the operator's own credentials.
    pub fn role(&self, context: &Context) -> Option<Role> {
        context.credentials.role(&self.namespace)
    }

    /// The account of the credentials; `None` if AWS does not answer.
    pub async fn account(&self, context: &Context) -> Option<String> {
        context.credentials.account_of(&self.namespace).await.ok()
    }

    /// The S3 client of the principal for the bucket's Region.
    pub fn s3(&self, context: &Context, bucket: &Bucket) -> Arc<dyn S3Api> {
        let Self { namespace, leaves } = self;
        context.credentials.s3(&context.owner.id, namespace, &bucket.region, *leaves)
    }
}
