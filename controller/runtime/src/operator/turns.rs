//! Turns at reconciling: many objects may be due at a time, as all are at a start, and a few are worked on, those that
//! somebody has changed first. One that waits costs little.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use lambda_triggers_core::plan::identity::ObjectKey;
use lambda_triggers_core::plan::queue::{self, Lane, Places};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::aws::CallContext;
use crate::reconcile::{Raw, is_paused, read_status};
use crate::telemetry::metrics::LaneState;

/// Reconciles at a time, of both kinds. Most of each is waiting for AWS. As many resources of one bucket come to its worker
/// together.
const PLACES: Places = Places { all: 32, sweeps: 16 };

/// An object that waits or works: its kind, and which one.
pub type Key = Arc<(&'static str, ObjectKey)>;

/// Those who wait for a turn, and those who have one.
pub struct Turns {
    began: Instant,
    state: Mutex<State>,
}

struct State {
    turns: queue::Turns<Key>,
    waiting: HashMap<Key, oneshot::Sender<Turn>>,
    working: HashMap<Key, Arc<CallContext>>,
    /// Those whose next turn is an edit's, whatever they say themselves.
    expedited: BTreeSet<Key>,
    closed: bool,
}

/// The right to work, for as long as it is kept.
pub struct Turn {
    turns: Arc<Turns>,
    key: Key,
    /// The lane that it was given in.
    lane: Lane,
    /// The work that it was given for.
    pub call_context: Arc<CallContext>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.working.remove(&self.key);
        state.turns.end(self.lane);
        drop(state);
        self.turns.give();
    }
}

/// One who waits, until it does no more.
struct Wait<'a> {
    turns: &'a Turns,
    key: &'a Key,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.turns.queue.remove(self.key);
        state.waiting.remove(self.key);
    }
}

/// The key of an object.
pub fn key<K: Raw>(object: &K) -> Key {
    Arc::new((K::NAME, ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())))
}

/// The key of the object that is referred to.
pub fn key_of<K: Raw>(object: &ObjectRef<K>) -> Key {
    let namespace = object.namespace.clone().unwrap_or_default();
    Arc::new((K::NAME, ObjectKey::new(namespace, object.name.clone())))
}

/// The lane of an object.
pub fn lane<K: Raw>(object: &K) -> Lane {
    let meta = object.meta();
    let request = object.annotations().get(RECONCILE_ANNOTATION).map(String::as_str);
    let is_urgent = meta.deletion_timestamp.is_some() || is_paused(object);
    Lane::of(is_urgent, meta.generation, request, &read_status(object))
}

impl Turns {
    /// Nobody waits.
    pub fn new() -> Arc<Self> {
        let state = State {
            turns: queue::Turns::new(PLACES),
            waiting: HashMap::new(),
            working: HashMap::new(),
            expedited: BTreeSet::new(),
            closed: false,
        };
        Arc::new(Self { began: Instant::now(), state: Mutex::new(state) })
    }

    /// Waits for a turn; none where the operator is stopping.
    pub async fn wait(self: &Arc<Self>, key: &Key, lane: Lane) -> Option<Turn> {
        let (turn, given) = oneshot::channel();
        {
            let mut state = self.state();
            if state.closed {
                return None;
            }
            let lane = if state.expedited.remove(key) { Lane::Edit } else { lane };
            let now = self.began.elapsed();
            state.turns.queue.push(key.clone(), &key.1.namespace, lane, now);
            state.waiting.insert(key.clone(), turn);
        }
        let _wait = Wait { turns: self, key };
        self.give();
        given.await.ok()
    }

    /// Has an object that waits to be swept, or is, wait as one that was edited: it has been, meanwhile.
    pub fn promote(self: &Arc<Self>, key: &Key) {
        let now = self.began.elapsed();
        let mut state = self.state();
        state.turns.queue.promote(key, now);
        if let Some(call_context) = state.working.get(key) {
            call_context.promote();
        }
        drop(state);
        // There may be a place for it already.
        self.give();
    }

    /// Has the next turn of an object be that of one that was edited, as where something was that it names.
    pub fn expedite(self: &Arc<Self>, key: Key) {
        let mut state = self.state();
        if state.waiting.contains_key(&key) {
            drop(state);
            self.promote(&key);
        } else {
            state.expedited.insert(key);
        }
    }

    /// Nobody gets a turn any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    /// The queue as it is now.
    pub fn look(&self) -> Vec<LaneState> {
        let (now, state) = (self.began.elapsed(), self.state());
        let queue = &state.turns.queue;
        let of = |lane: &Lane| LaneState {
            lane: *lane,
            depth: queue.depth(*lane),
            oldest: queue.oldest(*lane, now),
        };
        Lane::ALL.iter().map(of).collect()
    }

    /// Gives turns to those who are next, as far as there are places.
    fn give(self: &Arc<Self>) {
        loop {
            let (taker, turn) = {
                let mut state = self.state();
                if state.closed {
                    return;
                }
                let Some((key, lane)) = state.turns.give() else { return };
                let call_context = CallContext::new(&key.1.namespace, lane);
                state.working.insert(key.clone(), call_context.clone());
                (state.waiting.remove(&key), Turn { turns: self.clone(), key, lane, call_context })
            };
            // Who does not wait any more gives it back by not taking it.
            drop(taker.map(|taker| taker.send(turn)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> Key {
        Arc::new(("ScheduledFunction", ObjectKey::new("team", name)))
    }

    fn depths(turns: &Turns) -> Vec<usize> {
        turns.look().iter().map(|lane| lane.depth).collect()
    }

    /// As many sweeps at work as may be.
    async fn busy(turns: &Arc<Turns>) -> Vec<Turn> {
        let mut working = vec![];
        for number in 0..PLACES.sweeps {
            working.extend(turns.wait(&object(&format!("busy-{number}")), Lane::Sweep).await);
        }
        working
    }

    async fn lane_of_turn(turns: &Arc<Turns>, name: &str, lane: Lane) -> Option<Lane> {
        turns.wait(&object(name), lane).await.map(|turn| turn.lane)
    }

    /// Has an object wait in a task of its own, which says the lane of its turn and keeps it no longer.
    async fn waiter(turns: &Arc<Turns>, name: &str, lane: Lane) -> tokio::task::JoinHandle<Option<Lane>> {
        let (turns, key) = (turns.clone(), object(name));
        let task = tokio::spawn(async move { turns.wait(&key, lane).await.map(|turn| turn.lane) });
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test]
    async fn who_is_edited_gets_a_turn_while_sweeps_wait() {
        let turns = Turns::new();
        let mut working = busy(&turns).await;
        let sweep = waiter(&turns, "a", Lane::Sweep).await;
        let promoted = waiter(&turns, "b", Lane::Sweep).await;
        let expedited = waiter(&turns, "c", Lane::Sweep).await;
        assert_eq!(depths(&turns), [0, 3]);
        assert_eq!(lane_of_turn(&turns, "d", Lane::Edit).await, Some(Lane::Edit));
        turns.promote(&object("b"));
        assert_eq!(promoted.await.unwrap(), Some(Lane::Edit));
        turns.expedite(object("c"));
        assert_eq!(expedited.await.unwrap(), Some(Lane::Edit));
        assert_eq!(depths(&turns), [0, 1]);
        working.pop();
        assert_eq!(sweep.await.unwrap(), Some(Lane::Sweep));
    }

    #[tokio::test]
    async fn what_is_expedited_before_it_is_due_is_an_edit_once() {
        let turns = Turns::new();
        turns.expedite(object("a"));
        assert_eq!(lane_of_turn(&turns, "a", Lane::Sweep).await, Some(Lane::Edit));
        assert_eq!(lane_of_turn(&turns, "a", Lane::Sweep).await, Some(Lane::Sweep));
        // One that does not wait is not edited.
        turns.promote(&object("a"));
        assert_eq!(lane_of_turn(&turns, "a", Lane::Sweep).await, Some(Lane::Sweep));
    }

    #[tokio::test]
    async fn who_gives_up_takes_nobodys_turn() {
        let turns = Turns::new();
        let mut working = busy(&turns).await;
        let gone = waiter(&turns, "a", Lane::Sweep).await;
        let next = waiter(&turns, "b", Lane::Sweep).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(depths(&turns), [0, 1]);
        // It has its turn, and is gone before it takes it.
        let late = waiter(&turns, "c", Lane::Sweep).await;
        working.pop();
        next.abort();
        assert_eq!(late.await.unwrap(), Some(Lane::Sweep));
    }

    #[tokio::test]
    async fn nobody_gets_a_turn_where_the_operator_is_stopping() {
        let turns = Turns::new();
        let working = busy(&turns).await;
        let waiting = waiter(&turns, "a", Lane::Sweep).await;
        turns.close();
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(lane_of_turn(&turns, "b", Lane::Edit).await, None);
        drop(working);
    }
}
