//! Records every call in order, and waits for calls.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::call::Call;

/// The calls of each account.
pub(super) struct Journal {
    accounts: Mutex<HashMap<String, Record>>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Record {
    calls: Vec<Call>,
    /// Number of cleared calls, and therefore the number of the first call in `calls`.
    cleared: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Self { accounts: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Journal {
    fn with<T>(&self, account: &str, act: impl FnOnce(&mut Record) -> T) -> T {
        let mut accounts = self.accounts.lock();
        act(accounts.entry(account.to_owned()).or_default())
    }

    /// Records a call and returns its number in the account.
    pub fn arrived(&self, account: &str, call: Call) -> usize {
        let number = self.with(account, |record| {
            record.calls.push(call);
            record.cleared + record.calls.len() - 1
        });
        self.changed.send_replace(());
        number
    }

    /// Records the answer to a call, unless the call was cleared.
    pub fn answered(&self, account: &str, number: usize, status: u16) {
        self.with(account, |record| {
            let call = number.checked_sub(record.cleared).and_then(|index| record.calls.get_mut(index));
            if let Some(call) = call {
                call.status = status;
            }
        });
        self.changed.send_replace(());
    }

    pub fn calls(&self, account: &str) -> Vec<Call> {
        self.with(account, |record| record.calls.clone())
    }

    pub fn clear(&self, account: &str) {
        self.with(account, |record| {
            record.cleared += record.calls.len();
            record.calls.clear();
        });
    }

    /// Waits until `wanted` accepts the calls of an account, for at most `limit`.
    pub async fn wait(
        &self,
        account: &str,
        limit: Duration,
        wanted: impl Fn(&[Call]) -> bool,
    ) -> Result<Vec<Call>, Vec<Call>> {
        let mut changed = self.changed.subscribe();
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let calls = self.calls(account);
            if wanted(&calls) {
                return Ok(calls);
            }
            if !matches!(tokio::time::timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
                return Err(calls);
            }
        }
    }
}
