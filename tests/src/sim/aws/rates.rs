//! AWS's quotas of calls, for runs that are put under them.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::errors::Op;
use crate::aws_proxy::fault_answers::throttled;
use crate::aws_proxy::wire::Refusal;

/// Calls a second that count towards one quota together: those of the actions that begin so.
pub type Rate = (&'static str, f64);

/// AWS's own, for one account in one Region: of two that an action begins with, the first one counts. S3 names no number
/// for the configuration of buckets.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
pub const RATES: [Rate; 4] =
    [("lambda:GetFunction", 100.0), ("lambda:GetPolicy", 15.0), ("lambda:", 15.0), ("events:", 50.0)];

/// The quotas that are in force, and what is left of each.
#[derive(Default)]
pub(super) struct Rates {
    rates: Vec<Rate>,
    /// By place in `rates` and Region: the calls that may be made at once, as of then.
    left: BTreeMap<(usize, String), (f64, Instant)>,
    /// How many calls were refused.
    pub refused: usize,
}

impl Rates {
    /// From here on, these are in force.
    pub fn set(&mut self, rates: &[Rate]) {
        *self = Self { rates: rates.to_vec(), refused: self.refused, ..Self::default() };
    }

    /// Counts a call in a Region, or refuses it, as its service does. One that is refused counts for nothing. At most the
    /// calls of a second are made at once, and one in any case.
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
