//! Keeps calls below AWS's quotas: one bucket of tokens for each quota, account and Region. Those who wait are served edits
//! first, and one namespace after the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambda_triggers_core::pacing::queue::{Priority, Queue};
use lambda_triggers_core::pacing::token_bucket::{Quota, Rates, TokenBucket};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::aws::call_context::CallContext;

/// The rate_limiter of one account. Clones, and those of other accounts that are made of it, are of the same operator.
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

/// One quota in one account and Region.
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
    /// Whether somebody lets those through who wait.
    is_dispatching: bool,
}

/// One who waits, until it does no more.
struct Ticket<'a> {
    limiter: &'a Limiter,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.queue.remove(&self.number);
        state.waiting.remove(&self.number);
    }
}

impl RateLimiter {
    /// The rate_limiter of the operator's own account: with these rates, as are those of every other one.
    pub fn new(rates: Rates) -> Self {
        let all = All { rates, began: Instant::now(), buckets: Mutex::default() };
        Self { account: String::new(), all: Arc::new(all) }
    }

    /// The rate_limiter of another account, by its number.
    pub fn of_account(&self, account: impl Into<String>) -> Self {
        Self { account: account.into(), all: self.all.clone() }
    }

    /// Waits until a call may be made, and counts it.
    pub async fn call(&self, quota: Quota, region: &str) {
        self.limiter(quota, region).acquire().await;
    }

    /// Counts calls that are made in any case: later ones wait for them.
    pub fn debit(&self, quota: Quota, region: &str, calls: u32) {
        let limiter = self.limiter(quota, region);
        let now = limiter.began.elapsed();
        limiter.state().bucket.debit(calls, now);
    }

    /// Notes that AWS has asked for fewer calls.
    pub fn on_throttled(&self, quota: Quota, region: &str) {
        let limiter = self.limiter(quota, region);
        let now = limiter.began.elapsed();
        limiter.state().bucket.halve_rate(now);
    }

    fn limiter(&self, quota: Quota, region: &str) -> Arc<Limiter> {
        let All { rates, began, buckets } = &*self.all;
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
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
            let mut state = self.state();
            // Who waits is first, whatever there is.
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
        // Who serves never lets go of one who waits.
        let _ = passed.await;
    }

    /// Lets those through who wait, as the rate allows, until nobody does.
    async fn dispatch_all(self: Arc<Self>) {
        while let Some(wait) = self.dispatch() {
            sleep(wait).await;
        }
    }

    /// Lets through who may pass now. Returns the time until the next one may; none where nobody waits.
    fn dispatch(&self) -> Option<Duration> {
        let now = self.began.elapsed();
        let mut state = self.state();
        while !state.waiting.is_empty() {
            if let Err(wait) = state.bucket.take(now) {
                return Some(wait);
            }
            let next = Priority::ALL.iter().find_map(|priority| state.queue.pop(*priority));
            if let Some(pass) = next.and_then(|number| state.waiting.remove(&number)) {
                // Who is gone has left its ticket.
                let _ = pass.send(());
            }
        }
        state.is_dispatching = false;
        None
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "eu-west-1";

    fn rate_limiter() -> RateLimiter {
        RateLimiter::new(Rates { lambda: 1.0, ..Rates::default() })
    }

    /// Has a call wait in a task of its own, which tells when it may be made.
    async fn call(
        rate_limiter: &RateLimiter,
        began: Instant,
        namespace: &str,
        priority: Priority,
    ) -> tokio::task::JoinHandle<u64> {
        let (rate_limiter, call_context) = (rate_limiter.clone(), CallContext::new(namespace, priority));
        let work = async move {
            rate_limiter.call(Quota::Lambda, REGION).await;
            began.elapsed().as_secs()
        };
        let task = tokio::spawn(call_context.scope(work));
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_their_turn_edits_first() {
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
        assert_eq!(times, [0, 4, 6, 5, 1, 3, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_quota_account_and_region_is_its_own() {
        let (rate_limiter, began) = (rate_limiter(), Instant::now());
        let other = rate_limiter.of_account("210987654321");
        rate_limiter.call(Quota::Lambda, REGION).await;
        rate_limiter.call(Quota::LambdaPolicy, REGION).await;
        rate_limiter.call(Quota::Lambda, "us-east-1").await;
        other.call(Quota::Lambda, REGION).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        // A clone is the same one.
        rate_limiter.clone().call(Quota::Lambda, REGION).await;
        assert_eq!(began.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_nobodys_place() {
        let (rate_limiter, began) = (rate_limiter(), Instant::now());
        rate_limiter.call(Quota::Lambda, REGION).await;
        let gone = call(&rate_limiter, began, "a", Priority::High).await;
        let next = call(&rate_limiter, began, "a", Priority::High).await;
        gone.abort();
        assert_eq!(next.await.unwrap(), 1);
        // Nobody waited meanwhile, and somebody does again.
        rate_limiter.debit(Quota::Lambda, REGION, 2);
        assert_eq!(call(&rate_limiter, began, "a", Priority::High).await.await.unwrap(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn fewer_calls_are_made_where_aws_asks_for_it() {
        let (rate_limiter, began) = (rate_limiter(), Instant::now());
        rate_limiter.on_throttled(Quota::Lambda, REGION);
        rate_limiter.call(Quota::Lambda, REGION).await;
        assert!((1900..2100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }
}
