//! Rate limiter for AWS calls, with one token bucket for each quota, account and Region. Waiting calls pass by
//! priority, and take turns between namespaces.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::pacing::queue::{Priority, Queue};
use lambda_triggers_core::pacing::token_bucket::{Quota, Rates, TokenBucket};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::aws::call_context::CallContext;

/// The rate limiter of one account. Clones, and the rate limiters of other accounts, share one state.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    account: String,
    all: Arc<All>,
}

#[derive(Debug)]
struct All {
    rates: Rates,
    began: Instant,
    buckets: Mutex<HashMap<(String, Quota, String), Arc<Limiter>>>,
}

/// The limiter of one quota in one account and Region.
#[derive(Debug)]
struct Limiter {
    began: Instant,
    state: Mutex<LimiterState>,
}

#[derive(Debug)]
struct LimiterState {
    bucket: TokenBucket,
    queue: Queue<u64>,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
    tickets: u64,
    /// True while a task dispatches the waiting calls.
    is_dispatching: bool,
}

/// A waiting call. The drop removes the call from the queue.
struct Ticket<'a> {
    limiter: &'a Limiter,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state.lock();
        state.queue.remove(&self.number);
        state.waiting.remove(&self.number);
    }
}

impl RateLimiter {
    /// The rate limiter of the operator's own account. All accounts have the same rates.
    pub fn new(rates: Rates) -> Self {
        let all = All { rates, began: Instant::now(), buckets: Mutex::default() };
        Self { account: String::new(), all: Arc::new(all) }
    }

    /// The rate limiter of another account, by account ID.
    pub fn for_account(&self, account: impl Into<String>) -> Self {
        Self { account: account.into(), all: self.all.clone() }
    }

    /// Waits until a call is allowed, and takes a token.
    pub async fn call(&self, quota: Quota, region: &str) {
        self.limiter(quota, region).acquire().await;
    }

    /// Debits tokens for calls without a wait. Later calls wait longer.
    pub fn debit(&self, quota: Quota, region: &str, calls: u32) {
        let limiter = self.limiter(quota, region);
        let now = limiter.began.elapsed();
        limiter.state.lock().bucket.debit(calls, now);
    }

    /// Halves the rate after AWS has throttled a call.
    pub fn on_throttled(&self, quota: Quota, region: &str) {
        let limiter = self.limiter(quota, region);
        let now = limiter.began.elapsed();
        limiter.state.lock().bucket.halve_rate(now);
    }

    fn limiter(&self, quota: Quota, region: &str) -> Arc<Limiter> {
        let All { rates, began, buckets } = &*self.all;
        let mut buckets = buckets.lock();
        let new = || {
            let bucket = TokenBucket::new(rates.rate(quota), began.elapsed());
            let state = LimiterState {
                bucket,
                queue: Queue::default(),
                waiting: BTreeMap::new(),
                tickets: 0,
                is_dispatching: false,
            };
            Arc::new(Limiter { began: *began, state: Mutex::new(state) })
        };
        buckets.entry((self.account.clone(), quota, region.to_owned())).or_insert_with(new).clone()
    }
}

impl Limiter {
    async fn acquire(self: Arc<Self>) {
        let call_context = CallContext::current();
        let (number, passed) = {
            let now = self.began.elapsed();
            let mut state = self.state.lock();
            // A new call never overtakes a waiting call, even if a token is free.
            if state.waiting.is_empty() && state.bucket.take(now).is_ok() {
                return;
            }
            state.tickets += 1;
            let number = state.tickets;
            let (pass, passed) = oneshot::channel();
            state.queue.push(number, &call_context.namespace, call_context.priority(), now);
            state.waiting.insert(number, pass);
            if !std::mem::replace(&mut state.is_dispatching, true) {
                tokio::spawn(self.clone().dispatch_all());
            }
            (number, passed)
        };
        let _ticket = Ticket { limiter: &self, number };
        let _wait = call_context.wait();
        // The dispatcher never drops the sender of a waiting call.
        let _ = passed.await;
    }

    /// Dispatches the waiting calls, as the rate allows, until the queue is empty.
    async fn dispatch_all(self: Arc<Self>) {
        while let Some(wait) = self.dispatch() {
            sleep(wait).await;
        }
    }

    /// Dispatches the calls that may pass now. Returns the time until the next token; `None` if the queue is empty.
    fn dispatch(&self) -> Option<Duration> {
        let now = self.began.elapsed();
        let mut state = self.state.lock();
        while !state.waiting.is_empty() {
            if let Err(wait) = state.bucket.take(now) {
                return Some(wait);
            }
            let next = Priority::ALL.iter().find_map(|priority| state.queue.pop(*priority));
            if let Some(pass) = next.and_then(|number| state.waiting.remove(&number)) {
                // The send fails if the call was cancelled.
                let _ = pass.send(());
            }
        }
        state.is_dispatching = false;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "eu-west-1";

    /// One call may start at once. The next call waits for 1.5 seconds.
    fn rate_limiter() -> RateLimiter {
        RateLimiter::new(Rates { lambda: 1.0, ..Rates::default() })
    }

    /// Spawns a call. The task returns the time at which the call passes.
    async fn call(
        rate_limiter: &RateLimiter,
        began: Instant,
        namespace: &str,
        priority: Priority,
    ) -> tokio::task::JoinHandle<Duration> {
        let (rate_limiter, call_context) = (rate_limiter.clone(), CallContext::new(namespace, priority));
        let work = async move {
            rate_limiter.call(Quota::Lambda, REGION).await;
            began.elapsed()
        };
        let task = tokio::spawn(call_context.scope(work));
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test(start_paused = true)]
    async fn high_priority_calls_pass_first() {
        let (rate_limiter, began) = (rate_limiter(), Instant::now());
        let mut calls = vec![];
        for (namespace, priority) in [
            ("a", Priority::Low),
            ("a", Priority::Low),
            ("a", Priority::Low),
            ("b", Priority::Low),
            ("a", Priority::High),
            ("a", Priority::High),
            ("b", Priority::High),
        ] {
            calls.push(call(&rate_limiter, began, namespace, priority).await);
        }
        let mut times = vec![];
        for call in calls {
            times.push(call.await.unwrap());
        }
        let places = times.iter().map(|time| times.iter().filter(|other| *other < time).count());
        assert_eq!(places.collect::<Vec<_>>(), [0, 4, 6, 5, 1, 3, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_quota_account_and_region_has_its_own_rate() {
        let (rate_limiter, began) = (rate_limiter(), Instant::now());
        let other = rate_limiter.for_account("210987654321");
        rate_limiter.call(Quota::Lambda, REGION).await;
        rate_limiter.call(Quota::LambdaPolicy, REGION).await;
        rate_limiter.call(Quota::Lambda, "us-east-1").await;
        other.call(Quota::Lambda, REGION).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        // A clone shares the tokens.
        rate_limiter.clone().call(Quota::Lambda, REGION).await;
        assert_eq!(began.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_call_takes_no_token() {
        let (rate_limiter, began) = (rate_limiter(), Instant::now());
        rate_limiter.call(Quota::Lambda, REGION).await;
        let cancelled = call(&rate_limiter, began, "a", Priority::High).await;
        let next = call(&rate_limiter, began, "a", Priority::High).await;
        cancelled.abort();
        assert_eq!(next.await.unwrap().as_secs(), 1);
        // The dispatcher restarts after the queue was empty.
        rate_limiter.debit(Quota::Lambda, REGION, 2);
        assert_eq!(call(&rate_limiter, began, "a", Priority::High).await.await.unwrap().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate() {
        let (rate_limiter, began) = (rate_limiter(), Instant::now());
        rate_limiter.on_throttled(Quota::Lambda, REGION);
        rate_limiter.call(Quota::Lambda, REGION).await;
        assert!((2900..3100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }
}
