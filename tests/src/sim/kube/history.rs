//! The history of a cluster: the source of all watches, of stale reads, and of the oracles.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::resource::{Key, Resource};

/// The version of an empty cluster.
pub const FIRST_VERSION: u64 = 1;

/// The type of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The object was created.
    Added,
    /// The object was changed.
    Modified,
    /// The object was deleted.
    Deleted,
}

impl Event {
    /// The type as in a watch.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// A write that changed an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The resource version of the write.
    pub version: u64,
    /// The time since the start of the cluster.
    pub at: Duration,
    /// The operation, as in the plan of a run (`kube:patch s3triggeredfunctions/status`). Writes of a test begin with
    /// `test:`.
    pub operation: String,
    /// The type of the change.
    pub event: Event,
    /// The object's key.
    pub key: Key,
    /// The object after the write, or the last state of a deleted object.
    pub object: Value,
}

impl Change {
    /// True for a write to the status.
    pub fn of_status(&self) -> bool {
        self.operation.ends_with("/status")
    }
}

/// The objects that a list or a watch selects.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The resource.
    pub resource: Resource,
    /// The namespace, or all namespaces.
    pub namespace: Option<String>,
    /// The name, or all names.
    pub name: Option<String>,
}

impl Scope {
    /// True if the scope selects this object.
    pub fn has(&self, key: &Key) -> bool {
        key.resource == self.resource
            && self.namespace.as_ref().is_none_or(|namespace| key.namespace == *namespace)
            && self.name.as_ref().is_none_or(|name| key.name == *name)
    }
}

/// The objects after these changes, by key.
pub fn replay<'a>(changes: &'a [Change], scope: &Scope) -> BTreeMap<&'a Key, &'a Value> {
    let mut objects = BTreeMap::new();
    for change in changes.iter().filter(|change| scope.has(&change.key)) {
        match change.event {
            Event::Added | Event::Modified => objects.insert(&change.key, &change.object),
            Event::Deleted => objects.remove(&change.key),
        };
    }
    objects
}

/// The version after these changes.
pub fn version(changes: &[Change]) -> u64 {
    changes.last().map_or(FIRST_VERSION, |change| change.version)
}

/// The changes before the last change within the scope.
pub fn before_the_last<'a>(changes: &'a [Change], scope: &Scope) -> &'a [Change] {
    let last = changes.iter().rposition(|change| scope.has(&change.key));
    &changes[..last.unwrap_or(changes.len())]
}
