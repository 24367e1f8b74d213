//! What happened in a cluster: the source of every watch, of every look into the past, and of what a test judges by.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::resource::{Key, Resource};

/// The version of a cluster in which nothing happened yet.
pub const FIRST_VERSION: u64 = 1;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It came.
    Added,
    /// It changed.
    Modified,
    /// It went.
    Deleted,
}

impl Event {
    /// As in a watch.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// A write that changed something.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The resource version that it made.
    pub version: u64,
    /// When, since the cluster began.
    pub at: Duration,
    /// The operation, as in the plan of a run (`kube:patch s3triggeredfunctions/status`); with `test:` where no client
    /// made it.
    pub operation: String,
    /// What became of the object.
    pub event: Event,
    /// The object's key.
    pub key: Key,
    /// The object after it, or as it was last.
    pub object: Value,
}

impl Change {
    /// Whether it was a write to the status.
    pub fn of_status(&self) -> bool {
        self.operation.ends_with("/status")
    }
}

/// The objects that a list or a watch is about.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Of this resource.
    pub resource: Resource,
    /// In this namespace, or in all.
    pub namespace: Option<String>,
    /// With this name, or all.
    pub name: Option<String>,
}

impl Scope {
    /// Whether an object is among them.
    pub fn has(&self, key: &Key) -> bool {
        key.resource == self.resource
            && self.namespace.as_ref().is_none_or(|namespace| key.namespace == *namespace)
            && self.name.as_ref().is_none_or(|name| key.name == *name)
    }
}

/// The objects as they were after these changes, by key.
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

/// The changes before the last one of the scope.
pub fn before_the_last<'a>(changes: &'a [Change], scope: &Scope) -> &'a [Change] {
    let last = changes.iter().rposition(|change| scope.has(&change.key));
    &changes[..last.unwrap_or(changes.len())]
}
