//! The reconciler: the context, and the shared writers that stand on the context.

use std::convert::Infallible;
use std::sync::Arc;

use super::bucket::Buckets;
use super::context::Context;
use super::orphans::OrphanQueue;
use super::permission::Permissions;

/// Reconciles objects of both kinds.
pub struct Reconciler {
    /// The context of every reconcile.
    pub context: Arc<Context>,
    /// The single writer of each bucket's document.
    pub buckets: Buckets,
    /// The single writer of each function's policy.
    pub permissions: Arc<Permissions>,
    /// The buckets to check for orphans.
    pub orphans: Arc<OrphanQueue>,
}

impl Reconciler {
    /// A reconciler without workers and without pending checks.
    pub fn new(context: Arc<Context>) -> Self {
        let permissions = Arc::<Permissions>::default();
        let orphans = Arc::new(OrphanQueue::new(context.clone()));
        let buckets = Buckets::new(context.clone(), permissions.clone(), orphans.clone());
        Self { context, buckets, permissions, orphans }
    }

    /// Checks each bucket of the orphan queue when its check is due. Never ends.
    pub async fn check_orphans(&self) -> Infallible {
        loop {
            let (bucket, check) = self.orphans.next_due().await;
            let succeeded = self.buckets.check(&bucket, &check.namespace).await.is_ok();
            self.orphans.finish(bucket, &check, succeeded).await;
        }
    }
}
