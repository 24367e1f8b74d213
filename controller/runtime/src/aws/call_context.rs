//! Per-reconcile call context: the priority, and the time spent waiting for the rate limiter. The reconcile timeout
//! does not count the waits. The client finds the context in a task-local.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lambda_triggers_core::pacing::queue::Priority;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

/// The shortest timeout in [`CallContext::run_within`]: work may exceed the limit by this time.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);

tokio::task_local! {
    static CALL_CONTEXT: Arc<CallContext>;
}

/// The context of the AWS calls for one object, or for a batch of objects.
#[derive(Debug)]
pub struct CallContext {
    /// The namespace, for fairness between namespaces.
    pub namespace: String,
    is_high_priority: AtomicBool,
    waits: Mutex<Waits>,
    /// The contexts of a batch. A wait of the batch counts in all contexts.
    callers: Vec<Arc<CallContext>>,
}

#[derive(Debug, Default)]
struct Waits {
    /// The total duration of the finished waits.
    ended: Duration,
    under_way: u32,
    since: Option<Instant>,
}

/// A wait that ends with the drop.
#[derive(Debug)]
pub struct WaitGuard(Arc<CallContext>);

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl CallContext {
    /// Creates the context for an object in `namespace`.
    pub fn new(namespace: impl Into<String>, priority: Priority) -> Arc<Self> {
        Self::on_behalf_of(namespace.into(), priority, vec![])
    }

    /// Creates the context for a batch, at high priority if any member has high priority.
    pub fn for_batch(contexts: Vec<Arc<CallContext>>) -> Arc<Self> {
        let is_high_priority = |call_context: &Arc<Self>| call_context.priority() == Priority::High;
        let first = contexts.iter().find(|call_context| is_high_priority(call_context)).or(contexts.first());
        let (namespace, priority) =
            first.map_or((String::new(), Priority::Low), |first| (first.namespace.clone(), first.priority()));
        Self::on_behalf_of(namespace, priority, contexts)
    }

    fn on_behalf_of(namespace: String, priority: Priority, callers: Vec<Arc<CallContext>>) -> Arc<Self> {
        let is_high_priority = AtomicBool::new(priority == Priority::High);
        Arc::new(Self { namespace, is_high_priority, waits: Mutex::default(), callers })
    }

    /// The current task's context. Outside any reconcile, calls run at high priority.
    pub fn current() -> Arc<Self> {
        CALL_CONTEXT.try_with(Clone::clone).unwrap_or_else(|_| Self::new("", Priority::High))
    }

    /// Runs `work` with this context.
    pub async fn scope<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        CALL_CONTEXT.scope(self, work).await
    }

    /// The priority of calls in the rate limiter.
    pub fn priority(&self) -> Priority {
        if self.is_high_priority.load(Ordering::Acquire) { Priority::High } else { Priority::Low }
    }

    /// Raises the priority of later calls to high.
    pub fn raise_priority(&self) {
        self.is_high_priority.store(true, Ordering::Release);
    }

    /// Begins a wait, for example for the rate limiter.
    pub fn wait(self: &Arc<Self>) -> WaitGuard {
        self.begin();
        WaitGuard(self.clone())
    }

    /// True during a wait.
    pub fn is_rate_limited(&self) -> bool {
        self.waits.lock().under_way > 0
    }

    /// The total duration of all waits so far.
    pub fn waited(&self) -> Duration {
        let waits = self.waits.lock();
        waits.ended + waits.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Runs `work`; `None` if the work takes longer than `limit`. The waits do not count.
    pub async fn run_within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, began) = (pin!(work), Instant::now());
        loop {
            let worked = began.elapsed().saturating_sub(self.waited());
            let left = limit.checked_sub(worked).filter(|left| !left.is_zero())?;
            if let Ok(done) = timeout(left.max(MIN_TIMEOUT), &mut work).await {
                return Some(done);
            }
        }
    }

    fn begin(&self) {
        let mut waits = self.waits.lock();
        waits.under_way += 1;
        waits.since.get_or_insert_with(Instant::now);
        drop(waits);
        self.callers.iter().for_each(|call_context| call_context.begin());
    }

    fn end(&self) {
        let mut waits = self.waits.lock();
        waits.under_way = waits.under_way.saturating_sub(1);
        if waits.under_way == 0
            && let Some(since) = waits.since.take()
        {
            waits.ended += since.elapsed();
        }
        drop(waits);
        self.callers.iter().for_each(|call_context| call_context.end());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn waits_of_a_batch_do_not_count_against_the_timeout() {
        let contexts = [Priority::Low, Priority::High].map(|priority| CallContext::new("team", priority));
        let worker = CallContext::for_batch(contexts.to_vec());
        assert_eq!(worker.priority(), Priority::High);
        let work = async {
            sleep(seconds(5)).await;
            let wait = worker.wait();
            sleep(seconds(100)).await;
            drop(wait);
            sleep(seconds(4)).await;
        };
        assert_eq!(contexts[0].run_within(seconds(10), work).await, Some(()));
        assert_eq!(contexts.map(|call_context| call_context.waited()), [seconds(100); 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_stopped_after_the_timeout() {
        let call_context = CallContext::new("team", Priority::Low);
        let began = Instant::now();
        let work = async {
            let wait = call_context.wait();
            sleep(seconds(7)).await;
            drop(wait);
            sleep(seconds(11)).await;
        };
        assert_eq!(call_context.run_within(seconds(10), work).await, None);
        assert_eq!(began.elapsed(), seconds(17));
    }

    #[tokio::test]
    async fn work_runs_with_the_current_call_context() {
        let priority = async || CallContext::current().priority();
        assert_eq!(priority().await, Priority::High);
        let call_context = CallContext::new("team", Priority::Low);
        assert_eq!(call_context.clone().scope(priority()).await, Priority::Low);
        call_context.raise_priority();
        assert_eq!(call_context.scope(priority()).await, Priority::High);
    }
}
