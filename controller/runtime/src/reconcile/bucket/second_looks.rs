//! The buckets that are looked at once more when nobody names them any more, kept in a ConfigMap: a restart forgets none.
//!
//! A finalizer waits for a write without an answer as long as one takes effect as a rule. One that is held up longer, by
//! a network or by a process that was stopped for a while, would leave behind what nobody looks after.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use lambda_triggers_core::plan::report::{Failure, Part, Reason};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::aws::Bucket;
use crate::reconcile::context::Context;
use crate::reconcile::error::chain;
use crate::reconcile::report::FIELD_MANAGER;

/// The longest that a write may be on its way: AWS refuses a request that was signed more than 15 minutes ago
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`).
pub const LATE: Duration = Duration::from_secs(16 * 60);

/// The buckets that are to be looked at once more.
#[derive(Default)]
pub struct SecondLooks {
    due: Mutex<BTreeMap<Bucket, Instant>>,
    changed: Notify,
}

impl SecondLooks {
    /// Has the bucket looked at after [`LATE`], by whoever runs then.
    pub async fn expect(&self, context: &Context, bucket: &Bucket) -> Result<(), Failure> {
        let known = self.due().contains_key(bucket);
        if !known {
            let place = json!({"region": bucket.region, "owner": bucket.owner}).to_string();
            write(context, json!({&bucket.name: place})).await.map_err(|error| {
                let message = format!(
                    "cannot note that bucket {bucket} is to be looked at again: {}; allow `create` and `patch` of ConfigMaps in \
                     the operator's namespace",
                    chain(&error)
                );
                Failure::new(Part::Notification, Reason::OutcomeUnknown, message)
            })?;
        }
        self.due().insert(bucket.clone(), Instant::now() + LATE);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes up what was noted before this start.
    pub async fn load(&self, context: &Context) -> Result<(), kube::Error> {
        let noted = api(context).get_opt(&name(context)).await?.and_then(|map| map.data).unwrap_or_default();
        let due = Instant::now() + LATE;
        let buckets = noted.iter().filter_map(|(name, place)| read(name, place));
        self.due().extend(buckets.map(|bucket| (bucket, due)));
        Ok(())
    }

    /// Makes each look when it is due, for ever.
    pub async fn run(&self, context: &Arc<Context>) {
        loop {
            let next =
                self.due().iter().min_by_key(|(_, due)| **due).map(|(bucket, due)| (bucket.clone(), *due));
            let Some((bucket, due)) = next else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => continue,
                () = sleep_until(due) => {}
            }
            if context.buckets.look(context, &bucket).await && forget(context, &bucket).await {
                info!(%bucket, "looked again: nothing of ours is left that nobody claims");
                self.due().remove(&bucket);
            } else {
                self.due().insert(bucket, Instant::now() + context.jitter.vary(context.settings.resync));
            }
        }
    }

    fn due(&self) -> std::sync::MutexGuard<'_, BTreeMap<Bucket, Instant>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(name: &str, place: &str) -> Option<Bucket> {
    let place: Value = serde_json::from_str(place).ok()?;
    let text = |field: &str| place[field].as_str().map(ToOwned::to_owned);
    Some(Bucket { region: text("region")?, name: name.into(), owner: text("owner")? })
}

async fn forget(context: &Context, bucket: &Bucket) -> bool {
    let written = write(context, json!({&bucket.name: null})).await;
    written
        .inspect_err(|error| warn!(%bucket, error = chain(error), "cannot strike out a second look"))
        .is_ok()
}

/// Changes some of what is noted.
async fn write(context: &Context, data: Value) -> Result<(), kube::Error> {
    let (api, name) = (api(context), name(context));
    let change = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    match api.patch(&name, &PatchParams::default(), &Patch::Merge(&change)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let empty = ConfigMap {
                metadata: kube::api::ObjectMeta { name: Some(name.clone()), ..Default::default() },
                ..Default::default()
            };
            let created = api
                .create(
                    &kube::api::PostParams {
                        field_manager: Some(FIELD_MANAGER.into()),
                        ..Default::default()
                    },
                    &empty,
                )
                .await;
            match created {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                other => drop(other?),
            }
            api.patch(&name, &PatchParams::default(), &Patch::Merge(&change)).await.map(drop)
        }
        other => other.map(drop),
    }
}

fn api(context: &Context) -> Api<ConfigMap> {
    Api::namespaced(context.client.clone(), &context.namespace)
}

/// Operators with different owner ids may share a namespace.
fn name(context: &Context) -> String {
    format!("lambda-triggers-{}", context.owner.id)
}
