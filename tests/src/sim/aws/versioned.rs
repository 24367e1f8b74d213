//! Values with their state before the last change, which a stale read returns.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault_injector::View;

/// A map that remembers the previous value of each key.
#[derive(Clone, Debug)]
pub(super) struct Versioned<K, V> {
    now: BTreeMap<K, V>,
    /// The previous value of each changed key. `None` if the key was new.
    before: BTreeMap<K, Option<V>>,
}

impl<K, V> Default for Versioned<K, V> {
    fn default() -> Self {
        Self { now: BTreeMap::new(), before: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Versioned<K, V> {
    /// The value in this view.
    pub fn seen(&self, key: &K, view: View) -> Option<&V> {
        match self.before.get(key) {
            Some(before) if view == View::Stale => before.as_ref(),
            _ => self.now.get(key),
        }
    }

    /// The current value.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.now.get(key)
    }

    /// All current values, for changes that only time makes. These changes are invisible to [`View::Stale`].
    pub fn age(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.now.iter_mut()
    }

    /// The current value, for the count of reads. The count is invisible to [`View::Stale`].
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.now.get_mut(key)
    }

    /// The keys of all current and previous values, in order.
    pub fn keys(&self) -> Vec<&K> {
        let keys: BTreeSet<&K> = self.now.keys().chain(self.before.keys()).collect();
        keys.into_iter().collect()
    }

    /// All current values.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.now.iter()
    }

    /// Sets or removes a value. Returns the current value before the change.
    pub fn set(&mut self, key: K, value: Option<V>) -> Option<V> {
        let before = match value {
            Some(value) => self.now.insert(key.clone(), value),
            None => self.now.remove(&key),
        };
        self.before.insert(key, before.clone());
        before
    }

    /// Sets a value without a previous value, so that a stale read also sees the new value.
    pub fn settle(&mut self, key: K, value: V) {
        self.before.remove(&key);
        self.now.insert(key, value);
    }

    /// Forgets all previous values.
    pub fn settle_all(&mut self) {
        self.before.clear();
    }

    /// Removes all values with a matching key.
    pub fn remove_if(&mut self, gone: impl Fn(&K) -> bool) {
        let keys: Vec<K> = self.now.keys().filter(|key| gone(key)).cloned().collect();
        for key in keys {
            self.set(key, None);
        }
    }
}
