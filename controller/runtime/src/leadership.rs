//! The right to write as the leader. [`crate::operator`] renews it; clients of AWS and Kubernetes check it before each write.

use std::sync::{Arc, Mutex, PoisonError};

use lambda_triggers_core::pacing::lease::RENEW_WITHIN;
use tokio::time::Instant;

/// The right to write, as long as the lease is renewed. Whoever has it asks before each write: a process that was
/// stopped for a while learns here that its time is over.
#[derive(Clone, Debug)]
pub struct Leadership {
    renewed: Arc<Mutex<Option<Instant>>>,
    elected: bool,
}

/// Why nothing is written any more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "the lease could not be renewed for {RENEW_WITHIN:?}: another replica may lead from here on, so this one ends"
)]
pub struct LeadershipLost;

impl Leadership {
    /// That of an operator that runs alone, by its user's word.
    pub fn alone() -> Self {
        Self { renewed: Arc::default(), elected: false }
    }

    /// That of one among several, which is still to be had.
    pub fn elected() -> Self {
        Self { renewed: Arc::default(), elected: true }
    }

    /// Whether to write now.
    pub fn check(&self) -> Result<(), LeadershipLost> {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = !self.elected || renewed.is_some_and(|renewed| renewed.elapsed() < RENEW_WITHIN);
        if holds { Ok(()) } else { Err(LeadershipLost) }
    }

    /// Whether another replica may have it.
    pub fn is_elected(&self) -> bool {
        self.elected
    }

    /// Notes a renewal of the Lease, or its end.
    pub fn renewed(&self, at: Option<Instant>) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
