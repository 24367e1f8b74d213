//! Keeps calls below AWS's quotas: one bucket of tokens for each quota, account and Region. Those who wait are served edits
//! first, and one namespace after the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambda_triggers_core::plan::queue::{Priority, Queue};
use lambda_triggers_core::plan::quota::{Bucket, Quota, Rates};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::call_context::CallContext;

/// The limits of one account. Clones, and those of other accounts that are made of it, are of the same operator.
#[derive(Clone, Debug)]
pub struct Limits {
    account: String,
    all: Arc<All>,
}

#[derive(Debug)]
struct All {
    rates: Rates,
    began: Instant,
    buckets: Mutex<HashMap<(String, Quota, String), Arc<Limit>>>,
}

/// One quota in one account and Region.
#[derive(Debug)]
struct Limit {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    queue: Queue<u64>,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
    tickets: u64,
    /// Whether somebody lets those through who wait.
    is_served: bool,
}

/// One who waits, until it does no more.
struct Ticket<'a> {
    limit: &'a Limit,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.limit.state();
        state.queue.remove(&self.number);
        state.waiting.remove(&self.number);
    }
}

impl Limits {
    /// The limits of the operator's own account: with these rates, as are those of every other one.
    pub fn new(rates: Rates) -> Self {
        let all = All { rates, began: Instant::now(), buckets: Mutex::default() };
        Self { account: String::new(), all: Arc::new(all) }
    }

    /// The limits of another account, by its number.
    pub fn of_account(&self, account: impl Into<String>) -> Self {
        Self { account: account.into(), all: self.all.clone() }
    }

    /// Waits until a call may be made, and counts it.
    pub async fn call(&self, quota: Quota, region: &str) {
        self.limit(quota, region).pass().await;
    }

    /// Counts calls that are made in any case: later ones wait for them.
    pub fn charge(&self, quota: Quota, region: &str, calls: u32) {
        let limit = self.limit(quota, region);
        let now = limit.began.elapsed();
        limit.state().bucket.charge(calls, now);
    }

    /// Notes that AWS has asked for fewer calls.
    pub fn throttled(&self, quota: Quota, region: &str) {
        let limit = self.limit(quota, region);
        let now = limit.began.elapsed();
        limit.state().bucket.cut(now);
    }

    fn limit(&self, quota: Quota, region: &str) -> Arc<Limit> {
        let All { rates, began, buckets } = &*self.all;
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let bucket = Bucket::new(rates.of(quota), began.elapsed());
            let state = State {
                bucket,
                queue: Queue::default(),
                waiting: BTreeMap::new(),
                tickets: 0,
                is_served: false,
            };
            Arc::new(Limit { began: *began, state: Mutex::new(state) })
        };
        buckets.entry((self.account.clone(), quota, region.to_owned())).or_insert_with(new).clone()
    }
}

impl Limit {
    async fn pass(self: Arc<Self>) {
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
            if !std::mem::replace(&mut state.is_served, true) {
                tokio::spawn(self.clone().serve());
            }
            (number, passed)
        };
        let _ticket = Ticket { limit: &self, number };
        let _wait = call_context.wait();
        // Who serves never lets go of one who waits.
        let _ = passed.await;
    }

    /// Lets those through who wait, as the rate allows, until nobody does.
    async fn serve(self: Arc<Self>) {
        while let Some(wait) = self.let_through() {
            sleep(wait).await;
        }
    }

    /// Lets through who may pass now. Returns the time until the next one may; none where nobody waits.
    fn let_through(&self) -> Option<Duration> {
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
        state.is_served = false;
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "eu-west-1";

    fn limits() -> Limits {
        Limits::new(Rates { lambda: 1.0, ..Rates::default() })
    }

    /// Has a call wait in a task of its own, which tells when it may be made.
    async fn call(
        limits: &Limits,
        began: Instant,
        namespace: &str,
        priority: Priority,
    ) -> tokio::task::JoinHandle<u64> {
        let (limits, call_context) = (limits.clone(), CallContext::new(namespace, priority));
        let work = async move {
            limits.call(Quota::Lambda, REGION).await;
            began.elapsed().as_secs()
        };
        let task = tokio::spawn(call_context.scope(work));
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_their_turn_edits_first() {
        let (limits, began) = (limits(), Instant::now());
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
            calls.push(call(&limits, began, namespace, priority).await);
        }
        let mut times = vec![];
        for call in calls {
            times.push(call.await.unwrap());
        }
        assert_eq!(times, [0, 4, 6, 5, 1, 3, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_quota_account_and_region_is_its_own() {
        let (limits, began) = (limits(), Instant::now());
        let other = limits.of_account("210987654321");
        limits.call(Quota::Lambda, REGION).await;
        limits.call(Quota::LambdaPolicy, REGION).await;
        limits.call(Quota::Lambda, "us-east-1").await;
        other.call(Quota::Lambda, REGION).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        // A clone is the same one.
        limits.clone().call(Quota::Lambda, REGION).await;
        assert_eq!(began.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_nobodys_place() {
        let (limits, began) = (limits(), Instant::now());
        limits.call(Quota::Lambda, REGION).await;
        let gone = call(&limits, began, "a", Priority::High).await;
        let next = call(&limits, began, "a", Priority::High).await;
        gone.abort();
        assert_eq!(next.await.unwrap(), 1);
        // Nobody waited meanwhile, and somebody does again.
        limits.charge(Quota::Lambda, REGION, 2);
        assert_eq!(call(&limits, began, "a", Priority::High).await.await.unwrap(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn fewer_calls_are_made_where_aws_asks_for_it() {
        let (limits, began) = (limits(), Instant::now());
        limits.throttled(Quota::Lambda, REGION);
        limits.call(Quota::Lambda, REGION).await;
        assert!((1900..2100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }
}
