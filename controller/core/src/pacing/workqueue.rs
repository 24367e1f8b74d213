//! The workqueue: the keys that wait for a reconcile, run, or are due later.
//!
//! The rules are those of client-go's delaying workqueue and controller-runtime's priority queue. A key is processed
//! once at a time. A key that is added while it is processed is processed again. Each key waits at most once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::queue::{Priority, Queue};

#[cfg(test)]
mod tests;

/// The maximum number of concurrent reconciles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// The limit over all priorities.
    pub total: usize,
    /// The limit for low priority. The remaining permits stay free for edits, because a resync can take long.
    pub low_priority: usize,
}

/// The keys by state. All times count from some fixed start.
#[derive(Clone, Debug)]
pub struct WorkQueue<K> {
    /// The keys that are due, without a permit.
    ready: Queue<K>,
    delayed: Delayed<K>,
    processing: BTreeMap<K, Processing>,
    concurrency: Concurrency,
    /// The number of permits in use, by priority.
    running: [usize; 2],
}

/// A key with a permit.
#[derive(Clone, Copy, Debug)]
struct Processing {
    /// The priority at the dispatch.
    priority: Priority,
    /// The priority of the next reconcile, if the key was added during this one: client-go calls the key dirty.
    dirty: Option<Priority>,
}

/// The keys that are due later.
#[derive(Clone, Debug)]
struct Delayed<K> {
    by_time: BTreeSet<(Duration, K)>,
    due: BTreeMap<K, Duration>,
}

impl<K: Ord + Clone> Delayed<K> {
    fn insert(&mut self, key: K, due: Duration) {
        self.remove(&key);
        self.by_time.insert((due, key.clone()));
        self.due.insert(key, due);
    }

    fn remove(&mut self, key: &K) {
        if let Some((key, due)) = self.due.remove_entry(key) {
            self.by_time.remove(&(due, key));
        }
    }

    fn pop(&mut self, now: Duration) -> Option<K> {
        self.by_time.first().filter(|(due, _)| *due <= now)?;
        let (_, key) = self.by_time.pop_first()?;
        self.due.remove(&key);
        Some(key)
    }
}

impl<K: Ord + Clone> WorkQueue<K> {
    /// An empty queue with all permits free.
    pub fn new(concurrency: Concurrency) -> Self {
        let delayed = Delayed { by_time: BTreeSet::new(), due: BTreeMap::new() };
        Self { ready: Queue::default(), delayed, processing: BTreeMap::new(), concurrency, running: [0, 0] }
    }

    /// Adds a key that is due now. A waiting key keeps its position, unless its priority rises. A key in processing is
    /// processed again.
    pub fn add(&mut self, key: K, namespace: &str, priority: Priority, now: Duration) {
        if let Some(Processing { dirty, .. }) = self.processing.get_mut(&key) {
            *dirty = Some(dirty.map_or(priority, |known| known.min(priority)));
            return;
        }
        self.delayed.remove(&key);
        if priority == Priority::High {
            self.ready.raise_priority(&key, now);
        }
        self.ready.push(key, namespace, priority, now);
    }

    /// Moves a waiting key from low to high priority. Other keys stay unchanged.
    pub fn raise_priority(&mut self, key: &K, now: Duration) {
        self.ready.raise_priority(key, now);
    }

    /// Removes and returns a delayed key that is due. The caller adds the key with its current priority.
    pub fn pop_due(&mut self, now: Duration) -> Option<K> {
        self.delayed.pop(now)
    }

    /// The time at which the next delayed key is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.delayed.by_time.first().map(|(due, _)| *due)
    }

    /// Returns the next key if a permit is free. The key is in processing until [`Self::done`].
    pub fn get(&mut self) -> Option<(K, Priority)> {
        let [high, low] = self.running;
        if high + low >= self.concurrency.total {
            return None;
        }
        let open = Priority::ALL
            .iter()
            .filter(|priority| **priority == Priority::High || low < self.concurrency.low_priority);
        let (priority, key) =
            open.copied().find_map(|priority| Some((priority, self.ready.pop(priority)?)))?;
        self.running[priority as usize] += 1;
        self.processing.insert(key.clone(), Processing { priority, dirty: None });
        Some((key, priority))
    }

    /// Ends the processing of a key, and returns its permit. The key is due again now if it was added in the meantime,
    /// and otherwise at `requeue_at`.
    pub fn done(&mut self, key: &K, namespace: &str, requeue_at: Option<Duration>, now: Duration) {
        let Some((key, Processing { priority, dirty })) = self.processing.remove_entry(key) else { return };
        self.running[priority as usize] -= 1;
        match (dirty, requeue_at) {
            (Some(priority), _) => self.add(key, namespace, priority, now),
            (None, Some(due)) => self.delayed.insert(key, due),
            (None, None) => {}
        }
    }

    /// The number of waiting keys of a priority.
    pub fn depth(&self, priority: Priority) -> usize {
        self.ready.depth(priority)
    }

    /// The longest wait of a priority until `now`; zero without waiting keys.
    pub fn oldest(&self, priority: Priority, now: Duration) -> Duration {
        self.ready.oldest(priority, now)
    }
}
