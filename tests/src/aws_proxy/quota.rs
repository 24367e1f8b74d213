//! AWS's request rates, for accounts that a test limits.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use parking_lot::Mutex;

use super::{call::Request, scheduler_request::members};
use crate::scheduler::check::group;

/// Token buckets of the limited accounts. A token bucket holds the calls of one second.
#[derive(Default)]
pub(super) struct Quotas {
    limited: Mutex<HashSet<String>>,
    buckets: Mutex<HashMap<(String, String, String), TokenBucket>>,
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

    /// True if the call exceeds a quota. A throttled call does not use a token of the quota that throttles the call.
    pub fn exceeded(&self, request: &Request) -> bool {
        self.limited.lock().contains(&request.account)
            && quotas(request).into_iter().any(|quota| self.exceeds(request, quota))
    }

    fn exceeds(&self, request: &Request, (name, rate): (String, f64)) -> bool {
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

/// Regions with higher rates of EventBridge Scheduler.
const LARGE_REGIONS: [&str; 11] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "sa-east-1",
];

/// The quotas of a call, and their calls a second for each account and Region.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>,
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
fn quotas(request: &Request) -> Vec<(String, f64)> {
    let one = |name: &str, rate: f64| vec![(name.to_owned(), rate)];
    match (request.service.as_str(), request.operation.as_str()) {
        ("lambda", "Invoke" | "InvokeWithResponseStream") | ("events", "PutEvents") => vec![],
        ("lambda", "GetFunction") => one("lambda GetFunction", 100.0),
        ("lambda", "GetPolicy") => one("lambda GetPolicy", 15.0),
        ("lambda", _) => one("lambda control plane", 15.0),
        ("events", _) => one("events control plane", 50.0),
        ("scheduler", operation) => scheduler(request, operation),
        _ => vec![],
    }
}

/// Scheduler's quotas. AWS does not publish the rates of lists and tags.
fn scheduler(request: &Request, operation: &str) -> Vec<(String, f64)> {
    let named = |rate: f64| (format!("scheduler {operation}"), rate);
    match operation {
        "CreateSchedule" | "GetSchedule" | "UpdateSchedule" | "DeleteSchedule" => {
            let is_large = LARGE_REGIONS.contains(&request.region.as_str());
            let one_schedule = format!("schedule {}/{}", group(&members(request)), request.resource);
            vec![(one_schedule, 10.0), named(if is_large { 5000.0 } else { 250.0 })]
        }
        "CreateScheduleGroup" | "DeleteScheduleGroup" => vec![named(10.0)],
        _ => vec![("scheduler reads".to_owned(), 5.0)],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::aws_proxy::scheduler_request::tests::request;

    #[test]
    fn scheduler_rates_depend_on_operation_and_region() {
        let of = |region: &str, line: &str| quotas(&request(region, line, &Value::Null));
        let quota = |name: &str, rate: f64| (name.to_owned(), rate);
        let one = quota("schedule team/app", 10.0);
        let found = [
            of("eu-west-1", "GET /schedules/app?groupName=team"),
            of("eu-north-1", "DELETE /schedules/app?groupName=team"),
            of("eu-west-1", "POST /schedule-groups/team"),
            of("eu-west-1", "GET /schedules"),
        ];
        let expected = [
            vec![one.clone(), quota("scheduler GetSchedule", 5000.0)],
            vec![one, quota("scheduler DeleteSchedule", 250.0)],
            vec![quota("scheduler CreateScheduleGroup", 10.0)],
            vec![quota("scheduler reads", 5.0)],
        ];
        assert_eq!(found, expected);
    }
}
