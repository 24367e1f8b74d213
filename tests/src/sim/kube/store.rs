//! The objects of a cluster, and the effect of each write.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::faults::WatchFault;
use super::history::{Change, Event, FIRST_VERSION};
use super::object::{
    Check, Component, applied_fields, keep_uid, main_part, set, status_part, text, well_formed, with_identity,
};
use super::patch;
use super::refused::Refused;
use super::resource::{Key, Resource};
use super::schema;

/// The wall clock at the start of a cluster, in seconds of Unix time: 1 January 2026.
const EPOCH: i64 = 1_767_225_600;

/// The type of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json`.
    Json,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/apply-patch+yaml`.
    Apply,
}

/// The target and the operation of a write.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The operation, as in the plan of a run.
    pub operation: &'a str,
    /// The object.
    pub key: &'a Key,
    /// The component.
    pub part: Component,
    /// The validation of the object.
    pub check: Check,
}

/// The preconditions of a deletion.
#[derive(Clone, Debug, Default)]
pub struct Preconditions {
    /// The expected UID.
    pub uid: Option<String>,
    /// The expected resource version.
    pub resource_version: Option<String>,
}

struct Entry {
    object: Value,
    /// The fields that each manager last applied by server-side apply.
    applied: BTreeMap<(String, Component), Value>,
}

/// The state of a cluster.
pub struct Store {
    start: Instant,
    name: String,
    version: u64,
    uids: u64,
    entries: BTreeMap<Key, Entry>,
    /// All changes, oldest first.
    pub history: Vec<Change>,
    /// The current fault of watches.
    pub fault: WatchFault,
    /// The factor between the duration of a watch and the requested timeout.
    pub patience: u32,
}

impl Store {
    /// Creates an empty cluster. All UIDs depend on the name.
    pub fn new(name: &str) -> Self {
        Self {
            start: Instant::now(),
            name: name.into(),
            version: FIRST_VERSION,
            uids: 0,
            entries: BTreeMap::new(),
            history: vec![],
            fault: WatchFault::None,
            patience: 1,
        }
    }

    /// Forgets all events, and keeps only the last change of each object.
    pub fn forget(&mut self) {
        self.entries.retain(|key, _| key.resource != Resource::Events);
        let last: BTreeMap<Key, u64> =
            self.history.iter().map(|change| (change.key.clone(), change.version)).collect();
        let entries = &self.entries;
        self.history.retain(|change| {
            entries.contains_key(&change.key) && last.get(&change.key) == Some(&change.version)
        });
        self.history.shrink_to_fit();
    }

    /// The time since the start of the cluster.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// An object.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.entries.get(key).map(|entry| &entry.object)
    }

    /// All objects of a resource, by namespace and name.
    pub fn objects(&self, resource: Resource) -> impl Iterator<Item = &Value> {
        let entries = self.entries.iter().filter(move |(key, _)| key.resource == resource);
        entries.map(|(_, entry)| &entry.object)
    }

    /// Creates an object.
    pub fn create(&mut self, write: Write<'_>, mut object: Value) -> Result<Value, Refused> {
        let Write { operation, key, part: _, check } = write;
        well_formed(&object)?;
        if key.name.is_empty() {
            return Err(Refused::invalid(
                key,
                "metadata.name: Required value: name or generateName is required",
            ));
        }
        self.check_namespace(key)?;
        if self.entries.contains_key(key) {
            return Err(Refused::already_exists(key));
        }
        if !object["metadata"]["resourceVersion"].is_null() {
            return Err(Refused::bad_request("resourceVersion should not be set on objects to be created"));
        }
        if key.resource.custom() {
            set(&mut object, "status", None);
            schema::complete(key.resource, &mut object);
        }
        if check == Check::Strict {
            schema::check(key, &object["spec"])?;
        }
        if key.resource == Resource::Namespaces {
            object["status"] = json!({"phase": "Active"});
        }
        let identity = json!({
            "metadata": {"uid": self.new_uid(), "creationTimestamp": self.now(), "generation": 1},
        });
        let mut object = with_identity(key, object, &identity);
        if !key.resource.custom() {
            set(&mut object["metadata"], "generation", None);
        }
        Ok(self.commit(operation, Event::Added, key, object))
    }

    /// Replaces a component of an object. A write without a change makes no new version.
    pub fn replace(&mut self, write: Write<'_>, new: Value) -> Result<Value, Refused> {
        let Write { operation, key, part, check } = write;
        let live = self.get(key).ok_or_else(|| Refused::not_found(key))?.clone();
        well_formed(&new)?;
        let (meta, live_meta) = (&new["metadata"], &live["metadata"]);
        if meta["uid"].as_str().is_some_and(|uid| live_meta["uid"] != uid) {
            let why = format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                text(&meta["uid"]),
                text(&live_meta["uid"])
            );
            return Err(Refused::conflict(key, &why));
        }
        match meta["resourceVersion"].as_str().filter(|version| !version.is_empty()) {
            Some(version) if live_meta["resourceVersion"] == version => {}
            Some(_) => return Err(Refused::modified(key)),
            None if key.resource.needs_version() => {
                return Err(Refused::no_version(key));
            }
            None => {}
        }
        let object = match part {
            Component::Main => main_part(key, new, &live, check)?,
            Component::Status => status_part(key, new, &live),
        };
        if object == live {
            return Ok(live);
        }
        if !object["metadata"]["deletionTimestamp"].is_null() && object["metadata"]["finalizers"].is_null() {
            // The writer gets the written object, under the old version. Watches get the last stored object.
            self.remove(operation, key, live);
            return Ok(object);
        }
        Ok(self.commit(operation, Event::Modified, key, object))
    }

    /// Patches a component of an object. Server-side apply creates a missing object.
    pub fn patch(
        &mut self,
        write: Write<'_>,
        manager: &str,
        how: PatchType,
        body: &[u8],
    ) -> Result<Value, Refused> {
        if how == PatchType::Apply {
            return self.apply(write, manager, body);
        }
        let Write { operation: _, key, part, check: _ } = write;
        let live = self.get(key).ok_or_else(|| Refused::not_found(key))?;
        let mut object = live.clone();
        match how {
            PatchType::Json => patch::json(&mut object, body)?,
            PatchType::Merge | PatchType::Apply => patch::merge(&mut object, body)?,
        }
        keep_uid(key, part, &mut object, live)?;
        self.replace(write, object)
    }

    fn apply(&mut self, write: Write<'_>, manager: &str, body: &[u8]) -> Result<Value, Refused> {
        let Write { operation: _, key, part, check: _ } = write;
        let wanted: Value =
            serde_json::from_slice(body).map_err(|error| Refused::bad_request(error.to_string()))?;
        let fields = applied_fields(&wanted, part);
        let owner = (manager.to_owned(), part);
        let answer = match self.entries.get(key) {
            Some(Entry { object: live, applied }) => {
                let mut object = live.clone();
                patch::apply(&mut object, applied.get(&owner), &fields);
                for field in ["uid", "resourceVersion"] {
                    if let Some(value) = wanted["metadata"].get(field) {
                        object["metadata"][field] = value.clone();
                    }
                }
                keep_uid(key, part, &mut object, live)?;
                self.replace(write, object)?
            }
            None if part == Component::Status => return Err(Refused::not_found(key)),
            None if !wanted["metadata"]["uid"].is_null() => {
                let uid = text(&wanted["metadata"]["uid"]);
                let why = format!(
                    "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                );
                return Err(Refused::conflict(key, &why));
            }
            None => self.create(write, fields.clone())?,
        };
        if let Some(entry) = self.entries.get_mut(key) {
            entry.applied.insert(owner, fields);
        }
        Ok(answer)
    }

    /// Deletes an object, or marks an object with finalizers as deleted. Returns the marked object or a `Status`.
    pub fn delete(&mut self, operation: &str, key: &Key, only: &Preconditions) -> Result<Value, Refused> {
        let mut object = self.get(key).ok_or_else(|| Refused::not_found(key))?.clone();
        let meta = &object["metadata"];
        let differs =
            |only: &Option<String>, field| only.as_ref().is_some_and(|only| meta[field] != only.as_str());
        if differs(&only.uid, "uid") || differs(&only.resource_version, "resourceVersion") {
            return Err(Refused::modified(key));
        }
        if key.resource == Resource::Namespaces {
            return Ok(self.delete_namespace(operation, key, object));
        }
        if meta["finalizers"].is_null() {
            let Key { resource, namespace: _, name } = key;
            let uid = meta["uid"].clone();
            self.remove(operation, key, object);
            return Ok(json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": {"name": name, "group": resource.group(), "kind": resource.plural(), "uid": uid},
            }));
        }
        if !meta["deletionTimestamp"].is_null() {
            return Ok(object);
        }
        self.mark_deleted(key, &mut object);
        Ok(self.commit(operation, Event::Modified, key, object))
    }

    /// Deletes a namespace with its objects at once. In Kubernetes, the namespace controller does this work.
    fn delete_namespace(&mut self, operation: &str, key: &Key, mut object: Value) -> Value {
        if object["metadata"]["deletionTimestamp"].is_null() {
            self.mark_deleted(key, &mut object);
            object["status"] = json!({"phase": "Terminating"});
            object = self.commit(operation, Event::Modified, key, object);
        }
        for inside in self.inside(&key.name) {
            // The object exists: nothing else runs since the list.
            let _ = self.delete(operation, &inside, &Preconditions::default());
        }
        self.end_namespace(operation, &key.name);
        object
    }

    fn inside(&self, namespace: &str) -> Vec<Key> {
        self.entries
            .keys()
            .filter(|key| key.namespace == namespace && key.resource.namespaced())
            .cloned()
            .collect()
    }

    fn end_namespace(&mut self, operation: &str, name: &str) {
        let key = Key::namespace(name);
        let terminating = |object: &&Value| !object["metadata"]["deletionTimestamp"].is_null();
        if let Some(object) = self.get(&key).filter(terminating).cloned()
            && self.inside(name).is_empty()
        {
            self.commit(operation, Event::Deleted, &key, object);
        }
    }

    fn mark_deleted(&self, key: &Key, object: &mut Value) {
        let meta = &mut object["metadata"];
        meta["deletionTimestamp"] = self.now().into();
        meta["deletionGracePeriodSeconds"] = 0.into();
        if key.resource.custom() {
            meta["generation"] = (meta["generation"].as_i64().unwrap_or_default() + 1).into();
        }
    }

    fn remove(&mut self, operation: &str, key: &Key, object: Value) {
        self.commit(operation, Event::Deleted, key, object);
        self.end_namespace(operation, &key.namespace);
    }

    fn commit(&mut self, operation: &str, event: Event, key: &Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if event == Event::Deleted {
            self.entries.remove(key);
        } else {
            let entry = self.entries.entry(key.clone());
            entry.or_insert_with(|| Entry { object: Value::Null, applied: BTreeMap::new() }).object =
                object.clone();
        }
        self.history.push(Change {
            version: self.version,
            at: self.elapsed(),
            operation: operation.into(),
            event,
            key: key.clone(),
            object: object.clone(),
        });
        object
    }

    /// The check of the admission plugin NamespaceLifecycle.
    fn check_namespace(&self, key: &Key) -> Result<(), Refused> {
        if !key.resource.namespaced() {
            return Ok(());
        }
        let namespace = Key::namespace(&key.namespace);
        let object = self.get(&namespace).ok_or_else(|| Refused::not_found(&namespace))?;
        if object["metadata"]["deletionTimestamp"].is_null() {
            Ok(())
        } else {
            Err(Refused::terminating(key))
        }
    }

    /// The time of day, in whole seconds.
    pub fn time_of_day(&self) -> Timestamp {
        let seconds = EPOCH.saturating_add_unsigned(self.elapsed().as_secs());
        Timestamp::from_second(seconds).unwrap_or_default()
    }

    fn now(&self) -> String {
        self.time_of_day().to_string()
    }

    fn new_uid(&mut self) -> String {
        self.uids += 1;
        let hash = Sha256::digest(format!("{} {}", self.name, self.uids));
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }
}
