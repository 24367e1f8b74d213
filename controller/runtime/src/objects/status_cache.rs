//! The statuses that the operator wrote and the stores may not show yet: client-go calls this a mutation cache.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use lambda_triggers_core::api::TriggerStatus;
use parking_lot::Mutex;

use super::trigger::{Trigger, read_status};

/// The operator's own writes. A reconcile from an older status would forget recorded resources.
#[derive(Default)]
pub struct StatusCache {
    written: Mutex<HashMap<String, Written>>,
    /// The statuses that this operator wrote, by UID: any other status comes from another writer.
    own: Mutex<HashMap<String, OwnWrite>>,
}

/// Hashes of two statuses: the last known status, and the status of a write in flight.
struct OwnWrite {
    written: u64,
    writing: Option<u64>,
}

struct Written {
    resource_version: u64,
    status: TriggerStatus,
}

impl StatusCache {
    /// The newest known status of an object, with the resource version.
    pub fn latest<K: Trigger>(&self, object: &K) -> (TriggerStatus, Option<String>) {
        let meta = object.meta();
        let written = self.written.lock();
        match written.get(meta.uid.as_deref().unwrap_or_default()) {
            Some(newer) if newer.resource_version > version(meta.resource_version.as_deref()) => {
                (newer.status.clone(), Some(newer.resource_version.to_string()))
            }
            _ => (read_status(object), meta.resource_version.clone()),
        }
    }

    /// Forgets our write if the stores show the write, or a newer status.
    pub fn forget_seen<K: Trigger>(&self, object: &K) {
        let meta = object.meta();
        let mut written = self.written.lock();
        let uid = meta.uid.as_deref().unwrap_or_default();
        let seen = version(meta.resource_version.as_deref());
        if written.get(uid).is_some_and(|ours| ours.resource_version <= seen) {
            written.remove(uid);
        }
    }

    /// True if another writer changed the status of an object. True once for each foreign status. The first status of
    /// an object counts as known.
    pub fn is_foreign<K: Trigger>(&self, object: &K) -> bool {
        let meta = object.meta();
        let seen = content(&read_status(object));
        let newer = |written: &Written| written.resource_version > version(meta.resource_version.as_deref());
        let uid = meta.uid.as_deref().unwrap_or_default();
        let is_old = self.written.lock().get(uid).is_some_and(newer);
        let mut own = self.own.lock();
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

    /// Records a status before the write: the watch may show the status before the answer arrives.
    pub fn begin_write(&self, uid: &str, status: &TriggerStatus) {
        let mut own = self.own.lock();
        let own = own.entry(uid.into()).or_insert(OwnWrite { written: 0, writing: None });
        own.writing = Some(content(status));
    }

    /// Forgets the hashes of a deleted object.
    pub fn forget_object<K: Trigger>(&self, object: &K) {
        let mut own = self.own.lock();
        own.remove(object.meta().uid.as_deref().unwrap_or_default());
    }

    /// Remembers a written status.
    pub fn remember(&self, uid: &str, resource_version: Option<&str>, status: TriggerStatus) {
        let written = OwnWrite { written: content(&status), writing: None };
        self.own.lock().insert(uid.into(), written);
        let written = Written { resource_version: version(resource_version), status };
        self.written.lock().insert(uid.into(), written);
    }

    /// Forgets a deleted object.
    pub fn forget(&self, uid: &str) {
        self.written.lock().remove(uid);
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
