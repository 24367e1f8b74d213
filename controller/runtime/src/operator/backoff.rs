//! Backoff of failed reconciles and of broken watches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::utils::{Backoff as StreamBackoff, ResetTimerBackoff};
use lambda_triggers_core::status::ErrorClass;
use parking_lot::Mutex;

use crate::reconcile::Jitter;

/// The maximum backoff.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// The retry delay before the progress deadline.
const DEPENDENCY_RETRY_DELAY: Duration = Duration::from_secs(3);

/// Counts the consecutive failures of each object's generation. The backoff grows with each failure, up to five
/// minutes or the resync interval.
pub struct Backoff {
    failures: Mutex<HashMap<String, Failures>>,
    longest: Duration,
}

/// The consecutive failures of one generation.
#[derive(Default)]
struct Failures {
    generation: Option<i64>,
    count: u32,
}

impl Backoff {
    /// Creates a backoff of at most `resync`.
    pub fn new(resync: Duration) -> Self {
        Self { failures: Mutex::default(), longest: resync.min(MAX_BACKOFF) }
    }

    /// Counts a failure of an object, and returns the backoff. A new generation starts without failures.
    pub fn next(&self, uid: &str, generation: Option<i64>, class: ErrorClass) -> Duration {
        if class == ErrorClass::Dependency {
            self.reset(uid);
            return DEPENDENCY_RETRY_DELAY.min(self.longest);
        }
        let mut all = self.failures.lock();
        let failures = all.entry(uid.into()).or_default();
        if failures.generation != generation {
            *failures = Failures { generation, count: 0 };
        }
        let wait = wait(class, failures.count).min(self.longest);
        failures.count = failures.count.saturating_add(1);
        wait
    }

    /// Forgets the failures of an object.
    pub fn reset(&self, uid: &str) {
        self.failures.lock().remove(uid);
    }
}

/// The backoff after this number of failures. Transient errors start with a short backoff. Errors that need a user
/// start with a long backoff.
fn wait(class: ErrorClass, failures: u32) -> Duration {
    let first = match class {
        ErrorClass::Retryable => 1,
        ErrorClass::Throttled => 5,
        ErrorClass::Dependency | ErrorClass::Terminal => 30,
    };
    Duration::from_secs(first).saturating_mul(2u32.saturating_pow(failures.min(16)))
}

/// The backoff of a watch, as in kube's default: 0.8 s, doubled each time, up to 30 s, and reset after two quiet
/// minutes.
pub struct WatchBackoff {
    jitter: Arc<Jitter>,
    failures: u32,
}

impl WatchBackoff {
    /// Starts without failures.
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
    fn a_missing_dependency_is_retried_often_and_not_counted() {
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
    fn backoff_grows_to_the_maximum() {
        let seconds = |class, failures| wait(class, failures).min(MAX_BACKOFF).as_secs();
        assert_eq!([0, 1, 2, 3, 50].map(|n| seconds(ErrorClass::Retryable, n)), [1, 2, 4, 8, 300]);
        assert_eq!([0, 1, 50].map(|n| seconds(ErrorClass::Throttled, n)), [5, 10, 300]);
        assert_eq!([0, 1, 50].map(|n| seconds(ErrorClass::Terminal, n)), [30, 60, 300]);
    }
}
