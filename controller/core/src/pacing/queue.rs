//! A priority queue for reconciles with two priorities: edits before resyncs.
//!
//! Within a priority, the namespaces take turns (round robin). A namespace with many objects cannot delay the objects
//! of other namespaces.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::api::TriggerStatus;
use crate::status::Reason;

#[cfg(test)]
mod tests;

/// The priority of a reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Objects with a change that a user waits for.
    High,
    /// Resyncs of unchanged objects.
    Low,
}

impl Priority {
    /// All priorities, in the order of dispatch.
    pub const ALL: &[Self] = &[Self::High, Self::Low];
    /// The names of all priorities, in the order of [`Priority::ALL`].
    pub const TEXTS: &[&str] = &[Self::High.as_str(), Self::Low.as_str()];

    /// The name in the metric label `priority`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }

    /// The priority of an object. `request` is the value of the object's annotation `lambda-triggers.dev/reconcile`.
    ///
    /// Edits, deletions, a pause and the end of a pause have high priority. A failed object keeps low priority until
    /// the next edit: after an AWS outage, all objects are failed, and an edit must not wait for all retries.
    pub fn from_object(
        is_deleted_or_paused: bool,
        generation: Option<i64>,
        request: Option<&str>,
        status: &TriggerStatus,
    ) -> Self {
        let is_new = status.observed_generation.is_none() || status.observed_generation != generation;
        let is_requested = request.is_some() && request != status.last_handled_reconcile_at.as_deref();
        let has_condition = |kind: &str, reason: Reason| {
            status.conditions.iter().any(|c| c.type_ == kind && c.reason == reason.as_str())
        };
        let is_in_progress = has_condition("Reconciling", Reason::Progressing);
        let was_paused = has_condition("Ready", Reason::Paused);
        let is_high_priority = is_deleted_or_paused || is_new || is_requested || is_in_progress || was_paused;
        if is_high_priority { Self::High } else { Self::Low }
    }
}

/// The waiting keys; each key waits at most once.
#[derive(Clone, Debug)]
pub struct Queue<K> {
    levels: [Level<K>; 2],
    positions: BTreeMap<K, Position>,
    arrivals: u64,
}

/// The waiting keys of one priority.
#[derive(Clone, Debug)]
struct Level<K> {
    /// The keys of each namespace, by arrival number.
    namespaces: BTreeMap<String, BTreeMap<u64, K>>,
    /// The namespaces with waiting keys, in the order of dispatch.
    order: VecDeque<String>,
    /// The start of each wait, by arrival number. The first entry is the oldest wait.
    since: BTreeMap<u64, Duration>,
}

/// The position of a key in the queue.
#[derive(Clone, Debug)]
struct Position {
    priority: Priority,
    namespace: String,
    arrival: u64,
}

impl<K> Default for Level<K> {
    fn default() -> Self {
        Self { namespaces: BTreeMap::new(), order: VecDeque::new(), since: BTreeMap::new() }
    }
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { levels: [Level::default(), Level::default()], positions: BTreeMap::new(), arrivals: 0 }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Adds `key` to the queue of a priority. `now` is the time since some fixed start. A key in the queue keeps its
    /// position.
    pub fn push(&mut self, key: K, namespace: &str, priority: Priority, now: Duration) {
        if self.positions.contains_key(&key) {
            return;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.levels[priority as usize].push(namespace, arrival, key.clone(), now);
        self.positions.insert(key, Position { priority, namespace: namespace.into(), arrival });
    }

    /// Removes and returns the next key of a priority.
    pub fn pop(&mut self, priority: Priority) -> Option<K> {
        let key = self.levels[priority as usize].pop()?;
        self.positions.remove(&key);
        Some(key)
    }

    /// Moves a waiting key from low to high priority. Other keys stay unchanged.
    pub fn raise_priority(&mut self, key: &K, now: Duration) {
        if let Some(Position { priority: Priority::Low, namespace, .. }) = self.positions.get(key) {
            let namespace = namespace.clone();
            self.remove(key);
            self.push(key.clone(), &namespace, Priority::High, now);
        }
    }

    /// Removes a key from the queue.
    pub fn remove(&mut self, key: &K) {
        if let Some(Position { priority, namespace, arrival }) = self.positions.remove(key) {
            self.levels[priority as usize].remove(&namespace, arrival);
        }
    }

    /// The number of waiting keys of a priority.
    pub fn depth(&self, priority: Priority) -> usize {
        self.levels[priority as usize].since.len()
    }

    /// The longest wait of a priority until `now`; zero for an empty queue.
    pub fn oldest(&self, priority: Priority, now: Duration) -> Duration {
        let first = self.levels[priority as usize].since.first_key_value();
        first.map_or(Duration::ZERO, |(_, since)| now.saturating_sub(*since))
    }
}

impl<K> Level<K> {
    fn push(&mut self, namespace: &str, arrival: u64, key: K, now: Duration) {
        if !self.namespaces.contains_key(namespace) {
            self.order.push_back(namespace.into());
        }
        self.namespaces.entry(namespace.into()).or_default().insert(arrival, key);
        self.since.insert(arrival, now);
    }

    fn pop(&mut self) -> Option<K> {
        let namespace = self.order.pop_front()?;
        let waiting = self.namespaces.get_mut(&namespace)?;
        let (arrival, key) = waiting.pop_first()?;
        self.since.remove(&arrival);
        if waiting.is_empty() {
            self.namespaces.remove(&namespace);
        } else {
            self.order.push_back(namespace);
        }
        Some(key)
    }

    fn remove(&mut self, namespace: &str, arrival: u64) {
        self.since.remove(&arrival);
        let Some(waiting) = self.namespaces.get_mut(namespace) else { return };
        waiting.remove(&arrival);
        if waiting.is_empty() {
            self.namespaces.remove(namespace);
            self.order.retain(|other| other != namespace);
        }
    }
}
