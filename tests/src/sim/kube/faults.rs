//! Faults of watches.

use std::time::Duration;

use super::history::Change;

/// The fault of all open and all later watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchFault {
    /// No fault.
    #[default]
    None,
    /// The connections break.
    Drop,
    /// The watches end with 410 Gone.
    Gone,
    /// Every event arrives twice.
    Duplicate,
    /// Events are lost. When this fault ends, watches that missed events end with 410 Gone, so that clients list again.
    Miss,
    /// Events arrive late by this time, and lists return the state of this time ago.
    Stale(Duration),
}

impl WatchFault {
    /// The delay of lists and watches.
    pub fn delay(self) -> Duration {
        match self {
            Self::Stale(delay) => delay,
            Self::None | Self::Drop | Self::Gone | Self::Duplicate | Self::Miss => Duration::ZERO,
        }
    }

    /// The changes that lists and watches see.
    pub fn visible(self, changes: &[Change], now: Duration) -> &[Change] {
        let seen = changes.partition_point(|change| change.at + self.delay() <= now);
        &changes[..seen]
    }
}
