//! What can befall watches.

use std::time::Duration;

use super::history::Change;

/// What befalls all open watches and those to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchFault {
    /// Nothing.
    #[default]
    None,
    /// Their connections break.
    Drop,
    /// Their versions are too old, and they end.
    Gone,
    /// Every event comes twice.
    Duplicate,
    /// Events do not come. Watches that missed any end when this ends, as too old, so that a new list finds what they
    /// missed.
    Miss,
    /// Events come so much later, and lists answer what was there so long ago.
    Stale(Duration),
}

impl WatchFault {
    /// How far back lists and watches see.
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
