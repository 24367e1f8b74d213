//! Reconciles without a change of the object's spec: a hindrance ended, or another writer changed the status.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::ownership::ObjectKey;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// The least time between two repairs of one object's status. Without a limit, the operator and another controller
/// could overwrite each other's status in a hot loop.
const BETWEEN_REPAIRS: Duration = Duration::from_secs(60);

/// The kind and the key of an object.
pub type Waiter = (&'static str, ObjectKey);

/// A hindrance that another resource may end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hindrance {
    /// A function by Region and name: missing, or held by another resource.
    Function(String, String),
    /// The resource that holds a function, by kind and key.
    Holder(String, ObjectKey),
}

/// The requests for reconciles.
pub type Requests = mpsc::UnboundedReceiver<Waiter>;

/// The waiting objects by hindrance, and the channel to the workqueue.
pub struct Wakes {
    requests: mpsc::UnboundedSender<Waiter>,
    waiting: Mutex<BTreeMap<Hindrance, BTreeSet<Waiter>>>,
    /// The time of the last repair of a status; a scheduled repair has a time in the future.
    repairs: Mutex<HashMap<Waiter, Instant>>,
}

impl Wakes {
    /// A registry without waiting objects, with its requests.
    pub fn new() -> (Arc<Self>, Requests) {
        let (requests, received) = mpsc::unbounded_channel();
        (Arc::new(Self { requests, waiting: Mutex::default(), repairs: Mutex::default() }), received)
    }

    /// Requests a reconcile of an object.
    pub fn wake(&self, waiter: Waiter) {
        // Sending fails only while the operator stops.
        let _ = self.requests.send(waiter);
    }

    /// Registers an object for one reconcile when the hindrance ends.
    pub fn register(&self, hindrance: Hindrance, waiter: Waiter) {
        self.waiting.lock().entry(hindrance).or_default().insert(waiter);
    }

    /// Requests a reconcile of each object that waits for the hindrance.
    pub fn wake_all(&self, hindrance: &Hindrance) {
        let waiting = self.waiting.lock().remove(hindrance);
        waiting.into_iter().flatten().for_each(|waiter| self.wake(waiter));
    }

    /// Forgets a deleted object.
    pub fn forget(&self, waiter: &Waiter) {
        self.waiting.lock().retain(|_, waiters| {
            waiters.remove(waiter);
            !waiters.is_empty()
        });
    }

    /// Requests a reconcile that repairs a status: now, or a minute after the last repair.
    pub fn repair(self: &Arc<Self>, waiter: Waiter) {
        let now = Instant::now();
        let mut repairs = self.repairs.lock();
        repairs.retain(|_, last| *last + BETWEEN_REPAIRS > now);
        let due = repairs.get(&waiter).map_or(now, |last| *last + BETWEEN_REPAIRS);
        // A repair is scheduled already.
        if due > now && repairs.get(&waiter).is_some_and(|last| *last > now) {
            return;
        }
        repairs.insert(waiter.clone(), due);
        drop(repairs);
        if due <= now {
            self.wake(waiter);
            return;
        }
        let wakes = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep(due - now).await;
            if let Some(wakes) = wakes.upgrade() {
                wakes.wake(waiter);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{RawS3TriggeredFunction, RawScheduledFunction, Trigger};

    fn waiter(name: &str) -> Waiter {
        (RawScheduledFunction::NAME, ObjectKey::new("team", name))
    }

    fn woken(requests: &mut Requests) -> Vec<String> {
        let mut names = vec![];
        while let Ok((_, key)) = requests.try_recv() {
            names.push(key.name);
        }
        names
    }

    #[tokio::test]
    async fn waiting_objects_wake_once_when_the_hindrance_ends() {
        let (wakes, mut requests) = Wakes::new();
        let function = |name: &str| Hindrance::Function("eu-west-1".into(), name.into());
        wakes.register(function("a"), waiter("one"));
        wakes.register(function("a"), (RawS3TriggeredFunction::NAME, ObjectKey::new("team", "two")));
        wakes.register(function("b"), waiter("three"));
        wakes.register(function("a"), waiter("deleted"));
        wakes.forget(&waiter("deleted"));
        wakes.wake_all(&function("a"));
        wakes.wake_all(&function("a"));
        assert_eq!(woken(&mut requests), ["two", "one"]);
    }

    #[tokio::test(start_paused = true)]
    async fn status_repairs_are_one_minute_apart() {
        let (wakes, mut requests) = Wakes::new();
        wakes.repair(waiter("one"));
        assert_eq!(woken(&mut requests), ["one"]);
        for _ in 0..30 {
            wakes.repair(waiter("one"));
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(woken(&mut requests), [""; 0]);
        sleep(Duration::from_secs(31)).await;
        assert_eq!(woken(&mut requests), ["one"]);
        sleep(BETWEEN_REPAIRS).await;
        wakes.repair(waiter("one"));
        assert_eq!(woken(&mut requests), ["one"]);
    }
}
