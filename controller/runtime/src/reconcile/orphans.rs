//! The orphan queue: checks for AWS resources that no Kubernetes object claims.
//!
//! A finalizer waits for an unanswered PUT during the write grace period only. A network or a stopped process can delay
//! a PUT for longer. Such a PUT would leave orphans, since no resource names the bucket any more. So each bucket is
//! checked once more after the deletion of its last resource. A ConfigMap stores the pending checks, so a restart
//! forgets none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use lambda_triggers_core::api::is_bucket_name;
use lambda_triggers_core::ownership::{OwnerId, bucket_statement_id};
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::status::{Component, Failure, Reason};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::context::Context;
use super::events::is_terminating;
use crate::error_chain;

/// The maximum age of a request in flight: AWS refuses a request that was signed more than 15 minutes ago
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`).
pub const MAX_REQUEST_AGE: Duration = Duration::from_secs(16 * 60);

/// The buckets to check, with the time of each check.
pub struct OrphanQueue {
    context: Arc<Context>,
    due: Mutex<BTreeMap<Bucket, OrphanCheck>>,
    changed: Notify,
    /// Serializes changes of the ConfigMap: the end of a check must not remove a row that was inserted during the check.
    writing: tokio::sync::Mutex<()>,
}

/// A pending check of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanCheck {
    due: Instant,
    /// The namespace whose credentials the check needs: the last namespace with an entry in the bucket.
    pub namespace: String,
}

/// A row of the ConfigMap: the place of a possible orphan.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
struct Row {
    /// Rows of older versions have no kind.
    #[serde(default)]
    kind: Kind,
    region: String,
    owner: String,
    /// Rows of older versions have no namespace.
    #[serde(default)]
    namespace: String,
    /// The name of the bucket, unless the key is the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
}

/// The kind of a possible orphan. The queue ignores rows of another kind, which another version wrote.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Bucket,
}

impl OrphanCheck {
    fn after(time: Duration, namespace: &str) -> Self {
        Self { due: Instant::now() + time, namespace: namespace.into() }
    }
}

impl OrphanQueue {
    /// An empty queue.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, due: Mutex::default(), changed: Notify::default(), writing: Default::default() }
    }

    /// Loads the checks of earlier runs from the ConfigMap.
    pub async fn load(&self) -> Result<(), kube::Error> {
        let rows =
            self.config_maps().get_opt(&self.name()).await?.and_then(|map| map.data).unwrap_or_default();
        let checks = rows.iter().filter_map(|(key, row)| read(key, row));
        let checks =
            checks.map(|(bucket, namespace)| (bucket, OrphanCheck::after(MAX_REQUEST_AGE, &namespace)));
        self.due.lock().extend(checks);
        Ok(())
    }

    /// Schedules a check of the bucket after [`MAX_REQUEST_AGE`], with the credentials of `namespace`. A later leader
    /// runs the check after a restart.
    pub async fn insert(&self, bucket: &Bucket, namespace: &str) -> Result<(), Failure> {
        let _one = self.writing.lock().await;
        let known = self.due.lock().get(bucket).is_some_and(|check| check.namespace == namespace);
        if !known {
            let (key, row) = row(&self.context.owner.id, bucket, namespace);
            self.insert_row(&key, &row).await.map_err(|error| {
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
    pub async fn finish(&self, bucket: Bucket, check: &OrphanCheck, succeeded: bool) {
        let _one = self.writing.lock().await;
        if self.due.lock().get(&bucket) != Some(check) {
            return;
        }
        if succeeded && self.remove_row(&bucket).await {
            info!(%bucket, "orphan check done: the bucket has no orphaned entries");
            self.due.lock().remove(&bucket);
        } else {
            let again = self.context.jitter.vary(self.context.settings.resync);
            self.due.lock().insert(bucket, OrphanCheck::after(again, &check.namespace));
        }
    }

    /// Inserts a row, and creates the ConfigMap if necessary.
    async fn insert_row(&self, key: &str, row: &str) -> Result<(), kube::Error> {
        match self.patch_row(key, Some(row)).await {
            Err(error) if has_code(&error, 404) => {}
            done => return done,
        }
        let metadata = ObjectMeta { name: Some(self.name()), ..ObjectMeta::default() };
        let empty = ConfigMap { metadata, ..ConfigMap::default() };
        match self.config_maps().create(&PostParams::default(), &empty).await {
            // The namespace is being deleted, and the operator with the namespace.
            Err(error) if is_terminating(&error) => return Ok(()),
            Err(error) if !has_code(&error, 409) => return Err(error),
            _ => {}
        }
        self.patch_row(key, Some(row)).await
    }

    /// Removes the row of a bucket. False if the removal failed.
    async fn remove_row(&self, bucket: &Bucket) -> bool {
        match self.patch_row(&key(&self.context.owner.id, &bucket.name), None).await {
            Err(error) if !has_code(&error, 404) => {
                warn!(%bucket, error = error_chain(&error), "cannot remove the bucket from the orphan queue");
                false
            }
            _ => true,
        }
    }

    async fn patch_row(&self, key: &str, row: Option<&str>) -> Result<(), kube::Error> {
        let patch = Patch::Merge(json!({"data": {key: row}}));
        self.config_maps().patch(&self.name(), &PatchParams::default(), &patch).await.map(drop)
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.context.client.clone(), &self.context.namespace)
    }

    /// Each owner id has its own ConfigMap, since operators with different owner ids may share a namespace.
    fn name(&self) -> String {
        self.context.owner.id.object_name()
    }
}

/// The key of a bucket in the ConfigMap. A legacy bucket name may be too long for a key. Current bucket names have no
/// `_`.
fn key(owner: &OwnerId, bucket: &str) -> String {
    if is_bucket_name(bucket) { bucket.into() } else { format!("_{}", bucket_statement_id(owner, bucket)) }
}

/// The key and the row of a bucket.
fn row(owner: &OwnerId, bucket: &Bucket, namespace: &str) -> (String, String) {
    let Bucket { region, name, owner: bucket_owner } = bucket.clone();
    let key = key(owner, &name);
    let bucket = (key != name).then_some(name);
    let row = Row { kind: Kind::Bucket, region, owner: bucket_owner, namespace: namespace.into(), bucket };
    (key, json!(row).to_string())
}

/// The bucket and the namespace of a row; `None` for a row of another kind.
fn read(key: &str, row: &str) -> Option<(Bucket, String)> {
    let Row { kind: Kind::Bucket, region, owner, namespace, bucket } = serde_json::from_str(row).ok()?;
    Some((Bucket { region, name: bucket.unwrap_or_else(|| key.into()), owner }, namespace))
}

/// True if the API server answered with this code.
fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(name: &str) -> Bucket {
        Bucket { region: "eu-west-1".into(), name: name.into(), owner: "123456789012".into() }
    }

    #[test]
    fn a_row_names_its_bucket_and_namespace() {
        let owner = OwnerId::parse("0a1b2c3d").unwrap();
        for name in ["photos", "Legacy_Bucket"] {
            let (key, row) = row(&owner, &bucket(name), "media");
            assert_eq!(read(&key, &row), Some((bucket(name), "media".into())), "{key}: {row}");
        }
    }

    #[test]
    fn rows_of_other_versions_are_read_or_ignored() {
        let old = r#"{"region": "eu-west-1", "owner": "123456789012"}"#;
        assert_eq!(read("photos", old), Some((bucket("photos"), String::new())));
        let of_an_object = r#"{"namespace": "media", "name": "hourly", "applied": {"rules": []}}"#;
        assert_eq!(read("ScheduledFunction.uid.1", of_an_object), None);
        let of_another_kind = r#"{"kind": "Queue", "region": "eu-west-1", "owner": "123456789012"}"#;
        assert_eq!(read("photos", of_another_kind), None);
        assert_eq!(read("photos", "no JSON"), None);
    }
}
