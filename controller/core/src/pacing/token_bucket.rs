//! How many calls may be made: a token bucket, whose rate falls where AWS asks for fewer calls, and grows back bit by bit.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// A rate that was halved_at is halved_at again at the earliest after this time: what was on its way before knows nothing of the halved_at.
const MIN_TIME_BETWEEN_CUTS: Duration = Duration::from_secs(1);
/// The part of the full rate that is kept, however often it is halved_at: what grows from nothing would take long.
const MIN_RATE: f64 = 1.0 / 8.0;
/// In so many seconds a rate grows from nothing to the full one.
const RECOVERY_SECONDS: f64 = 60.0;

/// Which of its quotas AWS counts a call against: each is kept for an account and a Region by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Lambda's GetFunction.
    LambdaFunction,
    /// Lambda's GetPolicy.
    LambdaPolicy,
    /// All else that is asked of Lambda, but for invocations.
    Lambda,
    /// EventBridge.
    Events,
    /// S3's configuration of buckets.
    S3,
}

/// Calls a second, on average, in one account and Region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Of Lambda's quota for all calls together that have none of their own. GetPolicy has one that is as large, and
    /// GetFunction one of 100/15 of it (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>).
    pub lambda: f64,
    /// Of EventBridge's (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
    pub events: f64,
    /// Of S3, which tells no quota for the configuration of buckets.
    pub s3: f64,
}

/// Half of what AWS allows, so that others in the account have the other half: of 15 in Lambda, of 50 in EventBridge.
impl Default for Rates {
    fn default() -> Self {
        Self { lambda: 7.5, events: 25.0, s3: 20.0 }
    }
}

impl Rates {
    /// The rate of one quota.
    pub fn rate(&self, quota: Quota) -> f64 {
        match quota {
            Quota::LambdaFunction => self.lambda * 100.0 / 15.0,
            Quota::LambdaPolicy | Quota::Lambda => self.lambda,
            Quota::Events => self.events,
            Quota::S3 => self.s3,
        }
    }
}

/// The calls that may be made now. Times are those since some start.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenBucket {
    /// The rate as it was given, in calls a second.
    full: f64,
    /// The rate as of `at`.
    rate: f64,
    /// The calls that may be made at once; below zero, calls that are to be made up for.
    tokens: f64,
    at: Duration,
    halved_at: Option<Duration>,
}

impl TokenBucket {
    /// A bucket that holds the calls of a second: with those that come in during the next one, these are twice the rate.
    pub fn new(rate: f64, now: Duration) -> Self {
        Self { full: rate, rate, tokens: capacity(rate), at: now, halved_at: None }
    }

    /// Takes a call from the bucket.
    ///
    /// # Errors
    /// Says after which time to try again, where there is none.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // A little more, so that rounding leaves nothing to wait for again.
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.rate) + Duration::from_millis(1))
    }

    /// Counts calls that are made in any case: later ones wait for them.
    pub fn debit(&mut self, calls: u32, now: Duration) {
        self.refill(now);
        self.tokens -= f64::from(calls);
    }

    /// Halves the rate: AWS has asked for fewer calls.
    pub fn halve_rate(&mut self, now: Duration) {
        self.refill(now);
        if self.halved_at.is_some_and(|halved_at| now.saturating_sub(halved_at) < MIN_TIME_BETWEEN_CUTS) {
            return;
        }
        self.halved_at = Some(now);
        self.rate = (self.rate / 2.0).max(self.full * MIN_RATE);
        self.tokens = self.tokens.min(0.0);
    }

    /// The rate as it is now.
    pub fn rate(&mut self, now: Duration) -> f64 {
        self.refill(now);
        self.rate
    }

    fn refill(&mut self, now: Duration) {
        let time = now.saturating_sub(self.at).as_secs_f64();
        let before = self.rate;
        self.rate = (before + time * self.full / RECOVERY_SECONDS).min(self.full);
        self.tokens = (self.tokens + time * f64::midpoint(before, self.rate)).min(capacity(self.full));
        self.at = self.at.max(now);
    }
}

/// A second's calls, and at least one: with fewer, none could ever be made.
fn capacity(rate: f64) -> f64 {
    rate.max(1.0)
}
