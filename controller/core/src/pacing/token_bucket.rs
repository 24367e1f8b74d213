//! Rate limits for calls to AWS: a token bucket below AWS's quota. The rate rises while calls wait, and halves when AWS
//! throttles.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// The minimum time between two cuts. Calls in flight at the first cut may still be throttled, and those errors must
/// not halve the rate again.
const MIN_TIME_BETWEEN_CUTS: Duration = Duration::from_secs(1);
/// The rate of an idle operator, as a share of the quota. Other clients in the account have the rest.
const START_RATE: f64 = 2.0 / 3.0;
/// The lower limit of the rate, as a share of the quota. Without a limit, the rate would take long to recover.
const MIN_RATE: f64 = 1.0 / 8.0;
/// The time in which the rate rises from zero to the quota.
const RISE_SECONDS: f64 = 120.0;
/// The calls of this time may start at once.
const BURST_SECONDS: f64 = 2.0;

/// The AWS quota that a call counts against. AWS counts each quota per account and Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Lambda's quota for GetFunction.
    LambdaFunction,
    /// Lambda's quota for GetPolicy.
    LambdaPolicy,
    /// Lambda's quota for all other calls, except invocations.
    Lambda,
    /// EventBridge's quotas.
    Events,
    /// EventBridge Scheduler's quotas for calls on one schedule.
    Scheduler,
    /// EventBridge Scheduler's limits for lists, groups and tags.
    SchedulerLists,
    /// S3's limit for bucket configurations.
    S3,
}

impl Quota {
    /// The quota of a request, by its IAM action; `None` for STS and the tagging API, which are called rarely.
    pub fn from_action(action: &str) -> Option<Self> {
        match action {
            "lambda:GetFunction" => Some(Self::LambdaFunction),
            "lambda:GetPolicy" => Some(Self::LambdaPolicy),
            _ if action.starts_with("lambda:") => Some(Self::Lambda),
            _ if action.starts_with("events:") => Some(Self::Events),
            "scheduler:GetSchedule"
            | "scheduler:CreateSchedule"
            | "scheduler:UpdateSchedule"
            | "scheduler:DeleteSchedule" => Some(Self::Scheduler),
            _ if action.starts_with("scheduler:") => Some(Self::SchedulerLists),
            _ if action.starts_with("s3:") => Some(Self::S3),
            _ => None,
        }
    }
}

/// AWS's quotas in one account and Region, in calls per second. The operator stays below the quotas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// For Lambda's quota of all calls without a quota of their own. The quota of GetPolicy has the same size, and
    /// the quota of GetFunction has 100/15 of the size
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>).
    pub lambda: f64,
    /// For EventBridge (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
    pub events: f64,
    /// For calls on one schedule of EventBridge Scheduler: half of the smallest quota of a Region, 250
    /// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>). Lists, groups and tags get
    /// 1/25 of the rate, since AWS documents no quota for lists and tags.
    pub scheduler: f64,
    /// For S3, which documents no quota for bucket configurations.
    pub s3: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { lambda: 15.0, events: 50.0, scheduler: 125.0, s3: 30.0 }
    }
}

impl Rates {
    /// The size of one quota, in calls per second.
    pub fn rate(&self, quota: Quota) -> f64 {
        match quota {
            Quota::LambdaFunction => self.lambda * 100.0 / 15.0,
            Quota::LambdaPolicy | Quota::Lambda => self.lambda,
            Quota::Events => self.events,
            Quota::Scheduler => self.scheduler,
            Quota::SchedulerLists => self.scheduler / 25.0,
            Quota::S3 => self.s3,
        }
    }
}

/// A token bucket. Times count from some fixed start.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenBucket {
    /// The upper limit of the rate, in calls per second.
    quota: f64,
    /// The rate at time `at`.
    rate: f64,
    /// The calls that may start at once. A negative number is a debt that later calls wait for.
    tokens: f64,
    at: Duration,
    halved_at: Option<Duration>,
    /// True while calls wait for a token.
    is_short: bool,
}

impl TokenBucket {
    /// A full bucket. `quota` is in calls per second.
    pub fn new(quota: f64, now: Duration) -> Self {
        let rate = quota * START_RATE;
        let tokens = capacity(rate, quota);
        Self { quota, rate, tokens, at: now, halved_at: None, is_short: false }
    }

    /// Consumes a token for a call.
    ///
    /// # Errors
    ///
    /// Returns the time to wait if no token is available.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.refill(now);
        self.is_short = self.tokens < 1.0;
        if self.is_short {
            // An extra millisecond avoids a second wait after a rounding error.
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / self.rate);
            return Err(wait + Duration::from_millis(1));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Debits tokens for calls that start without a wait. Later calls wait until the bucket has recovered.
    pub fn debit(&mut self, calls: u32, now: Duration) {
        self.refill(now);
        self.tokens -= f64::from(calls);
    }

    /// Halves the rate after AWS has throttled a call.
    pub fn halve_rate(&mut self, now: Duration) {
        self.refill(now);
        if self.halved_at.is_some_and(|halved_at| now.saturating_sub(halved_at) < MIN_TIME_BETWEEN_CUTS) {
            return;
        }
        self.halved_at = Some(now);
        self.rate = (self.rate / 2.0).max(self.quota * MIN_RATE);
        self.tokens = self.tokens.min(0.0);
    }

    /// The rate at time `now`, in calls per second.
    pub fn rate(&mut self, now: Duration) -> f64 {
        self.refill(now);
        self.rate
    }

    /// Adds the tokens since the last refill. While calls wait, the rate rises to the quota. Otherwise the rate rises to
    /// the start rate, and a full bucket has the start rate at most.
    fn refill(&mut self, now: Duration) {
        let start = self.quota * START_RATE;
        let time = now.saturating_sub(self.at).as_secs_f64();
        let before = self.rate;
        let limit = if self.is_short { self.quota } else { before.max(start) };
        self.rate = (before + time * self.quota / RISE_SECONDS).min(limit);
        self.tokens += time * f64::midpoint(before, self.rate);
        if !self.is_short && self.tokens >= capacity(self.rate, self.quota) {
            self.rate = self.rate.min(start);
        }
        self.tokens = self.tokens.min(capacity(self.rate, self.quota));
        self.at = self.at.max(now);
    }
}

/// The tokens of a full bucket. AWS documents no burst, so the limit is the quota of one second: AWS would throttle a
/// larger burst, if AWS counts the calls of each second. Without at least one token, no call could ever start.
fn capacity(rate: f64, quota: f64) -> f64 {
    (rate * BURST_SECONDS).min(quota).max(1.0)
}
