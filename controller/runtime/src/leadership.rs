//! The leadership of this replica. The elector in [`crate::operator`] renews the leadership; the clients of AWS and
//! Kubernetes check the leadership before each write.

use std::sync::Arc;

use lambda_triggers_core::pacing::lease::RENEW_DEADLINE;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The right to write, for as long as the Lease is renewed. Clients check before each write, so a process that was
/// paused for a while cannot write after another replica has become the leader.
///
/// The default is a replica that does not lead yet. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Leadership(Arc<Mutex<Option<Instant>>>);

/// The error of a write without leadership.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "the Lease was not renewed for {RENEW_DEADLINE:?}: another replica may become the leader, so this replica \
     exits"
)]
pub struct LeadershipLost;

impl Leadership {
    /// Checks that this replica may write now.
    pub fn check(&self) -> Result<(), LeadershipLost> {
        let holds = self.0.lock().is_some_and(|renewed| renewed.elapsed() < RENEW_DEADLINE);
        if holds { Ok(()) } else { Err(LeadershipLost) }
    }

    /// Records a renewal of the Lease, or the end of the leadership.
    pub fn renewed(&self, at: Option<Instant>) {
        *self.0.lock() = at;
    }
}
