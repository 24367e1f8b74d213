//! AWS's quotas of calls. The quotas are off by default.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::errors::Op;
use crate::aws_proxy::fault_answers::throttled;
use crate::aws_proxy::wire::Refusal;

/// The prefix of IAM actions that share a quota, and their calls per second.
pub type Rate = (&'static str, f64);

/// AWS's default quotas for one account in one Region. The first matching prefix counts. S3 publishes no number for
/// bucket configurations.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>,
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
pub const RATES: [Rate; 10] = [
    ("lambda:GetFunction", 100.0),
    ("lambda:GetPolicy", 15.0),
    ("lambda:", 15.0),
    ("events:", 50.0),
    ("scheduler:CreateScheduleGroup", 10.0),
    ("scheduler:CreateSchedule", 250.0),
    ("scheduler:GetSchedule", 250.0),
    ("scheduler:UpdateSchedule", 250.0),
    ("scheduler:DeleteSchedule", 250.0),
    // AWS publishes no number for lists of schedules. The number is that of groups and tags.
    ("scheduler:", 10.0),
];

/// The active quotas, and the remaining calls of each quota.
#[derive(Default)]
pub(super) struct Rates {
    rates: Vec<Rate>,
    /// The remaining calls and their time, by index in `rates` and Region.
    left: BTreeMap<(usize, String), (f64, Instant)>,
    /// The number of throttled calls.
    pub refused: usize,
}

impl Rates {
    /// Replaces the active quotas.
    pub fn set(&mut self, rates: &[Rate]) {
        *self = Self { rates: rates.to_vec(), refused: self.refused, ..Self::default() };
    }

    /// Debits a call in a Region, or throttles the call as the service does. A throttled call costs nothing. The burst
    /// is the calls of one second, but at least one call.
    pub fn take(&mut self, op: &Op, region: &str) -> Result<(), Refusal> {
        let Some(at) = self.rates.iter().position(|(begin, _)| op.action.starts_with(begin)) else {
            return Ok(());
        };
        let (rate, now) = (self.rates[at].1, Instant::now());
        let most = rate.max(1.0);
        let (left, since) = self.left.entry((at, region.to_owned())).or_insert((most, now));
        *left = (*left + (now - *since).as_secs_f64() * rate).min(most);
        *since = now;
        if *left < 1.0 {
            self.refused += 1;
            return Err(throttled(op.action.split(':').next().unwrap_or_default()));
        }
        *left -= 1.0;
        Ok(())
    }
}
