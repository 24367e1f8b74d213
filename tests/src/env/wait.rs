//! Waiting for a condition, with a limit.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Pause between polls.
const INTERVAL: Duration = Duration::from_millis(50);

/// The result of a poll: the expected value, or a description of the present state.
pub trait Seen {
    /// The expected value.
    type Value;

    /// Returns the expected value, or a description of the present state.
    ///
    /// # Errors
    /// If the wait goes on.
    fn seen(self) -> Result<Self::Value, String>;
}

impl<T> Seen for Option<T> {
    type Value = T;

    fn seen(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, E: Display> Seen for Result<T, E> {
    type Value = T;

    fn seen(self) -> Result<T, String> {
        self.map_err(|instead| instead.to_string())
    }
}

/// Polls `look` until a value appears. Panics after `limit` with `what` and the last result. A poll that hangs also
/// counts against the limit.
pub async fn until<S: Seen>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> S) -> S::Value {
    let start = Instant::now();
    let mut last = "no poll ended".to_owned();
    while let Some(left) = limit.checked_sub(start.elapsed()) {
        match tokio::time::timeout(left, look()).await.map(S::seen) {
            Ok(Ok(value)) => return value,
            Ok(Err(instead)) => last = instead,
            Err(_) => break,
        }
        tokio::time::sleep(INTERVAL).await;
    }
    panic!("waited {limit:?} for: {what}\nlast seen: {last}");
}
