//! EventBridge Scheduler of each account: the store, the clock and the recorded runs.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::scheduler::store::Scheduler;

/// A run that Lambda accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRun {
    /// The due time.
    pub due: Timestamp,
    /// The moment of the delivery, within the flexible time window after the due time.
    pub at: Timestamp,
    /// ARN of the schedule.
    pub schedule: String,
    /// ARN of the function, version or alias.
    pub target: String,
    /// The event of the function.
    pub payload: String,
}

/// The Schedulers of all accounts.
#[derive(Default)]
pub(super) struct Schedulers(Mutex<HashMap<String, AccountScheduler>>);

pub(super) struct AccountScheduler {
    pub store: Scheduler,
    /// The time that the test has set; `None` for real time.
    pub clock: Option<Timestamp>,
    pub runs: Vec<ScheduleRun>,
    /// The metric `TargetErrorCount`, by group.
    pub target_errors: BTreeMap<String, usize>,
}

impl AccountScheduler {
    pub fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(Timestamp::now)
    }
}

impl Schedulers {
    /// Reads or changes the Scheduler of an account, which is empty at first.
    pub fn with<T>(&self, account: &str, act: impl FnOnce(&mut AccountScheduler) -> T) -> T {
        let mut accounts = self.0.lock();
        let new = || AccountScheduler {
            store: Scheduler::new(account),
            clock: None,
            runs: vec![],
            target_errors: BTreeMap::new(),
        };
        act(accounts.entry(account.to_owned()).or_insert_with(new))
    }

    /// The accounts without a set clock.
    pub fn in_real_time(&self) -> Vec<String> {
        let accounts = self.0.lock();
        let real = accounts.iter().filter(|(_, scheduler)| scheduler.clock.is_none());
        real.map(|(account, _)| account.clone()).collect()
    }

    pub fn clear(&self) {
        self.0.lock().clear();
    }
}
