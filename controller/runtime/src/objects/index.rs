//! An indexed store of one kind, as client-go's Indexer. Without an index, each lookup walks over all
//! objects, and a resync of all objects has a cost of their number squared.
//!
//! kube's reflector writes the store, and the index changes under the same lock. So a reader that has seen an object in
//! the store finds the object in the index, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use lambda_triggers_core::api::{AppliedPermission, DeletionPolicy, TriggerStatus};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::status::Reason;
use parking_lot::{RwLock, RwLockReadGuard};
use serde::Deserialize;

use super::trigger::{Trigger, deletion_policy, key_of, needs_applied_resources, read_status};

/// A property of objects that a lookup needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexKey {
    /// The spec or the status names this bucket.
    Bucket(String),
    /// The spec is unreadable, so the object may have entries in any bucket.
    UnreadableSpec,
    /// The function's code is in this ConfigMap.
    ConfigMap(ObjectKey),
    /// The object needs this recorded statement.
    Permission(AppliedPermission),
    /// The object decides about this recorded rule. The rule of an object that is being deleted with `Retain` stays.
    Rule(String),
    /// The reason of the condition Ready; Progressing before the first status.
    Ready(String),
}

impl IndexKey {
    fn all_of<K: Trigger>(object: &K) -> Vec<Self> {
        let spec = object.spec().value();
        let TriggerStatus { applied, conditions, .. } = read_status(object);
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        let mut keys =
            vec![Self::Ready(ready.map_or(Reason::Progressing.as_str().into(), |ready| ready.reason))];
        if K::Spec::deserialize(&spec).is_err() {
            keys.push(Self::UnreadableSpec);
        }
        let of_spec = spec["bucket"].as_str().map(ToOwned::to_owned);
        keys.extend(of_spec.map(Self::Bucket));
        keys.extend(applied.notifications.into_iter().map(|entries| Self::Bucket(entries.bucket)));
        if let Some(name) = spec["function"]["definition"]["code"]["configMap"]["name"].as_str() {
            keys.push(Self::ConfigMap(ObjectKey::new(object.namespace().unwrap_or_default(), name)));
        }
        if needs_applied_resources(object) || deletion_policy(object) == DeletionPolicy::Delete {
            keys.extend(applied.rules.into_iter().map(|rule| Self::Rule(rule.name)));
        }
        if needs_applied_resources(object) {
            keys.extend(applied.permissions.into_iter().map(Self::Permission));
        }
        keys
    }
}

/// The objects by index key and by namespace and name.
struct Index<K>(BTreeMap<IndexKey, BTreeMap<Arc<ObjectKey>, Arc<K>>>);

impl<K: Trigger> Index<K> {
    fn new(objects: Vec<Arc<K>>) -> Self {
        let mut index = Self(BTreeMap::new());
        objects.into_iter().for_each(|object| index.insert(object));
        index
    }

    fn insert(&mut self, object: Arc<K>) {
        let key = Arc::new(key_of(&*object));
        for index_key in IndexKey::all_of(&*object) {
            self.0.entry(index_key).or_default().insert(key.clone(), object.clone());
        }
    }

    fn remove(&mut self, object: &K) {
        let key = key_of(object);
        for index_key in IndexKey::all_of(object) {
            let Some(objects) = self.0.get_mut(&index_key) else { continue };
            objects.remove(&key);
            if objects.is_empty() {
                self.0.remove(&index_key);
            }
        }
    }
}

/// The watched objects of one kind.
#[derive(Clone)]
pub struct IndexedStore<K: Trigger> {
    objects: Store<K>,
    index: Arc<RwLock<Index<K>>>,
}

impl<K: Trigger> IndexedStore<K> {
    /// An empty store with its writer.
    pub fn new() -> (Self, IndexedWriter<K>) {
        let objects = Writer::default();
        let store = Self { objects: objects.as_reader(), index: Arc::new(RwLock::new(Index::new(vec![]))) };
        (store.clone(), IndexedWriter { objects, store })
    }

    /// The object of this namespace and name.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.objects.get(&ObjectRef::new(&key.name).within(&key.namespace))
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// True if the store has no objects.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// kube's store of the same objects.
    pub fn objects(&self) -> &Store<K> {
        &self.objects
    }

    /// A consistent view for several lookups. The store does not change until the drop of the view.
    pub fn snapshot(&self) -> Snapshot<'_, K> {
        Snapshot { objects: &self.objects, index: self.index.read() }
    }
}

/// A view of the store at one moment.
pub struct Snapshot<'a, K: Trigger> {
    objects: &'a Store<K>,
    index: RwLockReadGuard<'a, Index<K>>,
}

impl<K: Trigger> Snapshot<'_, K> {
    /// The object of this namespace and name.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.objects.get(&ObjectRef::new(&key.name).within(&key.namespace))
    }

    /// The objects with this property, in the order of namespace and name.
    pub fn by_index<'a>(&'a self, key: &IndexKey) -> impl Iterator<Item = &'a Arc<K>> + use<'a, K> {
        self.index.0.get(key).into_iter().flat_map(BTreeMap::values)
    }

    /// The number of objects with this property.
    pub fn count(&self, key: &IndexKey) -> usize {
        self.index.0.get(key).map_or(0, BTreeMap::len)
    }
}

/// Applies the events of a watch to the store.
pub struct IndexedWriter<K: Trigger> {
    objects: Writer<K>,
    store: IndexedStore<K>,
}

impl<K: Trigger> IndexedWriter<K> {
    /// The store for readers.
    pub fn store(&self) -> &IndexedStore<K> {
        &self.store
    }

    /// Applies an event, and returns the changes of the store. The objects of a list replace all objects at the end of
    /// the list.
    pub fn apply(&mut self, event: &Event<K>) -> Vec<Change<K>> {
        let mut index = self.store.index.write();
        let get = |object: &K| self.store.objects.get(&ObjectRef::from_obj(object));
        match event {
            Event::Apply(object) | Event::Delete(object) => {
                let old = get(object);
                self.objects.apply_watcher_event(event);
                let change = Change { old, new: get(object) };
                if let Some(old) = &change.old {
                    index.remove(old);
                }
                if let Some(new) = &change.new {
                    index.insert(new.clone());
                }
                Some(change).filter(Change::is_change).into_iter().collect()
            }
            Event::Init | Event::InitApply(_) => {
                self.objects.apply_watcher_event(event);
                vec![]
            }
            Event::InitDone => {
                let before = self.store.objects.state();
                self.objects.apply_watcher_event(event);
                let after = self.store.objects.state();
                *index = Index::new(after.clone());
                Change::between(before, after)
            }
        }
    }
}

/// A change of one object in the store.
#[derive(Debug)]
pub struct Change<K> {
    /// The object before; `None` for a new object.
    pub old: Option<Arc<K>>,
    /// The object now; `None` for a deleted object.
    pub new: Option<Arc<K>>,
}

impl<K: Trigger> Change<K> {
    /// The changes between two lists, in the order of namespace and name.
    fn between(before: Vec<Arc<K>>, after: Vec<Arc<K>>) -> Vec<Self> {
        let mut changes: BTreeMap<ObjectKey, Self> = BTreeMap::new();
        for old in before {
            let key = key_of(&*old);
            changes.insert(key, Self { old: Some(old), new: None });
        }
        for new in after {
            let key = key_of(&*new);
            changes.entry(key).or_insert(Self { old: None, new: None }).new = Some(new);
        }
        changes.into_values().filter(Self::is_change).collect()
    }

    /// False if both versions are the same: a repeated list or event changes nothing.
    fn is_change(&self) -> bool {
        let version =
            |object: &Option<Arc<K>>| Some((object.as_ref()?.uid(), object.as_ref()?.resource_version()));
        version(&self.old) != version(&self.new)
    }
}

#[cfg(test)]
mod tests;
