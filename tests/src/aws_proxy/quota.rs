//! AWS's request rates, for accounts that a test limits.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use super::call::Request;
use parking_lot::Mutex;

/// Token buckets of the limited accounts. A token bucket holds the calls of one second.
#[derive(Default)]
pub(super) struct Quotas {
    limited: Mutex<HashSet<String>>,
    buckets: Mutex<HashMap<(String, String, &'static str), TokenBucket>>,
}

struct TokenBucket {
    tokens: f64,
    filled: Instant,
}

impl Quotas {
    pub fn limit(&self, account: &str) {
        self.limited.lock().insert(account.to_owned());
    }

    pub fn lift(&self, account: &str) {
        self.limited.lock().remove(account);
    }

    /// True if the call exceeds its quota. A throttled call does not use a token.
    pub fn exceeded(&self, request: &Request) -> bool {
        let Some((name, rate)) = quota(request) else {
            return false;
        };
        if !self.limited.lock().contains(&request.account) {
            return false;
        }
        let mut buckets = self.buckets.lock();
        let now = Instant::now();
        let bucket = buckets
            .entry((request.account.clone(), request.region.clone(), name))
            .or_insert(TokenBucket { tokens: rate, filled: now });
        bucket.tokens = (bucket.tokens + now.duration_since(bucket.filled).as_secs_f64() * rate).min(rate);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return true;
        }
        bucket.tokens -= 1.0;
        false
    }
}

/// The quota of a call, and its calls a second for each account and Region.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
fn quota(request: &Request) -> Option<(&'static str, f64)> {
    match (request.service.as_str(), request.operation.as_str()) {
        ("lambda", "Invoke" | "InvokeWithResponseStream") | ("events", "PutEvents") => None,
        ("lambda", "GetFunction") => Some(("lambda GetFunction", 100.0)),
        ("lambda", "GetPolicy") => Some(("lambda GetPolicy", 15.0)),
        ("lambda", _) => Some(("lambda control plane", 15.0)),
        ("events", _) => Some(("events control plane", 50.0)),
        _ => None,
    }
}
