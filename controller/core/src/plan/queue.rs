//! Who is next: two lanes, edits before sweeps, and within a lane one namespace after the other, so that nobody waits for
//! all of somebody else's.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::api::TriggerStatus;
use crate::plan::report::Reason;

#[cfg(test)]
mod tests;

/// A lane of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Objects that somebody has changed.
    Edit,
    /// Objects that are looked at again.
    Sweep,
}

impl Lane {
    /// Both, in the order in which they are served.
    pub const ALL: &[Self] = &[Self::Edit, Self::Sweep];
    /// Their names.
    pub const TEXTS: &[&str] = &[Self::Edit.as_str(), Self::Sweep.as_str()];

    /// Its name, as a metric's label says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Sweep => "sweep",
        }
    }

    /// The lane of an object: whether somebody waits for what becomes of it. `request` is what its annotation
    /// `lambda-triggers.dev/reconcile` says. The end of a pause counts as an edit.
    ///
    /// One that has failed is swept until it is changed: after an outage of AWS these are all objects, and a person's edit is
    /// not to wait for them.
    pub fn of(
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
        let is_edit = is_deleted_or_paused || is_new || is_asked || is_under_way || was_paused;
        if is_edit { Self::Edit } else { Self::Sweep }
    }
}

/// Those who wait, each once.
#[derive(Clone, Debug)]
pub struct Queue<K> {
    lanes: [Waiting<K>; 2],
    places: BTreeMap<K, Place>,
    arrivals: u64,
}

/// Those who wait in one lane.
#[derive(Clone, Debug)]
struct Waiting<K> {
    /// Those of each namespace, by their arrival.
    namespaces: BTreeMap<String, BTreeMap<u64, K>>,
    /// The namespaces in which somebody waits, in the order in which they are served.
    order: VecDeque<String>,
    /// Since when each of them waits, by their arrival: a later one has not waited longer.
    since: BTreeMap<u64, Duration>,
}

/// Where somebody waits.
#[derive(Clone, Debug)]
struct Place {
    lane: Lane,
    namespace: String,
    arrival: u64,
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self { namespaces: BTreeMap::new(), order: VecDeque::new(), since: BTreeMap::new() }
    }
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { lanes: [Waiting::default(), Waiting::default()], places: BTreeMap::new(), arrivals: 0 }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Has `key` wait in a lane from `now` on, which is the time since some start. Nothing changes for one that waits
    /// already.
    pub fn push(&mut self, key: K, namespace: &str, lane: Lane, now: Duration) {
        if self.places.contains_key(&key) {
            return;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.lanes[lane as usize].push(namespace, arrival, key.clone(), now);
        self.places.insert(key, Place { lane, namespace: namespace.into(), arrival });
    }

    /// The next one of a lane.
    pub fn pop(&mut self, lane: Lane) -> Option<K> {
        let key = self.lanes[lane as usize].pop()?;
        self.places.remove(&key);
        Some(key)
    }

    /// Has one that waits in the lane of sweeps wait in that of edits.
    pub fn promote(&mut self, key: &K, now: Duration) {
        if let Some(Place { lane: Lane::Sweep, namespace, .. }) = self.places.get(key) {
            let namespace = namespace.clone();
            self.remove(key);
            self.push(key.clone(), &namespace, Lane::Edit, now);
        }
    }

    /// Takes one out who waits no more.
    pub fn remove(&mut self, key: &K) {
        if let Some(Place { lane, namespace, arrival }) = self.places.remove(key) {
            self.lanes[lane as usize].remove(&namespace, arrival);
        }
    }

    /// How many wait in a lane.
    pub fn depth(&self, lane: Lane) -> usize {
        self.lanes[lane as usize].since.len()
    }

    /// How long the one has waited at `now` that has waited the longest in a lane; zero where none does.
    pub fn oldest(&self, lane: Lane, now: Duration) -> Duration {
        let first = self.lanes[lane as usize].since.first_key_value();
        first.map_or(Duration::ZERO, |(_, since)| now.saturating_sub(*since))
    }
}

impl<K> Waiting<K> {
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
pub struct Places {
    /// In all.
    pub all: usize,
    /// Of sweeps: the others are kept free for edits, since a sweep may be a while at work.
    pub sweeps: usize,
}

/// Those who wait for a turn, and those who have one.
#[derive(Clone, Debug)]
pub struct Turns<K> {
    /// Those who wait.
    pub queue: Queue<K>,
    places: Places,
    /// How many of each lane are at work.
    working: [usize; 2],
}

impl<K: Ord + Clone> Turns<K> {
    /// Nobody waits, and nobody is at work.
    pub fn new(places: Places) -> Self {
        Self { queue: Queue::default(), places, working: [0, 0] }
    }

    /// Gives the next one a turn, if there is a place. The turn counts as one of the lane that is returned with it.
    pub fn give(&mut self) -> Option<(K, Lane)> {
        let [edits, sweeps] = self.working;
        if edits + sweeps >= self.places.all {
            return None;
        }
        let open = Lane::ALL.iter().filter(|lane| **lane == Lane::Edit || sweeps < self.places.sweeps);
        let (lane, key) = open.copied().find_map(|lane| Some((lane, self.queue.pop(lane)?)))?;
        self.working[lane as usize] += 1;
        Some((key, lane))
    }

    /// Takes back a turn of this lane.
    pub fn end(&mut self, lane: Lane) {
        let working = &mut self.working[lane as usize];
        *working = working.saturating_sub(1);
    }
}
