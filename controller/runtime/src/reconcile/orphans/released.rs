//! Checks released AWS resources again, in an operator without leader election.
//!
//! A second operator with the same owner id may run by mistake. The second operator may restore the released resources
//! and stop before its own cleanup.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use kube::Api;
use lambda_triggers_core::api::Applied;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::pacing::queue::Priority;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::queue::MAX_REQUEST_AGE;
use super::store;
use crate::aws::CallContext;
use crate::error_chain;
use crate::objects::{IndexedStore, RawS3TriggeredFunction, RawScheduledFunction, Trigger};
use crate::reconcile::authorize;
use crate::reconcile::error::Error;
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// The interval between two reads of the store, since other operators write the store, too.
const PERIOD: Duration = Duration::from_secs(MAX_REQUEST_AGE.as_secs() / 2);

/// A record of released resources.
#[derive(Deserialize)]
struct Released {
    namespace: String,
    name: String,
    applied: Applied,
}

/// Checks each record after [`MAX_REQUEST_AGE`], when no earlier write is in flight. Never ends.
pub async fn check_released(reconciler: &Reconciler) -> Infallible {
    let mut known: BTreeMap<String, Instant> = BTreeMap::new();
    loop {
        match store::read(&reconciler.context).await {
            Ok(mut rows) => {
                known.retain(|key, _| rows.contains_key(key));
                rows.retain(|key, _| {
                    known.entry(key.clone()).or_insert_with(Instant::now).elapsed() >= MAX_REQUEST_AGE
                });
                for (key, what) in &rows {
                    // Low priority: no user waits for the check.
                    let call_context = CallContext::new("", Priority::Low);
                    if let Err(error) = call_context.scope(check(reconciler, key, what)).await {
                        warn!(error = error_chain(&error), "cannot check for orphans; trying again");
                    }
                }
            }
            Err(error) => {
                warn!(error = error_chain(&error), "cannot read the orphan queue; trying again")
            }
        }
        sleep(PERIOD).await;
    }
}

async fn check(reconciler: &Reconciler, key: &str, what: &str) -> Result<(), Error> {
    let context = &reconciler.context;
    let mut parts = key.splitn(3, '.');
    let (Some(kind), Some(uid)) = (parts.next(), parts.next()) else { return Ok(()) };
    let Ok(released) = serde_json::from_str::<Released>(what) else { return Ok(()) };
    match kind {
        RawScheduledFunction::NAME => {
            check_object(reconciler, &context.stores.scheduled, uid, &released).await?
        }
        RawS3TriggeredFunction::NAME => check_object(reconciler, &context.stores.s3, uid, &released).await?,
        // The row of a bucket.
        _ => return Ok(()),
    }
    store::remove(context, key).await.map_err(Error::kubernetes("remove the resource from the orphan queue"))
}

/// Removes the released resources that exist again and that no object needs.
async fn check_object<K: ReconcileKind>(
    reconciler: &Reconciler,
    cache: &IndexedStore<K>,
    uid: &str,
    Released { namespace, name, applied }: &Released,
) -> Result<(), Error> {
    let context = &reconciler.context;
    context.stores.wait_for_sync().await.map_err(|_| Error::Stopping)?;
    let living = cache.get(&ObjectKey::new(namespace, name));
    let living = living.filter(|object| object.meta().deletion_timestamp.is_none());
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace);
    let wanted = living.map(|object| StatusWriter::new(context, api.clone(), &*object).status.applied);
    let wanted = wanted.unwrap_or_default();
    let left = applied.difference(&wanted);
    // The object as recorded.
    let object: K = serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name, "uid": uid},
        "status": {"applied": applied},
    }))
    .map_err(|error| {
        Error::kubernetes("read an entry of the orphan queue")(kube::Error::SerdeError(error))
    })?;
    let writer = StatusWriter::new(context, api, &object);
    if !left.is_empty() && authorize::is_found(context, &writer.id, &left).await? {
        K::release(reconciler, &writer, &left, &wanted).await?;
    }
    info!(object = %writer.id.key, kind = K::NAME, "orphan check done: the object has no orphaned AWS resources");
    Ok(())
}
