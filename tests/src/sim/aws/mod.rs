//! AWS in memory: what the operator asks of AWS, over values in place of services. It refuses what AWS refuses, by the
//! same code as the strict aws_proxy.
//!
//! Where it knows less than AWS:
//! - A bucket is reached by every caller that names its owner, whatever a bucket policy may say.
//! - A stale read answers what was there before the last change, however long ago that was.
//! - Deliveries and invocations are not part of it. Quotas of calls are no part of it until a test says so
//!   ([`MemoryAws::limit_calls`]), and a call of a port counts as one, whatever number of requests the SDK makes of it.

mod buckets;
mod client;
mod deployments;
mod errors;
mod functions;
mod journal;
mod other_writers;
mod policies;
mod rates;
mod requests;
mod rules;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod versioned;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambda_triggers::aws::Aws;

pub use self::journal::{Applied, DocumentWrite, Effect, Look, Writer};
pub use self::rates::{RATES, Rate};
pub use self::snapshot::{FunctionSnapshot, RuleSnapshot, Snapshot};

use self::client::SimClient;
use self::state::AwsState;
use super::fault_injector::CallInterceptor;
use crate::aws_proxy::Pace;

/// The account.
pub const ACCOUNT: &str = "123456789012";
/// The Region of what names none.
pub const REGION: &str = "eu-west-1";
/// How long a function is `Pending` after its creation, or `InProgress` after an update, if nothing else is said.
const CHANGE_TAKES: Duration = Duration::from_secs(1);

/// The AWS of one run. Clones are the same one.
#[derive(Clone)]
pub struct MemoryAws(Arc<Mutex<AwsState>>);

impl Default for MemoryAws {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryAws {
    /// An AWS with one account, [`ACCOUNT`], in which there is nothing.
    pub fn new() -> Self {
        let state = AwsState::new(ACCOUNT);
        state.wishes.set_pace(ACCOUNT, Pace::Time(CHANGE_TAKES));
        Self(Arc::new(Mutex::new(state)))
    }

    /// The operator's way in, one for each of its starts: every call passes the interceptor.
    pub fn ports(&self, interceptor: CallInterceptor) -> Arc<dyn Aws> {
        self.door(Some(interceptor))
    }

    /// Everybody else's way in, past the interceptor: what is done is done at once, and judged as the operator's calls are.
    pub fn outside(&self) -> Arc<dyn Aws> {
        self.door(None)
    }

    /// The whole state.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }

    /// When somebody else than the operator last wrote anything, since this AWS began.
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

    /// Forgets what was written so far: a long run would fill the memory with it.
    pub fn forget_writes(&self) {
        let mut state = self.lock();
        state.journal.clear();
        state.document_writes.clear();
    }

    /// Takes all that is there as if it had always been: no read, however stale, misses it.
    pub fn settle(&self) {
        let mut state = self.lock();
        state.documents.settle_all();
        state.functions.settle_all();
        state.policies.settle_all();
        state.rules.settle_all();
    }

    /// From here on, AWS refuses the operator's calls in a Region that are more than so many a second, as it does those
    /// over an account's quotas: [`RATES`], or smaller ones. With none, all calls are free again.
    pub fn limit_calls(&self, rates: &[Rate]) {
        self.lock().rates.set(rates);
    }

    /// How many calls were refused since they were too many.
    pub fn throttled(&self) -> usize {
        self.lock().rates.refused
    }

    fn door(&self, interceptor: Option<CallInterceptor>) -> Arc<dyn Aws> {
        let (account, looks) = Default::default();
        Arc::new(SimClient { world: self.clone(), interceptor, region: REGION.into(), account, looks })
    }

    /// The state, with all changes ended that are due.
    fn lock(&self) -> MutexGuard<'_, AwsState> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.age();
        state
    }
}
