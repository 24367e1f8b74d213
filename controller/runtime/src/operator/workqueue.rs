//! The workqueue of both kinds. All objects can be due at once, for example after a start. Only a few are reconciled at
//! a time, and changed objects come first. A waiting object is a key: kube's Controller would hold a future for each
//! waiting object, and poll all of these futures whenever one of them wakes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::pacing::queue::Priority;
use lambda_triggers_core::pacing::workqueue::{self, Concurrency};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::aws::CallContext;
use crate::objects::{Trigger, is_paused, key_of, read_status};
use crate::telemetry::metrics::QueueState;

/// Max concurrent reconciles, for both kinds together. A reconcile mostly waits for AWS. A bucket has at most 100
/// entries, so a single write can serve all resources of a bucket.
const MAX_CONCURRENT_RECONCILES: Concurrency = Concurrency { total: 128, low_priority: 16 };

/// An object in the queue: kind, namespace and name.
pub type Key = Arc<(&'static str, ObjectKey)>;

/// The keys of waiting, running and delayed objects.
pub struct WorkQueue {
    began: Instant,
    state: Mutex<State>,
    /// Wakes [`WorkQueue::get`] after a change.
    changed: Notify,
}

struct State {
    keys: workqueue::WorkQueue<Key>,
    running: HashMap<Key, Arc<CallContext>>,
    closed: bool,
}

/// The permit to reconcile an object, freed on drop.
pub struct Permit {
    workqueue: Arc<WorkQueue>,
    /// The object.
    pub key: Key,
    /// The context of the reconcile's AWS calls.
    pub call_context: Arc<CallContext>,
    /// The time until the next reconcile; `None` if only a change leads to the next reconcile.
    pub requeue_after: Option<Duration>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.workqueue.began.elapsed();
        let requeue_at = self.requeue_after.map(|after| now.saturating_add(after));
        let mut state = self.workqueue.state.lock();
        state.running.remove(&self.key);
        state.keys.done(&self.key, &self.key.1.namespace, requeue_at, now);
        drop(state);
        self.workqueue.changed.notify_one();
    }
}

pub fn key<K: Trigger>(object: &K) -> Key {
    Arc::new((K::NAME, key_of(object)))
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
        let keys = workqueue::WorkQueue::new(MAX_CONCURRENT_RECONCILES);
        let state = Mutex::new(State { keys, running: HashMap::new(), closed: false });
        Arc::new(Self { began: Instant::now(), state, changed: Notify::new() })
    }

    /// Adds an object that is due now.
    pub fn add(&self, key: Key, priority: Priority) {
        let now = self.began.elapsed();
        let mut state = self.state.lock();
        if priority == Priority::High
            && let Some(call_context) = state.running.get(&key)
        {
            call_context.raise_priority();
        }
        let namespace = key.clone();
        state.keys.add(key, &namespace.1.namespace, priority, now);
        drop(state);
        self.changed.notify_one();
    }

    /// Raises a queued or running object to high priority.
    pub fn raise_priority(&self, key: &Key) {
        let now = self.began.elapsed();
        let mut state = self.state.lock();
        state.keys.raise_priority(key, now);
        if let Some(call_context) = state.running.get(key) {
            call_context.raise_priority();
        }
        drop(state);
        // High priority may have a free slot.
        self.changed.notify_one();
    }

    /// Waits for the next object with a permit; `None` if the operator is stopping. An object whose requeue is due gets
    /// its current priority. An object without a priority was deleted.
    pub async fn get(self: &Arc<Self>, priority: impl Fn(&Key) -> Option<Priority>) -> Option<Permit> {
        loop {
            while let Some(key) = self.pop_due() {
                if let Some(priority) = priority(&key) {
                    self.add(key, priority);
                }
            }
            let next_due = {
                let mut state = self.state.lock();
                if state.closed {
                    return None;
                }
                if let Some((key, priority)) = state.keys.get() {
                    let call_context = CallContext::new(&key.1.namespace, priority);
                    state.running.insert(key.clone(), call_context.clone());
                    return Some(Permit { workqueue: self.clone(), key, call_context, requeue_after: None });
                }
                state.keys.next_due()
            };
            let due = async {
                match next_due {
                    Some(due) => sleep_until(self.began + due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = due => {}
            }
        }
    }

    fn pop_due(&self) -> Option<Key> {
        self.state.lock().keys.pop_due(self.began.elapsed())
    }

    /// Closes the queue: waiting objects get no permits.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    /// The current state, for the metrics.
    pub fn snapshot(&self) -> Vec<QueueState> {
        let (now, state) = (self.began.elapsed(), self.state.lock());
        let of = |priority: &Priority| QueueState {
            priority: *priority,
            depth: state.keys.depth(*priority),
            oldest: state.keys.oldest(*priority, now),
        };
        Priority::ALL.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    fn object(name: &str) -> Key {
        Arc::new(("ScheduledFunction", ObjectKey::new("team", name)))
    }

    fn depths(workqueue: &WorkQueue) -> Vec<usize> {
        workqueue.snapshot().iter().map(|priority| priority.depth).collect()
    }

    async fn get(workqueue: &Arc<WorkQueue>) -> Option<Permit> {
        workqueue.get(|_| Some(Priority::Low)).await
    }

    /// The name and the priority of a permit.
    fn view(permit: &Option<Permit>) -> Option<(&str, Priority)> {
        permit.as_ref().map(|permit| (permit.key.1.name.as_str(), permit.call_context.priority()))
    }

    /// Fills all low-priority slots with resyncs.
    async fn busy(workqueue: &Arc<WorkQueue>) -> Vec<Permit> {
        let mut running = vec![];
        for number in 0..MAX_CONCURRENT_RECONCILES.low_priority {
            workqueue.add(object(&format!("busy-{number}")), Priority::Low);
            running.extend(get(workqueue).await);
        }
        running
    }

    #[tokio::test]
    async fn a_changed_object_gets_a_permit_while_resyncs_wait() {
        let workqueue = WorkQueue::new();
        let mut running = busy(&workqueue).await;
        workqueue.add(object("a"), Priority::Low);
        workqueue.add(object("b"), Priority::Low);
        assert_eq!(depths(&workqueue), [0, 2]);
        let changes = async {
            sleep(Duration::from_millis(1)).await;
            workqueue.add(object("c"), Priority::High);
        };
        let (changed, ()) = tokio::join!(get(&workqueue), changes);
        assert_eq!(view(&changed), Some(("c", Priority::High)));
        workqueue.raise_priority(&object("b"));
        let raised = get(&workqueue).await;
        assert_eq!((view(&raised), depths(&workqueue)), (Some(("b", Priority::High)), vec![0, 1]));
        running.pop();
        assert_eq!(view(&get(&workqueue).await), Some(("a", Priority::Low)));
    }

    #[tokio::test]
    async fn a_change_raises_the_running_reconcile_and_runs_it_again() {
        let workqueue = WorkQueue::new();
        workqueue.add(object("a"), Priority::Low);
        let first = get(&workqueue).await;
        workqueue.add(object("a"), Priority::High);
        assert_eq!(view(&first), Some(("a", Priority::High)));
        assert_eq!(depths(&workqueue), [0, 0]);
        drop(first);
        let second = get(&workqueue).await;
        assert_eq!((view(&second), depths(&workqueue)), (Some(("a", Priority::High)), vec![0, 0]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_requeued_object_has_its_priority_of_that_time() {
        let workqueue = WorkQueue::new();
        for (name, seconds) in [("a", 20), ("deleted", 10), ("b", 30)] {
            workqueue.add(object(name), Priority::High);
            let mut permit = get(&workqueue).await.unwrap();
            permit.requeue_after = Some(Duration::from_secs(seconds));
        }
        let priority = |key: &Key| match key.1.name.as_str() {
            "a" => Some(Priority::High),
            "b" => Some(Priority::Low),
            _ => None,
        };
        let began = Instant::now();
        let first = workqueue.get(priority).await;
        assert_eq!(view(&first), Some(("a", Priority::High)));
        assert_eq!(began.elapsed().as_secs(), 20);
        let second = workqueue.get(priority).await;
        assert_eq!(view(&second), Some(("b", Priority::Low)));
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test]
    async fn a_closed_queue_gives_no_permits() {
        let workqueue = WorkQueue::new();
        let running = busy(&workqueue).await;
        workqueue.add(object("a"), Priority::Low);
        let close = async {
            sleep(Duration::from_millis(1)).await;
            workqueue.close();
        };
        let (closed, ()) = tokio::join!(get(&workqueue), close);
        assert!(closed.is_none());
        drop(running);
        workqueue.add(object("b"), Priority::High);
        assert!(get(&workqueue).await.is_none());
    }
}
