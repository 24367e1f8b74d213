//! The workqueue in front of the reconciler. All objects can be due at once, for example after a start. Only a few are
//! reconciled at a time, and changed objects come first. A waiting object costs little.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::pacing::queue::{self, Concurrency, Priority};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::aws::CallContext;
use crate::objects::{Trigger, is_paused, read_status};
use crate::telemetry::metrics::QueueState;

/// Max concurrent reconciles, for both kinds together. A reconcile mostly waits for AWS. The bucket worker gets up to
/// this number of resources in a batch.
const MAX_CONCURRENT_RECONCILES: Concurrency = Concurrency { total: 32, low_priority: 16 };

/// An object in the queue: kind, namespace and name.
pub type Key = Arc<(&'static str, ObjectKey)>;

/// The waiting objects, and the objects with a permit.
pub struct WorkQueue {
    began: Instant,
    state: Mutex<WorkQueueState>,
}

struct WorkQueueState {
    dispatcher: queue::Dispatcher<Key>,
    waiting: HashMap<Key, oneshot::Sender<Permit>>,
    running: HashMap<Key, Arc<CallContext>>,
    /// Objects with high priority in the next reconcile, regardless of their own priority.
    raised_next: BTreeSet<Key>,
    closed: bool,
}

/// The permit to reconcile an object, released on drop.
pub struct Permit {
    workqueue: Arc<WorkQueue>,
    key: Key,
    /// The priority at the dispatch.
    priority: Priority,
    /// The context of the reconcile's AWS calls.
    pub call_context: Arc<CallContext>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.workqueue.state.lock();
        state.running.remove(&self.key);
        state.dispatcher.release(self.priority);
        drop(state);
        self.workqueue.dispatch();
    }
}

/// A waiting object. The drop removes the object from the queue.
struct WaitGuard<'a> {
    workqueue: &'a WorkQueue,
    key: &'a Key,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.workqueue.state.lock();
        state.dispatcher.queue.remove(self.key);
        state.waiting.remove(self.key);
    }
}

pub fn key<K: Trigger>(object: &K) -> Key {
    Arc::new((K::NAME, ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())))
}

pub fn key_of<K: Trigger>(object: &ObjectRef<K>) -> Key {
    let namespace = object.namespace.clone().unwrap_or_default();
    Arc::new((K::NAME, ObjectKey::new(namespace, object.name.clone())))
}

/// High if the object was changed, deleted or paused, or if a reconcile was requested.
pub fn priority<K: Trigger>(object: &K) -> Priority {
    let meta = object.meta();
    let request = object.annotations().get(RECONCILE_ANNOTATION).map(String::as_str);
    let is_urgent = meta.deletion_timestamp.is_some() || is_paused(object);
    Priority::from_object(is_urgent, meta.generation, request, &read_status(object))
}

impl WorkQueue {
    /// Creates an empty workqueue.
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

    /// Waits for a permit; `None` if the operator is stopping.
    pub async fn acquire(self: &Arc<Self>, key: &Key, priority: Priority) -> Option<Permit> {
        let (permit, granted) = oneshot::channel();
        {
            let mut state = self.state.lock();
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

    /// Raises a queued or running object to high priority after its spec changed.
    pub fn raise_priority(self: &Arc<Self>, key: &Key) {
        let now = self.began.elapsed();
        let mut state = self.state.lock();
        state.dispatcher.queue.raise_priority(key, now);
        if let Some(call_context) = state.running.get(key) {
            call_context.raise_priority();
        }
        drop(state);
        // High priority may have a free slot.
        self.dispatch();
    }

    /// Runs the object's next reconcile at high priority, for example when a ConfigMap it references changed.
    pub fn raise_priority_next(self: &Arc<Self>, key: Key) {
        let mut state = self.state.lock();
        if state.waiting.contains_key(&key) {
            drop(state);
            self.raise_priority(&key);
        } else {
            state.raised_next.insert(key);
        }
    }

    /// Closes the queue: waiting objects get no permits.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    /// The current state, for the metrics.
    pub fn snapshot(&self) -> Vec<QueueState> {
        let (now, state) = (self.began.elapsed(), self.state.lock());
        let queue = &state.dispatcher.queue;
        let of = |priority: &Priority| QueueState {
            priority: *priority,
            depth: queue.depth(*priority),
            oldest: queue.oldest(*priority, now),
        };
        Priority::ALL.iter().map(of).collect()
    }

    /// Dispatches permits to the next objects, as far as slots are free.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let (waiter, permit) = {
                let mut state = self.state.lock();
                if state.closed {
                    return;
                }
                let Some((key, priority)) = state.dispatcher.dispatch() else { return };
                let call_context = CallContext::new(&key.1.namespace, priority);
                state.running.insert(key.clone(), call_context.clone());
                (state.waiting.remove(&key), Permit { workqueue: self.clone(), key, priority, call_context })
            };
            // A cancelled waiter drops the permit, and the drop releases the slot.
            drop(waiter.map(|waiter| waiter.send(permit)));
        }
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

    /// Fills all low-priority slots with resyncs.
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

    /// Spawns a waiter. The task returns the priority of the permit, and releases the permit at once.
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
        let raised = waiter(&workqueue, "b", Priority::Low).await;
        let raised_next = waiter(&workqueue, "c", Priority::Low).await;
        assert_eq!(depths(&workqueue), [0, 3]);
        assert_eq!(priority_of_permit(&workqueue, "d", Priority::High).await, Some(Priority::High));
        workqueue.raise_priority(&object("b"));
        assert_eq!(raised.await.unwrap(), Some(Priority::High));
        workqueue.raise_priority_next(object("c"));
        assert_eq!(raised_next.await.unwrap(), Some(Priority::High));
        assert_eq!(depths(&workqueue), [0, 1]);
        running.pop();
        assert_eq!(resync.await.unwrap(), Some(Priority::Low));
    }

    #[tokio::test]
    async fn a_raised_priority_applies_to_one_reconcile() {
        let workqueue = WorkQueue::new();
        workqueue.raise_priority_next(object("a"));
        assert_eq!(priority_of_permit(&workqueue, "a", Priority::Low).await, Some(Priority::High));
        assert_eq!(priority_of_permit(&workqueue, "a", Priority::Low).await, Some(Priority::Low));
        // Raising the priority of an object outside of the queue has no effect.
        workqueue.raise_priority(&object("a"));
        assert_eq!(priority_of_permit(&workqueue, "a", Priority::Low).await, Some(Priority::Low));
    }

    #[tokio::test]
    async fn a_cancelled_waiter_takes_no_permit() {
        let workqueue = WorkQueue::new();
        let mut running = busy(&workqueue).await;
        let cancelled = waiter(&workqueue, "a", Priority::Low).await;
        let next = waiter(&workqueue, "b", Priority::Low).await;
        cancelled.abort();
        assert!(cancelled.await.unwrap_err().is_cancelled());
        assert_eq!(depths(&workqueue), [0, 1]);
        // The waiter is cancelled between the dispatch and the receipt of the permit.
        let late = waiter(&workqueue, "c", Priority::Low).await;
        running.pop();
        next.abort();
        assert_eq!(late.await.unwrap(), Some(Priority::Low));
    }

    #[tokio::test]
    async fn a_closed_queue_dispatches_no_permits() {
        let workqueue = WorkQueue::new();
        let running = busy(&workqueue).await;
        let waiting = waiter(&workqueue, "a", Priority::Low).await;
        workqueue.close();
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(priority_of_permit(&workqueue, "b", Priority::High).await, None);
        drop(running);
    }
}
