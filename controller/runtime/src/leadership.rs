//! The leadership of this replica. The elector in [`crate::operator`] renews the leadership; the clients of AWS and
//! Kubernetes check the leadership before each write.

use std::sync::Arc;

use lambda_triggers_core::pacing::lease::RENEW_DEADLINE;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The right to write, for as long as the Lease is renewed. Clients check before each write, so a process that was
/// paused for a while cannot write after another replica has become the leader.
#[derive(Clone, Debug)]
pub struct Leadership {
    renewed: Arc<Mutex<Option<Instant>>>,
    elected: bool,
}

/// The error of a write without leadership.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "the Lease was not renewed for {RENEW_DEADLINE:?}: another replica may become the leader, so this replica \
     exits"
)]
pub struct LeadershipLost;

impl Leadership {
    /// The leadership of a single operator without leader election.
    pub fn alone() -> Self {
        Self { renewed: Arc::default(), elected: false }
    }

    /// The leadership of one replica of several, not acquired yet.
    pub fn elected() -> Self {
        Self { renewed: Arc::default(), elected: true }
    }

    /// Checks that this replica may write now.
    pub fn check(&self) -> Result<(), LeadershipLost> {
        let renewed = *self.renewed.lock();
        let holds = !self.elected || renewed.is_some_and(|renewed| renewed.elapsed() < RENEW_DEADLINE);
        if holds { Ok(()) } else { Err(LeadershipLost) }
    }

    /// True with leader election.
    pub fn is_elected(&self) -> bool {
        self.elected
    }

    /// Records a renewal of the Lease, or the end of the leadership.
    pub fn renewed(&self, at: Option<Instant>) {
        *self.renewed.lock() = at;
    }
}
