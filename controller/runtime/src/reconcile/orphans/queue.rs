//! The queue of buckets to check for orphans after the last resource of a bucket is deleted.
//!
//! A finalizer waits for an unanswered PUT during the write grace period only. A network or a stopped process can delay
//! a PUT for longer. Such a PUT would leave orphans, since no resource names the bucket any more.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda_triggers_core::api::is_bucket_name;
use lambda_triggers_core::ownership::{OwnerId, bucket_statement_id};
use lambda_triggers_core::status::{Component, Failure, Reason};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::store;
use crate::aws::Bucket;
use crate::error_chain;
use crate::reconcile::context::Context;

/// The maximum age of a request in flight: AWS refuses a request that was signed more than 15 minutes ago
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`).
pub const MAX_REQUEST_AGE: Duration = Duration::from_secs(16 * 60);

/// The buckets to check, with the time of each check.
#[derive(Default)]
pub struct OrphanQueue {
    due: Mutex<BTreeMap<Bucket, OrphanCheck>>,
    changed: Notify,
    /// Serializes changes of the store: the end of a check must not remove a row that was inserted during the check.
    writing: tokio::sync::Mutex<()>,
}

/// A pending check of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanCheck {
    due: Instant,
    /// The namespace whose credentials the check needs: the last namespace with an entry in the bucket.
    pub namespace: String,
}

impl OrphanCheck {
    fn after(time: Duration, namespace: &str) -> Self {
        Self { due: Instant::now() + time, namespace: namespace.into() }
    }
}

impl OrphanQueue {
    /// Schedules a check of the bucket after [`MAX_REQUEST_AGE`], with the credentials of `namespace`. A later leader
    /// runs the check after a restart.
    pub async fn insert(&self, context: &Context, bucket: &Bucket, namespace: &str) -> Result<(), Failure> {
        let _one = self.writing.lock().await;
        let known = self.due.lock().get(bucket).is_some_and(|check| check.namespace == namespace);
        if !known {
            let mut place = json!({"region": bucket.region, "owner": bucket.owner, "namespace": namespace});
            let key = store_key(&context.owner.id, &bucket.name);
            if key != bucket.name {
                place["bucket"] = json!(bucket.name);
            }
            store::insert(context, &key, &place).await.map_err(|error| {
                let message = format!(
                    "cannot add bucket {bucket} to the orphan queue: {}; allow `create` and `patch` of \
                     ConfigMaps in the operator's namespace",
                    error_chain(&error)
                );
                Failure::new(Component::Notification, Reason::OutcomeUnknown, message)
            })?;
        }
        self.due.lock().insert(bucket.clone(), OrphanCheck::after(MAX_REQUEST_AGE, namespace));
        self.changed.notify_one();
        Ok(())
    }

    /// Loads the checks of earlier runs from the store.
    pub async fn load(&self, context: &Context) -> Result<(), kube::Error> {
        let rows = store::read(context).await?;
        self.due.lock().extend(rows.iter().filter_map(|(name, place)| read(name, place)));
        Ok(())
    }

    /// Waits until a check is due.
    pub async fn next_due(&self) -> (Bucket, OrphanCheck) {
        loop {
            let next = {
                let due = self.due.lock();
                due.iter()
                    .min_by_key(|(_, check)| check.due)
                    .map(|(bucket, check)| (bucket.clone(), check.clone()))
            };
            let Some((bucket, check)) = next else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = sleep_until(check.due) => return (bucket, check),
            }
        }
    }

    /// Removes the bucket after a check, unless the bucket was inserted again during the check. A failed check is
    /// repeated after a resync interval.
    pub async fn finish(&self, context: &Context, bucket: Bucket, check: &OrphanCheck, succeeded: bool) {
        let _one = self.writing.lock().await;
        if self.due.lock().get(&bucket) != Some(check) {
            return;
        }
        if succeeded && forget(context, &bucket).await {
            info!(%bucket, "orphan check done: the bucket has no orphaned entries");
            self.due.lock().remove(&bucket);
        } else {
            let again = context.jitter.vary(context.settings.resync);
            self.due.lock().insert(bucket, OrphanCheck::after(again, &check.namespace));
        }
    }
}

/// The key of a bucket in the store. A legacy bucket name may be too long for a key, or may equal the key of an object.
/// Current bucket names have no `_`.
fn store_key(owner: &OwnerId, bucket: &str) -> String {
    if is_bucket_name(bucket) { bucket.into() } else { format!("_{}", bucket_statement_id(owner, bucket)) }
}

/// Parses a row of the store. Rows of older versions have no namespace.
fn read(name: &str, place: &str) -> Option<(Bucket, OrphanCheck)> {
    let place: Value = serde_json::from_str(place).ok()?;
    let text = |field: &str| place[field].as_str().map(ToOwned::to_owned);
    let name = text("bucket").unwrap_or_else(|| name.into());
    let bucket = Bucket { region: text("region")?, name, owner: text("owner")? };
    Some((bucket, OrphanCheck::after(MAX_REQUEST_AGE, &text("namespace").unwrap_or_default())))
}

/// Removes a bucket from the store. False if the removal failed.
async fn forget(context: &Context, bucket: &Bucket) -> bool {
    match store::remove(context, &store_key(&context.owner.id, &bucket.name)).await {
        Ok(()) => true,
        Err(error) => {
            warn!(%bucket, error = error_chain(&error), "cannot remove the bucket from the orphan queue");
            false
        }
    }
}
