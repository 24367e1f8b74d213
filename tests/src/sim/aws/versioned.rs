//! Values by name, each with what it was before its last change: what a stale read answers.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault_injector::View;

/// Values of which the state before the last change is still known.
#[derive(Clone, Debug)]
pub(super) struct Versioned<K, V> {
    now: BTreeMap<K, V>,
    /// For what was ever changed: the value before, none where there was none.
    before: BTreeMap<K, Option<V>>,
}

impl<K, V> Default for Versioned<K, V> {
    fn default() -> Self {
        Self { now: BTreeMap::new(), before: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Versioned<K, V> {
    /// The value as this view shows it.
    pub fn seen(&self, key: &K, view: View) -> Option<&V> {
        match self.before.get(key) {
            Some(before) if view == View::Stale => before.as_ref(),
            _ => self.now.get(key),
        }
    }

    /// The value as it is.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.now.get(key)
    }

    /// All values, to be changed as time changes them: that is no write.
    pub fn age(&mut self) -> impl Iterator<Item = &mut V> {
        self.now.values_mut()
    }

    /// The value, to be changed as looking at it changes it: that is no write either.
    pub fn look_at(&mut self, key: &K) -> Option<&mut V> {
        self.now.get_mut(key)
    }

    /// The names of all that is or was there, in order.
    pub fn keys(&self) -> Vec<&K> {
        let keys: BTreeSet<&K> = self.now.keys().chain(self.before.keys()).collect();
        keys.into_iter().collect()
    }

    /// All values as they are.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.now.iter()
    }

    /// Gives a value, or takes it away. Returns the one that was there.
    pub fn set(&mut self, key: K, value: Option<V>) -> Option<V> {
        let before = match value {
            Some(value) => self.now.insert(key.clone(), value),
            None => self.now.remove(&key),
        };
        self.before.insert(key, before.clone());
        before
    }

    /// Gives a value as if it had always been there: no read, however stale, misses it.
    pub fn settle(&mut self, key: K, value: V) {
        self.before.remove(&key);
        self.now.insert(key, value);
    }

    /// Takes all values as if they had always been there.
    pub fn settle_all(&mut self) {
        self.before.clear();
    }

    /// Takes away all values of which this holds.
    pub fn remove_if(&mut self, gone: impl Fn(&K) -> bool) {
        let keys: Vec<K> = self.now.keys().filter(|key| gone(key)).cloned().collect();
        for key in keys {
            self.set(key, None);
        }
    }
}
