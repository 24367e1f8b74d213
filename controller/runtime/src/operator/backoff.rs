//! When a failed reconcile, or a watch that broke off, is tried again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::runtime::utils::{Backoff as StreamBackoff, ResetTimerBackoff};
use lambda_triggers_core::status::ErrorClass;

use crate::reconcile::Jitter;

/// The most that any failure waits.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// The time between two tries before the progress deadline.
const DEPENDENCY_RETRY_DELAY: Duration = Duration::from_secs(3);

/// Counts the failures of each generation of an object in a row. The wait grows with each failure, up to five minutes or the
/// resync time.
pub struct Backoff {
    failures: Mutex<HashMap<String, Failures>>,
    longest: Duration,
}

/// The failures of one generation in a row.
#[derive(Default)]
struct Failures {
    generation: Option<i64>,
    count: u32,
}

impl Backoff {
    /// Waits no longer than `resync`.
    pub fn new(resync: Duration) -> Self {
        Self { failures: Mutex::default(), longest: resync.min(MAX_BACKOFF) }
    }

    /// Counts a failure of an object, and says when to try again. A new spec starts without failures.
    pub fn next(&self, uid: &str, generation: Option<i64>, class: ErrorClass) -> Duration {
        if class == ErrorClass::Dependency {
            self.reset(uid);
            return DEPENDENCY_RETRY_DELAY.min(self.longest);
        }
        let mut all = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = all.entry(uid.into()).or_default();
        if failures.generation != generation {
            *failures = Failures { generation, count: 0 };
        }
        let wait = wait(class, failures.count).min(self.longest);
        failures.count = failures.count.saturating_add(1);
        wait
    }

    /// Forgets an object's failures.
    pub fn reset(&self, uid: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// The wait after so many failures: short at first for what passes by itself, long from the start for what waits
/// for a person.
fn wait(class: ErrorClass, failures: u32) -> Duration {
    let first = match class {
        ErrorClass::Retryable => 1,
        ErrorClass::Throttled => 5,
        ErrorClass::Dependency | ErrorClass::Terminal => 30,
    };
    Duration::from_secs(first).saturating_mul(2u32.saturating_pow(failures.min(16)))
}

/// The waits before a watch is begun again, as kube's own default has them: 0.8 s, twice as long each time, up to 30 s,
/// from the start again after two quiet minutes.
pub struct WatchBackoff {
    jitter: Arc<Jitter>,
    failures: u32,
}

impl WatchBackoff {
    /// None has failed yet.
    pub fn new(jitter: &Arc<Jitter>) -> ResetTimerBackoff<Self> {
        ResetTimerBackoff::new(Self { jitter: jitter.clone(), failures: 0 }, Duration::from_secs(120))
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = Duration::from_millis(800).saturating_mul(2u32.saturating_pow(self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        Some(self.jitter.vary(wait.min(Duration::from_secs(30))))
    }
}

impl StreamBackoff for WatchBackoff {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_tried_often_and_counts_as_no_failure() {
        let backoff = Backoff::new(Duration::from_secs(600));
        let next = |class| backoff.next("uid", Some(1), class).as_secs();
        let classes = [
            ErrorClass::Dependency,
            ErrorClass::Dependency,
            ErrorClass::Retryable,
            ErrorClass::Dependency,
            ErrorClass::Terminal,
        ];
        assert_eq!(classes.map(next), [3, 3, 1, 3, 30]);
        assert_eq!(
            Backoff::new(Duration::from_secs(1)).next("uid", Some(1), ErrorClass::Dependency).as_secs(),
            1
        );
    }

    #[test]
    fn a_new_generation_starts_without_failures() {
        let backoff = Backoff::new(Duration::from_secs(600));
        let next = |generation| backoff.next("uid", Some(generation), ErrorClass::Terminal).as_secs();
        assert_eq!([1, 1, 1, 2, 2].map(next), [30, 60, 120, 30, 60]);
    }

    #[test]
    fn waits_grow_and_end() {
        let seconds = |class, failures| wait(class, failures).min(MAX_BACKOFF).as_secs();
        assert_eq!([0, 1, 2, 3, 50].map(|n| seconds(ErrorClass::Retryable, n)), [1, 2, 4, 8, 300]);
        assert_eq!([0, 1, 50].map(|n| seconds(ErrorClass::Throttled, n)), [5, 10, 300]);
        assert_eq!([0, 1, 50].map(|n| seconds(ErrorClass::Terminal, n)), [30, 60, 300]);
    }
}
