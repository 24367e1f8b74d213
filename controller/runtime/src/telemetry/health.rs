//! Whether the process can make progress, and whether it could do its work now: what `/healthz` and `/readyz` say.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::leadership::Leadership;

/// A replica that wants to lead looks at the Lease every two seconds, and no look takes longer than ten: one that has not
/// come to an end for so long is stuck.
const STALLED: Duration = Duration::from_secs(60);

/// CallMetrics at calls to AWS in a row without an answer after which AWS counts as out of reach: those of one call.
const UNANSWERED: u32 = 3;

/// The health of one operator. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<HealthState>>);

#[derive(Debug, Default)]
struct HealthState {
    /// None before the start.
    leadership: Option<Leadership>,
    /// None where there is no election.
    lease: Option<Look>,
    /// Whether the stores are complete, by the plural of their kind; none before there are any.
    stores: Option<Vec<(&'static str, watch::Receiver<bool>)>>,
    aws: Aws,
}

/// The last look at the Lease.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    answered: bool,
}

#[derive(Debug, Default)]
struct Aws {
    ever_answered: bool,
    /// CallMetrics in a row.
    unanswered: u32,
}

impl Health {
    /// Notes who has the right to write.
    pub fn starts(&self, leadership: Leadership) {
        let mut state = self.state();
        if leadership.is_elected() {
            state.lease = Some(Look { at: Instant::now(), answered: false });
        }
        state.leadership = Some(leadership);
    }

    /// Notes that a look at the Lease came to an end, and whether the API server answered.
    pub fn looked_at_lease(&self, answered: bool) {
        self.state().lease = Some(Look { at: Instant::now(), answered });
    }

    /// Notes the stores that are to be complete before anything is done, by the plural of their kind.
    pub fn waits_for(&self, stores: Vec<(&'static str, watch::Receiver<bool>)>) {
        self.state().stores = Some(stores);
    }

    /// Notes that an attempt at a call to AWS came to an end, and whether there was an answer, be it a refusal.
    pub fn called_aws(&self, answered: bool) {
        let aws = &mut self.state().aws;
        aws.ever_answered |= answered;
        aws.unanswered = if answered { 0 } else { aws.unanswered.saturating_add(1) };
    }

    /// What keeps the process from making progress, if anything does.
    ///
    /// # Errors
    /// Says what is stuck: a restart is all that helps.
    pub fn live(&self) -> Result<(), String> {
        match self.state().lease {
            Some(look) if look.at.elapsed() > STALLED => {
                Err(format!("stuck: the Lease has not been looked at for {:?}", look.at.elapsed()))
            }
            _ => Ok(()),
        }
    }

    /// What keeps this replica from its work: of one that leads, on the objects; of a standby, on taking over.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.state();
        let Some(leadership) = &state.leadership else { return Err("not ready: starting".into()) };
        if leadership.check().is_err() {
            return match state.lease {
                Some(look) if look.answered => Ok(()),
                _ => Err("not ready: the API server did not answer the last look at the Lease".into()),
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
            return Err("not ready: AWS has not answered any call yet; the log says what failed".into());
        }
        if unanswered >= UNANSWERED {
            return Err(format!(
                "not ready: AWS did not answer the last {unanswered} calls; the log says what failed"
            ));
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, HealthState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
