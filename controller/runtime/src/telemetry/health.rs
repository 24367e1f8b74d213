//! Liveness and readiness, as served at `/healthz` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::leadership::Leadership;

/// The process counts as stuck after this time without an attempt on the Lease. A replica makes an attempt every two
/// seconds, and an attempt takes at most ten seconds.
const STALLED: Duration = Duration::from_secs(60);

/// AWS counts as unreachable after this number of unanswered attempts in a row: the attempts of one call.
const UNANSWERED: u32 = 3;

/// The health of one operator. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<HealthState>>);

#[derive(Debug, Default)]
struct HealthState {
    /// `None` before the start.
    leadership: Option<Leadership>,
    /// `None` before the start.
    lease: Option<LeaseAttempt>,
    /// The synced flag of each store, by plural kind; `None` before the stores exist.
    stores: Option<Vec<(&'static str, watch::Receiver<bool>)>>,
    aws: Aws,
}

/// The last attempt to acquire or renew the Lease.
#[derive(Clone, Copy, Debug)]
struct LeaseAttempt {
    at: Instant,
    answered: bool,
}

#[derive(Debug, Default)]
struct Aws {
    ever_answered: bool,
    /// Unanswered attempts in a row.
    unanswered: u32,
}

impl Health {
    /// Records the leadership at the start.
    pub fn set_leadership(&self, leadership: Leadership) {
        let mut state = self.0.lock();
        state.lease = Some(LeaseAttempt { at: Instant::now(), answered: false });
        state.leadership = Some(leadership);
    }

    /// Records the end of an attempt on the Lease. `answered` is true if the API server answered.
    pub fn record_lease_attempt(&self, answered: bool) {
        self.0.lock().lease = Some(LeaseAttempt { at: Instant::now(), answered });
    }

    /// Records the stores that must be synced before work begins, by plural kind.
    pub fn set_stores(&self, stores: Vec<(&'static str, watch::Receiver<bool>)>) {
        self.0.lock().stores = Some(stores);
    }

    /// Records the end of an attempt of an AWS call. An error response counts as an answer.
    pub fn record_aws_call(&self, answered: bool) {
        let aws = &mut self.0.lock().aws;
        aws.ever_answered |= answered;
        aws.unanswered = if answered { 0 } else { aws.unanswered.saturating_add(1) };
    }

    /// Checks that the process makes progress.
    ///
    /// # Errors
    /// Names the stuck part. Only a restart helps.
    pub fn live(&self) -> Result<(), String> {
        match self.0.lock().lease {
            Some(attempt) if attempt.at.elapsed() > STALLED => {
                Err(format!("stuck: no attempt to read the Lease for {:?}", attempt.at.elapsed()))
            }
            _ => Ok(()),
        }
    }

    /// Checks that this replica can do its task: a leader reconciles, a standby waits for the Lease.
    ///
    /// # Errors
    /// Names the missing part.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.0.lock();
        let Some(leadership) = &state.leadership else { return Err("not ready: starting".into()) };
        if leadership.check().is_err() {
            return match state.lease {
                Some(attempt) if attempt.answered => Ok(()),
                _ => Err("not ready: the API server did not answer the last request for the Lease".into()),
            };
        }
        let Some(stores) = &state.stores else { return Err("not ready: starting to lead".into()) };
        let incomplete: Vec<&str> =
            stores.iter().filter(|(_, complete)| !*complete.borrow()).map(|(kind, _)| *kind).collect();
        if !incomplete.is_empty() {
            return Err(format!(
                "not ready: the API server has not listed all {} yet",
                incomplete.join(" and ")
            ));
        }
        let Aws { ever_answered, unanswered } = state.aws;
        if !ever_answered {
            return Err("not ready: AWS has not answered any call yet; see the log for the cause".into());
        }
        if unanswered >= UNANSWERED {
            return Err(format!(
                "not ready: AWS did not answer the last {unanswered} calls; see the log for the cause"
            ));
        }
        Ok(())
    }
}
