//! WorkQueue at reconciling: many objects may be due at a time, as all are at a start, and a few are worked on, those that
//! somebody has changed first. One that waits costs little.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::pacing::queue::{self, Concurrency, Priority};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::aws::CallContext;
use crate::objects::{Trigger, is_paused, read_status};
use crate::telemetry::metrics::QueueState;

/// Reconciles at a time, of both kinds. Most of each is waiting for AWS. As many resources of one bucket come to its worker
/// together.
const MAX_CONCURRENT_RECONCILES: Concurrency = Concurrency { total: 32, low_priority: 16 };

/// An object that waits or works: its kind, and which one.
pub type Key = Arc<(&'static str, ObjectKey)>;

/// Those who wait for a permit, and those who have one.
pub struct WorkQueue {
    began: Instant,
    state: Mutex<WorkQueueState>,
}

struct WorkQueueState {
    dispatcher: queue::Dispatcher<Key>,
    waiting: HashMap<Key, oneshot::Sender<Permit>>,
    running: HashMap<Key, Arc<CallContext>>,
    /// Those whose next permit is an edit's, whatever they say themselves.
    raised_next: BTreeSet<Key>,
    closed: bool,
}

/// The right to work, for as long as it is kept.
pub struct Permit {
    workqueue: Arc<WorkQueue>,
    key: Key,
    /// The priority that it was granted in.
    priority: Priority,
    /// The work that it was granted for.
    pub call_context: Arc<CallContext>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.workqueue.state();
        state.running.remove(&self.key);
        state.dispatcher.release(self.priority);
        drop(state);
        self.workqueue.dispatch();
    }
}

/// One who waits, until it does no more.
struct WaitGuard<'a> {
    workqueue: &'a WorkQueue,
    key: &'a Key,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.workqueue.state();
        state.dispatcher.queue.remove(self.key);
        state.waiting.remove(self.key);
    }
}

/// The key of an object.
pub fn key<K: Trigger>(object: &K) -> Key {
    Arc::new((K::NAME, ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())))
}

/// The key of the object that is referred to.
pub fn key_of<K: Trigger>(object: &ObjectRef<K>) -> Key {
    let namespace = object.namespace.clone().unwrap_or_default();
    Arc::new((K::NAME, ObjectKey::new(namespace, object.name.clone())))
}

/// The priority of an object.
pub fn priority<K: Trigger>(object: &K) -> Priority {
    let meta = object.meta();
    let request = object.annotations().get(RECONCILE_ANNOTATION).map(String::as_str);
    let is_urgent = meta.deletion_timestamp.is_some() || is_paused(object);
    Priority::from_object(is_urgent, meta.generation, request, &read_status(object))
}

impl WorkQueue {
    /// Nobody waits.
    pub fn new() -> Arc<Self> {
        let state = WorkQueueState {
            dispatcher: queue::Dispatcher::new(MAX_CONCURRENT_RECONCILES),
            waiting: HashMap::new(),
            running: HashMap::new(),
            raised_next: BTreeSet::new(),
            closed: false,
        };
        Arc::new(Self { began: Instant::now(), state: Mutex::new(state) })
    }

    /// Waits for a permit; none where the operator is stopping.
    pub async fn acquire(self: &Arc<Self>, key: &Key, priority: Priority) -> Option<Permit> {
        let (permit, granted) = oneshot::channel();
        {
            let mut state = self.state();
            if state.closed {
                return None;
            }
            let priority = if state.raised_next.remove(key) { Priority::High } else { priority };
            let now = self.began.elapsed();
            state.dispatcher.queue.push(key.clone(), &key.1.namespace, priority, now);
            state.waiting.insert(key.clone(), permit);
        }
        let _wait = WaitGuard { workqueue: self, key };
        self.dispatch();
        granted.await.ok()
    }

    /// Has an object that waits to be swept, or is, wait as one that was edited: it has been, meanwhile.
    pub fn raise_priority(self: &Arc<Self>, key: &Key) {
        let now = self.began.elapsed();
        let mut state = self.state();
        state.dispatcher.queue.raise_priority(key, now);
        if let Some(call_context) = state.running.get(key) {
            call_context.raise_priority();
        }
        drop(state);
        // There may be a place for it already.
        self.dispatch();
    }

    /// Has the next permit of an object be that of one that was edited, as where something was that it names.
    pub fn raise_priority_next(self: &Arc<Self>, key: Key) {
        let mut state = self.state();
        if state.waiting.contains_key(&key) {
            drop(state);
            self.raise_priority(&key);
        } else {
            state.raised_next.insert(key);
        }
    }

    /// Nobody gets a permit any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    /// The queue as it is now.
    pub fn snapshot(&self) -> Vec<QueueState> {
        let (now, state) = (self.began.elapsed(), self.state());
        let queue = &state.dispatcher.queue;
        let of = |priority: &Priority| QueueState {
            priority: *priority,
            depth: queue.depth(*priority),
            oldest: queue.oldest(*priority, now),
        };
        Priority::ALL.iter().map(of).collect()
    }

    /// Gives workqueue to those who are next, as far as there are places.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let (waiter, permit) = {
                let mut state = self.state();
                if state.closed {
                    return;
                }
                let Some((key, priority)) = state.dispatcher.dispatch() else { return };
                let call_context = CallContext::new(&key.1.namespace, priority);
                state.running.insert(key.clone(), call_context.clone());
                (state.waiting.remove(&key), Permit { workqueue: self.clone(), key, priority, call_context })
            };
            // Who does not wait any more gives it back by not taking it.
            drop(waiter.map(|waiter| waiter.send(permit)));
        }
    }

    fn state(&self) -> MutexGuard<'_, WorkQueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> Key {
        Arc::new(("ScheduledFunction", ObjectKey::new("team", name)))
    }

    fn depths(workqueue: &WorkQueue) -> Vec<usize> {
        workqueue.snapshot().iter().map(|priority| priority.depth).collect()
    }

    /// As many resyncs at work as may be.
    async fn busy(workqueue: &Arc<WorkQueue>) -> Vec<Permit> {
        let mut running = vec![];
        for number in 0..MAX_CONCURRENT_RECONCILES.low_priority {
            running.extend(workqueue.acquire(&object(&format!("busy-{number}")), Priority::Low).await);
        }
        running
    }

    async fn priority_of_permit(
        workqueue: &Arc<WorkQueue>,
        name: &str,
        priority: Priority,
    ) -> Option<Priority> {
        workqueue.acquire(&object(name), priority).await.map(|permit| permit.priority)
    }

    /// Has an object wait in a task of its own, which says the priority of its permit and keeps it no longer.
    async fn waiter(
        workqueue: &Arc<WorkQueue>,
        name: &str,
        priority: Priority,
    ) -> tokio::task::JoinHandle<Option<Priority>> {
        let (workqueue, key) = (workqueue.clone(), object(name));
        let task =
            tokio::spawn(
                async move { workqueue.acquire(&key, priority).await.map(|permit| permit.priority) },
            );
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test]
    async fn a_changed_object_gets_a_permit_while_resyncs_wait() {
        let workqueue = WorkQueue::new();
        let mut running = busy(&workqueue).await;
        let resync = waiter(&workqueue, "a", Priority::Low).await;
        let promoted = waiter(&workqueue, "b", Priority::Low).await;
        let raised_next = waiter(&workqueue, "c", Priority::Low).await;
        assert_eq!(depths(&workqueue), [0, 3]);
        assert_eq!(priority_of_permit(&workqueue, "d", Priority::High).await, Some(Priority::High));
        workqueue.raise_priority(&object("b"));
        assert_eq!(promoted.await.unwrap(), Some(Priority::High));
        workqueue.raise_priority_next(object("c"));
        assert_eq!(raised_next.await.unwrap(), Some(Priority::High));
        assert_eq!(depths(&workqueue), [0, 1]);
        running.pop();
        assert_eq!(resync.await.unwrap(), Some(Priority::Low));
    }

    #[tokio::test]
    async fn what_is_expedited_before_it_is_due_is_an_edit_once() {
        let workqueue = WorkQueue::new();
        workqueue.raise_priority_next(object("a"));
        assert_eq!(priority_of_permit(&workqueue, "a", Priority::Low).await, Some(Priority::High));
        assert_eq!(priority_of_permit(&workqueue, "a", Priority::Low).await, Some(Priority::Low));
        // One that does not wait is not edited.
        workqueue.raise_priority(&object("a"));
        assert_eq!(priority_of_permit(&workqueue, "a", Priority::Low).await, Some(Priority::Low));
    }

    #[tokio::test]
    async fn who_gives_up_takes_nobodys_turn() {
        let workqueue = WorkQueue::new();
        let mut running = busy(&workqueue).await;
        let gone = waiter(&workqueue, "a", Priority::Low).await;
        let next = waiter(&workqueue, "b", Priority::Low).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(depths(&workqueue), [0, 1]);
        // It has its permit, and is gone before it takes it.
        let late = waiter(&workqueue, "c", Priority::Low).await;
        running.pop();
        next.abort();
        assert_eq!(late.await.unwrap(), Some(Priority::Low));
    }

    #[tokio::test]
    async fn nobody_gets_a_turn_where_the_operator_is_stopping() {
        let workqueue = WorkQueue::new();
        let running = busy(&workqueue).await;
        let waiting = waiter(&workqueue, "a", Priority::Low).await;
        workqueue.close();
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(priority_of_permit(&workqueue, "b", Priority::High).await, None);
        drop(running);
    }
}
