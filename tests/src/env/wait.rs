//! Waiting for a condition, with a limit.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// What one look saw: the thing waited for, or what was there instead.
pub trait Seen {
    /// The thing waited for.
    type Value;

    /// The thing waited for, or a description of what was there instead.
    ///
    /// # Errors
    /// When the wait goes on.
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

/// Looks again and again until `look` sees `what`, and fails after `limit` with what it saw last.
/// A single look that hangs counts against the limit, too.
pub async fn until<S: Seen>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> S) -> S::Value {
    let start = Instant::now();
    let mut last = "no look came to an end".to_owned();
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
