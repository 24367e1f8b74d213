//! Who is next: two levels, edits before resyncs, and within a priority one namespace after the other, so that nobody waits for
//! all of somebody else's.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::api::TriggerStatus;
use crate::status::Reason;

#[cfg(test)]
mod tests;

/// A priority of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Objects that somebody has changed.
    High,
    /// Objects that are looked at again.
    Low,
}

impl Priority {
    /// Both, in the order in which they are served.
    pub const ALL: &[Self] = &[Self::High, Self::Low];
    /// Their names.
    pub const TEXTS: &[&str] = &[Self::High.as_str(), Self::Low.as_str()];

    /// Its name, as a metric's label says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }

    /// The priority of an object: whether somebody waits for what becomes of it. `request` is what its annotation
    /// `lambda-triggers.dev/reconcile` says. The end of a pause counts as an edit.
    ///
    /// One that has failed is swept until it is changed: after an outage of AWS these are all objects, and a person's edit is
    /// not to wait for them.
    pub fn from_object(
        is_deleted_or_paused: bool,
        generation: Option<i64>,
        request: Option<&str>,
        status: &TriggerStatus,
    ) -> Self {
        let is_new = status.observed_generation.is_none() || status.observed_generation != generation;
        let is_asked = request.is_some() && request != status.last_handled_reconcile_at.as_deref();
        let says = |kind: &str, reason: Reason| {
            status.conditions.iter().any(|c| c.type_ == kind && c.reason == reason.as_str())
        };
        let is_under_way = says("Reconciling", Reason::Progressing);
        let was_paused = says("Ready", Reason::Paused);
        let is_high_priority = is_deleted_or_paused || is_new || is_asked || is_under_way || was_paused;
        if is_high_priority { Self::High } else { Self::Low }
    }
}

/// Those who wait, each once.
#[derive(Clone, Debug)]
pub struct Queue<K> {
    levels: [Level<K>; 2],
    positions: BTreeMap<K, Position>,
    arrivals: u64,
}

/// Those who wait in one priority.
#[derive(Clone, Debug)]
struct Level<K> {
    /// Those of each namespace, by their arrival.
    namespaces: BTreeMap<String, BTreeMap<u64, K>>,
    /// The namespaces in which somebody waits, in the order in which they are served.
    order: VecDeque<String>,
    /// Since when each of them waits, by their arrival: a later one has not waited longer.
    since: BTreeMap<u64, Duration>,
}

/// Where somebody waits.
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
    /// Has `key` wait in a priority from `now` on, which is the time since some start. Nothing changes for one that waits
    /// already.
    pub fn push(&mut self, key: K, namespace: &str, priority: Priority, now: Duration) {
        if self.positions.contains_key(&key) {
            return;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.levels[priority as usize].push(namespace, arrival, key.clone(), now);
        self.positions.insert(key, Position { priority, namespace: namespace.into(), arrival });
    }

    /// The next one of a priority.
    pub fn pop(&mut self, priority: Priority) -> Option<K> {
        let key = self.levels[priority as usize].pop()?;
        self.positions.remove(&key);
        Some(key)
    }

    /// Has one that waits in the priority of resyncs wait in that of edits.
    pub fn raise_priority(&mut self, key: &K, now: Duration) {
        if let Some(Position { priority: Priority::Low, namespace, .. }) = self.positions.get(key) {
            let namespace = namespace.clone();
            self.remove(key);
            self.push(key.clone(), &namespace, Priority::High, now);
        }
    }

    /// Takes one out who waits no more.
    pub fn remove(&mut self, key: &K) {
        if let Some(Position { priority, namespace, arrival }) = self.positions.remove(key) {
            self.levels[priority as usize].remove(&namespace, arrival);
        }
    }

    /// How many wait in a priority.
    pub fn depth(&self, priority: Priority) -> usize {
        self.levels[priority as usize].since.len()
    }

    /// How long the one has waited at `now` that has waited the longest in a priority; zero where none does.
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

/// How many may be at work at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// In all.
    pub total: usize,
    /// Of resyncs: the others are kept free for edits, since a resync may be a while at work.
    pub low_priority: usize,
}

/// Those who wait for a turn, and those who have one.
#[derive(Clone, Debug)]
pub struct Dispatcher<K> {
    /// Those who wait.
    pub queue: Queue<K>,
    concurrency: Concurrency,
    /// How many of each priority are at work.
    running: [usize; 2],
}

impl<K: Ord + Clone> Dispatcher<K> {
    /// Nobody waits, and nobody is at work.
    pub fn new(concurrency: Concurrency) -> Self {
        Self { queue: Queue::default(), concurrency, running: [0, 0] }
    }

    /// Gives the next one a turn, if there is a place. The turn counts as one of the priority that is returned with it.
    pub fn dispatch(&mut self) -> Option<(K, Priority)> {
        let [high, low] = self.running;
        if high + low >= self.concurrency.total {
            return None;
        }
        let open = Priority::ALL
            .iter()
            .filter(|priority| **priority == Priority::High || low < self.concurrency.low_priority);
        let (priority, key) =
            open.copied().find_map(|priority| Some((priority, self.queue.pop(priority)?)))?;
        self.running[priority as usize] += 1;
        Some((key, priority))
    }

    /// Takes back a turn of this priority.
    pub fn release(&mut self, priority: Priority) {
        let running = &mut self.running[priority as usize];
        *running = running.saturating_sub(1);
    }
}
