//! The buckets that are looked at once more when nobody names them any more, kept in a ConfigMap: a restart forgets none.
//!
//! A finalizer waits for a write without an answer as long as one takes effect as a rule. One that is held up longer, by
//! a network or by a process that was stopped for a while, would leave behind what nobody looks after.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use lambda_triggers_core::plan::report::{Failure, Part, Reason};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::aws::Bucket;
use crate::reconcile::context::Context;
use crate::reconcile::error::chain;

/// The longest that a write may be on its way: AWS refuses a request that was signed more than 15 minutes ago
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`).
pub const LATE: Duration = Duration::from_secs(16 * 60);

/// The buckets that are to be looked at once more.
#[derive(Default)]
pub struct SecondLooks {
    due: Mutex<BTreeMap<Bucket, Look>>,
    changed: Notify,
    /// One note is written or struck out at a time: a look that ends is not to strike out what was noted meanwhile.
    writing: tokio::sync::Mutex<()>,
}

/// A look that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    due: Instant,
    /// The namespace whose credentials it is made with: the last one that had something in the bucket.
    namespace: String,
}

impl Look {
    fn after(time: Duration, namespace: &str) -> Self {
        Self { due: Instant::now() + time, namespace: namespace.into() }
    }
}

impl SecondLooks {
    /// Has the bucket looked at after [`LATE`], by whoever runs then, with the credentials of `namespace`.
    pub async fn expect(&self, context: &Context, bucket: &Bucket, namespace: &str) -> Result<(), Failure> {
        let _one = self.writing.lock().await;
        let known = self.due().get(bucket).is_some_and(|look| look.namespace == namespace);
        if !known {
            note(context, bucket, namespace).await.map_err(|error| {
                let message = format!(
                    "cannot note that bucket {bucket} is to be looked at again: {}; allow `create` and `patch` of ConfigMaps in \
                     the operator's namespace",
                    chain(&error)
                );
                Failure::new(Part::Notification, Reason::OutcomeUnknown, message)
            })?;
        }
        self.due().insert(bucket.clone(), Look::after(LATE, namespace));
        self.changed.notify_one();
        Ok(())
    }

    /// Takes up what was noted before this start.
    pub async fn load(&self, context: &Context) -> Result<(), kube::Error> {
        let noted = api(context).get_opt(&name(context)).await?.and_then(|map| map.data).unwrap_or_default();
        self.due().extend(noted.iter().filter_map(|(name, place)| read(name, place)));
        Ok(())
    }

    /// Makes each look when it is due, for ever.
    pub async fn run(&self, context: &Arc<Context>) {
        loop {
            let next = {
                let due = self.due();
                due.iter()
                    .min_by_key(|(_, look)| look.due)
                    .map(|(bucket, look)| (bucket.clone(), look.clone()))
            };
            let Some((bucket, look)) = next else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => continue,
                () = sleep_until(look.due) => {}
            }
            let looked = context.buckets.look(context, &bucket, &look.namespace).await;
            let _one = self.writing.lock().await;
            if self.due().get(&bucket) != Some(&look) {
                // It was noted again while we looked.
            } else if looked && forget(context, &bucket).await {
                info!(%bucket, "looked again: nothing of ours is left that nobody claims");
                self.due().remove(&bucket);
            } else {
                let again = context.jitter.vary(context.settings.resync);
                self.due().insert(bucket, Look::after(again, &look.namespace));
            }
        }
    }

    fn due(&self) -> std::sync::MutexGuard<'_, BTreeMap<Bucket, Look>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a note; one of an older version names no namespace.
fn read(name: &str, place: &str) -> Option<(Bucket, Look)> {
    let place: Value = serde_json::from_str(place).ok()?;
    let text = |field: &str| place[field].as_str().map(ToOwned::to_owned);
    let bucket = Bucket { region: text("region")?, name: name.into(), owner: text("owner")? };
    Some((bucket, Look::after(LATE, &text("namespace").unwrap_or_default())))
}

/// Strikes a bucket out; false if that is to be tried again.
async fn forget(context: &Context, bucket: &Bucket) -> bool {
    match change(context, &json!({&bucket.name: null})).await {
        Ok(()) => true,
        Err(error) if has_code(&error, 404) => true,
        Err(error) => {
            warn!(%bucket, error = chain(&error), "cannot strike out a second look");
            false
        }
    }
}

/// Notes a bucket, creating the ConfigMap where there is none.
async fn note(context: &Context, bucket: &Bucket, namespace: &str) -> Result<(), kube::Error> {
    let place = json!({"region": bucket.region, "owner": bucket.owner, "namespace": namespace}).to_string();
    let data = json!({&bucket.name: place});
    match change(context, &data).await {
        Err(error) if has_code(&error, 404) => {}
        other => return other,
    }
    let empty: ConfigMap = named(context, &json!({}))?;
    match api(context).create(&PostParams::default(), &empty).await {
        // Its namespace goes, and with it whoever would look again.
        Err(error) if is_terminating(&error) => return Ok(()),
        Err(error) if !has_code(&error, 409) => return Err(error),
        _ => {}
    }
    change(context, &data).await
}

/// Changes some of what is noted.
async fn change(context: &Context, data: &Value) -> Result<(), kube::Error> {
    let map: Value = named(context, data)?;
    api(context).patch(&name(context), &PatchParams::default(), &Patch::Merge(&map)).await.map(drop)
}

fn named<T: DeserializeOwned>(context: &Context, data: &Value) -> Result<T, kube::Error> {
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name(context)}, "data": data});
    serde_json::from_value(map).map_err(kube::Error::SerdeError)
}

fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

fn is_terminating(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

fn api(context: &Context) -> Api<ConfigMap> {
    Api::namespaced(context.client.clone(), &context.namespace)
}

/// Operators with different owner ids may share a namespace.
fn name(context: &Context) -> String {
    format!("lambda-triggers-{}", context.owner.id)
}
