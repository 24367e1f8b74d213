//! What every reconcile has at hand.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::runtime::reflector::{ObjectRef, Store};
use lambda_triggers_core::api::{Applied, AppliedPermission, Tags, TriggerStatus};
use lambda_triggers_core::plan::identity::{ObjectKey, Owner};
use lambda_triggers_core::plan::resync;
use tokio::sync::watch;
use tokio::time::Instant;

use super::bucket::{Buckets, OrphanQueue};
use super::clock::Clock;
use super::error::Error;
use super::events::EventRecorder;
use super::jitter::Jitter;
use super::object::{
    RawS3TriggeredFunction, RawScheduledFunction, Trigger, is_paused, needs_what_it_has, read_status,
};
use super::permission::Permissions;
use super::wakes::Wakes;
use crate::aws::{Aws, NamespaceCredentials};
use crate::telemetry::Telemetry;

/// How reconciles behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Each object is checked again after this time.
    pub resync: Duration,
    /// The most that one reconcile may take.
    pub timeout: Duration,
    /// How long a write to a bucket that got no answer takes effect still, as a rule; as long does a finalizer wait for it.
    pub write_grace_period: Duration,
    /// The time from the first writer on a generation until a missing dependency makes the object Stalled.
    pub progress_deadline: Duration,
    /// Default tags of rules and functions. The spec's tags win.
    pub default_tags: Tags,
    /// What waits are varied by.
    pub seed: u64,
    /// The time of day.
    pub clock: Clock,
}

/// The objects of both kinds, as Kubernetes last told.
#[derive(Clone)]
pub struct Stores {
    /// All `ScheduledFunction`s that are watched.
    pub scheduled: Store<RawScheduledFunction>,
    /// All `S3TriggeredFunction`s that are watched.
    pub s3: Store<RawS3TriggeredFunction>,
    /// For each, whether it holds all objects. `Store::wait_until_ready` would tell, too, but wakes the last one of those
    /// who wait for it only, and its controller is one of them.
    pub synced: [watch::Receiver<bool>; 2],
}

impl Stores {
    /// Waits until both are synced: what nobody claims is removed, so nobody may be missing.
    pub async fn wait_for_sync(&self) -> Result<(), Error> {
        for synced in &self.synced {
            synced.clone().wait_for(|synced| *synced).await.map_err(|_| Error::Stopping)?;
        }
        Ok(())
    }

    /// Whether both are synced.
    pub fn are_synced(&self) -> bool {
        self.synced.iter().all(|synced| *synced.borrow())
    }

    /// True if the `S3TriggeredFunction` of this name is paused.
    pub fn is_s3_paused(&self, key: &ObjectKey) -> bool {
        let object = self.s3.get(&ObjectRef::new(&key.name).within(&key.namespace));
        object.is_some_and(|object| is_paused(&*object))
    }

    /// True if another object than the one with this UID needs the statement.
    pub fn permission_claimed(&self, permission: &AppliedPermission, except: &str) -> bool {
        any_claims(&self.scheduled, permission, except) || any_claims(&self.s3, permission, except)
    }

    /// True if an object needs this function, which was deployed for the object.
    pub fn deploys(&self, kind: &str, key: &ObjectKey, region: &str, function: &str) -> bool {
        match kind {
            RawScheduledFunction::NAME => deploys(&self.scheduled, key, region, function),
            RawS3TriggeredFunction::NAME => deploys(&self.s3, key, region, function),
            _ => false,
        }
    }
}

fn any_claims<K: Trigger>(store: &Store<K>, permission: &AppliedPermission, except: &str) -> bool {
    let claims = |object: &Arc<K>| {
        needs_what_it_has(&**object)
            && object.meta().uid.as_deref() != Some(except)
            && object.summary().applied.permissions.contains(permission)
    };
    store.state().iter().any(claims)
}

fn deploys<K: Trigger>(store: &Store<K>, key: &ObjectKey, region: &str, function: &str) -> bool {
    let object = store.get(&ObjectRef::new(&key.name).within(&key.namespace));
    object.filter(|object| needs_what_it_has(&**object)).is_some_and(|object| {
        let deployed = &object.summary().applied.functions;
        deployed.iter().any(|deployed| deployed.region == region && deployed.name == function)
    })
}

/// The status_cache that we wrote and the stores may not show yet: a reconcile that began from an older one would
/// forget what was made meanwhile.
#[derive(Default)]
pub struct StatusCache {
    written: Mutex<HashMap<String, Written>>,
    /// What reconciles made, by UID, until one finds that all is in place. Another operator, that runs beside us by mistake,
    /// may have taken it away while we made it, and struck it from the status.
    made: Mutex<HashMap<String, Applied>>,
    /// The status_cache that this operator wrote, by UID: any other status comes from another writer.
    own: Mutex<HashMap<String, OwnWrite>>,
}

/// Hashes of two status_cache: the last known one, and the one of a write under way.
struct OwnWrite {
    written: u64,
    writing: Option<u64>,
}

struct Written {
    resource_version: u64,
    status: TriggerStatus,
}

impl StatusCache {
    /// The newest status that is known of an object, and the version of the object that has it.
    pub fn latest<K: Trigger>(&self, object: &K) -> (TriggerStatus, Option<String>) {
        let meta = object.meta();
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match written.get(meta.uid.as_deref().unwrap_or_default()) {
            Some(newer) if newer.resource_version > version(meta.resource_version.as_deref()) => {
                (newer.status.clone(), Some(newer.resource_version.to_string()))
            }
            _ => (read_status(object), meta.resource_version.clone()),
        }
    }

    /// Forgets the status that we wrote where the stores show it by now, or a newer one.
    pub fn forget_seen<K: Trigger>(&self, object: &K) {
        let meta = object.meta();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = meta.uid.as_deref().unwrap_or_default();
        let seen = version(meta.resource_version.as_deref());
        if written.get(uid).is_some_and(|ours| ours.resource_version <= seen) {
            written.remove(uid);
        }
    }

    /// Whether another writer changed the status of an object. True once for each such status. The first status that is seen
    /// of an object is taken as known.
    pub fn is_foreign<K: Trigger>(&self, object: &K) -> bool {
        let meta = object.meta();
        let seen = content(&read_status(object));
        let newer = |written: &Written| written.resource_version > version(meta.resource_version.as_deref());
        let uid = meta.uid.as_deref().unwrap_or_default();
        let is_old = self.written.lock().unwrap_or_else(PoisonError::into_inner).get(uid).is_some_and(newer);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(OwnWrite { written, writing }) = own.get_mut(uid) else {
            own.insert(uid.into(), OwnWrite { written: seen, writing: None });
            return false;
        };
        let is_foreign = !is_old && *written != seen && *writing != Some(seen);
        if is_foreign {
            *written = seen;
        }
        is_foreign
    }

    /// Records a status before the write: the watch may show the status before the answer to the write comes.
    pub fn begin_write(&self, uid: &str, status: &TriggerStatus) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own = own.entry(uid.into()).or_insert(OwnWrite { written: 0, writing: None });
        own.writing = Some(content(status));
    }

    /// Forgets the status_cache of a deleted object.
    pub fn forget_object<K: Trigger>(&self, object: &K) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.remove(object.meta().uid.as_deref().unwrap_or_default());
    }

    /// Remembers a status that was written.
    pub fn remember(&self, uid: &str, resource_version: Option<&str>, status: TriggerStatus) {
        let written = OwnWrite { written: content(&status), writing: None };
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.into(), written);
        let written = Written { resource_version: version(resource_version), status };
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.into(), written);
    }

    /// Notes what a reconcile of an object made; none if it found all in place.
    pub fn remember_applied(&self, uid: &str, made: Option<&Applied>) {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match made {
            Some(made) => drop(all.insert(uid.into(), made.clone())),
            None => drop(all.remove(uid)),
        }
    }

    /// What was made for an object: what its status says, and what we know of beyond that.
    pub fn with_remembered(&self, uid: &str, mut applied: Applied) -> Applied {
        if let Some(made) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(uid) {
            applied.merge_same_account(made);
        }
        applied
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.remember_applied(uid, None);
    }
}

/// A hash of the content of a status.
fn content(status: &TriggerStatus) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(status).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// Resource versions are numbers that grow
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).
fn version(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// What every reconcile has at hand.
pub struct Context {
    /// Kubernetes.
    pub client: Client,
    /// AWS, by namespace.
    pub credentials: NamespaceCredentials,
    /// Whose references in AWS are ours.
    pub owner: Owner,
    /// The objects of both kinds.
    pub stores: Stores,
    /// StatusCache newer than the stores.
    pub status_cache: StatusCache,
    /// Requests reconciles of objects whose hindrance ended.
    pub wakes: Arc<Wakes>,
    /// Writes events.
    pub events: EventRecorder,
    /// The one writer of each function's policy.
    pub permissions: Permissions,
    /// The one writer of each bucket.
    pub buckets: Buckets,
    /// The buckets that are to be looked at once more.
    pub orphans: OrphanQueue,
    /// Whether a leader is elected; else, another operator of this owner id may run beside us by mistake.
    pub elected: bool,
    /// The operator's own namespace.
    pub namespace: String,
    /// When the operator started.
    pub started: Instant,
    /// Varies waits.
    pub jitter: Jitter,
    /// How reconciles behave.
    pub settings: Settings,
    /// What is told of all this.
    pub telemetry: Telemetry,
}

impl Context {
    /// AWS for what an object asks for: with the credentials of its namespace, and no further than the tenancy permits.
    pub fn aws(&self, key: &ObjectKey) -> Arc<dyn Aws> {
        self.credentials.aws(&self.owner.id, key)
    }

    /// AWS for taking away what was made for an object, with the credentials of its namespace: what that may not name any
    /// more has to go all the same.
    pub fn aws_for_removal(&self, key: &ObjectKey) -> Arc<dyn Aws> {
        self.credentials.aws_for_removal(&self.owner.id, key)
    }

    /// When an object is looked at again that is as it is to be: after this time.
    pub fn next_resync(&self) -> Duration {
        resync::next(self.started.elapsed(), self.settings.resync, self.jitter.chance())
    }

    /// Since when an answer of AWS may have been asked for to be shared in a resync.
    pub fn oldest_cached_read(&self) -> Instant {
        self.started + resync::oldest_cached_read(self.started.elapsed(), self.settings.resync)
    }

    /// The Region of resources that name none.
    pub fn default_region(&self) -> &str {
        self.credentials.own().default_region()
    }
}
