//! What AWS is called for: in which priority a call waits until the quota allows it, and how long that took, which is no
//! work and counts as none; and whether an answer to somebody else will do.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambda_triggers_core::pacing::queue::Priority;
use tokio::time::{Instant, timeout};

/// Work that is out of time is given up at the latest after this time: by then it is known whether it waited.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);

tokio::task_local! {
    static CALL_CONTEXT: Arc<CallContext>;
}

/// The work on an object, or on several, that AWS is called for.
#[derive(Debug)]
pub struct CallContext {
    /// The namespace in whose turn it is served.
    pub namespace: String,
    is_high_priority: AtomicBool,
    waits: Mutex<Waits>,
    cache_policy: Mutex<CachePolicy>,
    /// Those that wait while this one does.
    callers: Vec<Arc<CallContext>>,
}

#[derive(Debug, Default)]
struct Waits {
    /// All that have ended, together.
    ended: Duration,
    under_way: u32,
    since: Option<Instant>,
}

#[derive(Debug, Default)]
struct CachePolicy {
    /// CachedReads that were asked for since then will do.
    since: Option<Instant>,
    /// Those that were asked for since then are as good as its own.
    fresh_since: Option<Instant>,
    /// Whether it has had one.
    used_cached_read: bool,
}

/// A wait, until it is dropped.
#[derive(Debug)]
pub struct WaitGuard(Arc<CallContext>);

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl CallContext {
    /// The work on an object of this namespace.
    pub fn new(namespace: impl Into<String>, priority: Priority) -> Arc<Self> {
        Self::on_behalf_of(namespace.into(), priority, vec![])
    }

    /// One for all of these: an edit, if one of them is.
    pub fn for_batch(contexts: Vec<Arc<CallContext>>) -> Arc<Self> {
        let is_high_priority = |call_context: &Arc<Self>| call_context.priority() == Priority::High;
        let first = contexts.iter().find(|call_context| is_high_priority(call_context)).or(contexts.first());
        let (namespace, priority) =
            first.map_or((String::new(), Priority::Low), |first| (first.namespace.clone(), first.priority()));
        Self::on_behalf_of(namespace, priority, contexts)
    }

    fn on_behalf_of(namespace: String, priority: Priority, callers: Vec<Arc<CallContext>>) -> Arc<Self> {
        let is_high_priority = AtomicBool::new(priority == Priority::High);
        Arc::new(Self {
            namespace,
            is_high_priority,
            waits: Mutex::default(),
            cache_policy: Mutex::default(),
            callers,
        })
    }

    /// The one that is run now. Somebody waits for what is done for no object.
    pub fn current() -> Arc<Self> {
        CALL_CONTEXT.try_with(Clone::clone).unwrap_or_else(|_| Self::new("", Priority::High))
    }

    /// Has `work` be done as this one.
    pub async fn scope<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        CALL_CONTEXT.scope(self, work).await
    }

    /// The priority that its calls wait in.
    pub fn priority(&self) -> Priority {
        if self.is_high_priority.load(Ordering::Acquire) { Priority::High } else { Priority::Low }
    }

    /// Has its next calls wait with those of edits.
    pub fn raise_priority(&self) {
        self.is_high_priority.store(true, Ordering::Release);
    }

    /// Lets answers do from here on that somebody else has asked for, at `since` or later. They may say that there is
    /// nothing to do, and nothing else: see [`CallContext::used_cached_read`].
    pub fn accept_cached_reads(&self, since: Instant) {
        *self.cache_policy() = CachePolicy { since: Some(since), ..CachePolicy::default() };
    }

    /// Has all be asked for anew from here on.
    pub fn require_fresh_reads(&self) {
        *self.cache_policy() = CachePolicy::default();
    }

    /// Takes answers for its own that somebody else has asked for since then, when this one already wanted to know.
    pub fn treat_as_fresh_since(&self, wanted: Option<Instant>) {
        self.cache_policy().fresh_since = wanted;
    }

    /// Whether an answer will do that somebody asked for then; it is noted if it is not as good as its own.
    pub fn accepts(&self, asked: Instant) -> bool {
        let mut cache_policy = self.cache_policy();
        let is_fresh = cache_policy.fresh_since.is_some_and(|since| asked >= since);
        let is_cached = !is_fresh && cache_policy.since.is_some_and(|since| asked >= since);
        cache_policy.used_cached_read |= is_cached;
        is_fresh || is_cached
    }

    /// Since when an answer may have been asked for; none where it is to be asked for anew.
    pub fn oldest_cached_read(&self) -> Option<Instant> {
        self.cache_policy().since
    }

    /// Whether it has had an answer that somebody else asked for: then nothing may be done on the ground of it.
    pub fn used_cached_read(&self) -> bool {
        self.cache_policy().used_cached_read
    }

    /// Begins to wait.
    pub fn wait(self: &Arc<Self>) -> WaitGuard {
        self.begin();
        WaitGuard(self.clone())
    }

    /// Whether it waits now.
    pub fn is_rate_limited(&self) -> bool {
        self.waits().under_way > 0
    }

    /// How long it has waited in all.
    pub fn waited(&self) -> Duration {
        let waits = self.waits();
        waits.ended + waits.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Does `work`; none where it takes longer than `limit`, without its waits.
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
        let mut waits = self.waits();
        waits.under_way += 1;
        waits.since.get_or_insert_with(Instant::now);
        drop(waits);
        self.callers.iter().for_each(|call_context| call_context.begin());
    }

    fn end(&self) {
        let mut waits = self.waits();
        waits.under_way = waits.under_way.saturating_sub(1);
        if waits.under_way == 0
            && let Some(since) = waits.since.take()
        {
            waits.ended += since.elapsed();
        }
        drop(waits);
        self.callers.iter().for_each(|call_context| call_context.end());
    }

    fn cache_policy(&self) -> MutexGuard<'_, CachePolicy> {
        self.cache_policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn waits_are_no_work_of_those_that_they_are_for() {
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
    async fn work_that_takes_too_long_is_given_up() {
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
    async fn work_is_done_as_the_errand_that_it_is() {
        let priority = async || CallContext::current().priority();
        assert_eq!(priority().await, Priority::High);
        let call_context = CallContext::new("team", Priority::Low);
        assert_eq!(call_context.clone().scope(priority()).await, Priority::Low);
        call_context.raise_priority();
        assert_eq!(call_context.scope(priority()).await, Priority::High);
    }
}
