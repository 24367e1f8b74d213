//! AWS in memory: the services that the operator uses. The rules of AWS are the code of the strict AWS proxy, so both
//! refuse the same requests.
//!
//! Differences from AWS:
//! - Every caller that names the owner can reach a bucket, without regard to a bucket policy.
//! - A stale read returns the state before the last change, even if that change is old.
//! - Only runs of schedules and rules are simulated. A run is recorded if the service may invoke the function. Deliveries
//!   of events of S3 are not simulated.
//! - The quotas of calls are off until a test sets [`MemoryAws::limit_calls`]. A call of a port counts once, even if
//!   the SDK would send several requests.

mod buckets;
mod client;
mod errors;
mod functions;
mod journal;
mod lambda;
mod other_writers;
mod policies;
mod rates;
mod requests;
mod rules;
mod runs;
mod schedule_members;
mod schedules;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod versioned;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use lambda_triggers::aws::Aws;
use parking_lot::{Mutex, MutexGuard};

pub use self::journal::{Applied, BaseRead, DocumentWrite, Effect, Writer};
pub use self::rates::{RATES, Rate};
pub use self::runs::Run;
pub use self::snapshot::{FunctionSnapshot, RuleSnapshot, Snapshot};

use self::client::SimClient;
use self::state::AwsState;
use super::fault_injector::CallInterceptor;
use crate::aws_proxy::Pace;

/// The account ID.
pub const ACCOUNT: &str = "123456789012";
/// The default Region.
pub const REGION: &str = "eu-west-1";
/// The role that EventBridge Scheduler can assume from the start.
pub const SCHEDULER_ROLE: &str = "arn:aws:iam::123456789012:role/scheduler";
/// The default time that a function is `Pending` after its creation, or `InProgress` after an update.
const CHANGE_TAKES: Duration = Duration::from_secs(1);

/// The AWS of one run. Clones share the state.
#[derive(Clone)]
pub struct MemoryAws(Arc<Mutex<AwsState>>);

impl Default for MemoryAws {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryAws {
    /// Creates an empty AWS with one account, [`ACCOUNT`].
    pub fn new() -> Self {
        let state = AwsState::new(ACCOUNT);
        state.wishes.set_pace(ACCOUNT, Pace::Time(CHANGE_TAKES));
        Self(Arc::new(Mutex::new(state)))
    }

    /// Opens the client of one start of the operator. Every call passes the interceptor.
    pub fn ports(&self, interceptor: CallInterceptor) -> Arc<dyn Aws> {
        self.client(Some(interceptor))
    }

    /// Opens a client for other writers. Calls skip the interceptor and take effect at once, with the same checks as
    /// the operator's calls.
    pub fn outside(&self) -> Arc<dyn Aws> {
        self.client(None)
    }

    /// The whole state.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }

    /// The time of the last write of another writer, since the start of the run.
    pub fn outside_wrote(&self) -> Option<Duration> {
        self.lock().outside_wrote
    }

    /// Every write that took effect, in order.
    pub fn journal(&self) -> Vec<Applied> {
        self.lock().journal.clone()
    }

    /// Every write that replaced a bucket's document, in order.
    pub fn document_writes(&self) -> Vec<DocumentWrite> {
        self.lock().document_writes.clone()
    }

    /// Every run that invoked a function until now, in order.
    pub fn runs(&self) -> Vec<Run> {
        self.lock().runs.clone()
    }

    /// Delays the runs of rules and of schedules from now on. AWS is precise to the minute.
    pub fn delay_runs(&self, of_rules: SignedDuration, of_schedules: SignedDuration) {
        let mut state = self.lock();
        state.rule_delay = of_rules;
        state.scheduler.settings.run_delay = of_schedules;
    }

    /// Forgets the recorded writes and runs. They would fill the memory in a long run.
    pub fn forget_writes(&self) {
        let mut state = self.lock();
        state.journal.clear();
        state.document_writes.clear();
        state.runs.clear();
    }

    /// Makes the current state visible to every later read, also to stale reads.
    pub fn settle(&self) {
        let mut state = self.lock();
        state.documents.settle_all();
        state.functions.settle_all();
        state.policies.settle_all();
        state.rules.settle_all();
        state.scheduler.settle();
    }

    /// Limits the operator's calls per second in each Region from now on, as an account's quotas do: [`RATES`] or lower
    /// rates. An empty slice removes the limits.
    pub fn limit_calls(&self, rates: &[Rate]) {
        self.lock().rates.set(rates);
    }

    /// The number of throttled calls.
    pub fn throttled(&self) -> usize {
        self.lock().rates.refused
    }

    fn client(&self, interceptor: Option<CallInterceptor>) -> Arc<dyn Aws> {
        let (account, reads) = Default::default();
        Arc::new(SimClient { aws: self.clone(), interceptor, region: REGION.into(), account, reads })
    }

    /// The state, after all due changes of functions and all due runs.
    fn lock(&self) -> MutexGuard<'_, AwsState> {
        let mut state = self.0.lock();
        state.age();
        state
    }
}
