//! Leader election: the next step of a candidate after a read of the Lease, decided as in client-go
//! (<https://pkg.go.dev/k8s.io/client-go/tools/leaderelection>).
//!
//! Clocks of two machines are never compared. A Lease expires when its record has not changed for the lease duration,
//! measured by the observer's clock.

use std::time::Duration;

/// The lease duration: a Lease without renewals stays with its holder for this time.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// The renew deadline: a leader stops if no renewal succeeds for this time. Must be shorter than [`LEASE_DURATION`], or two
/// leaders would run at once.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// The time between two reads of the Lease.
pub const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// The content of a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The identity of the leader; `None` after a clean stop of the leader.
    pub holder: Option<String>,
    /// The lease duration in the record, counted from the last renewal.
    pub duration: Duration,
}

/// The next step of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create the Lease, because no Lease exists.
    Create,
    /// Acquire the Lease, because no candidate holds the Lease or the holder's Lease has expired.
    Take,
    /// Renew the Lease, because this candidate holds the Lease.
    Renew,
    /// Another candidate leads: read the Lease again after this time.
    Wait(Duration),
}

/// The next step of candidate `me`. `unchanged_for` is the time since the last change of the record.
pub fn decide(record: Option<&Record>, unchanged_for: Duration, me: &str) -> Step {
    let Some(Record { holder, duration }) = record else { return Step::Create };
    match holder.as_deref() {
        None | Some("") => Step::Take,
        Some(holder) if holder == me => Step::Renew,
        Some(_) => match duration.checked_sub(unchanged_for) {
            None | Some(Duration::ZERO) => Step::Take,
            Some(left) => Step::Wait(left.min(RETRY_PERIOD)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_lease_is_acquired() {
        let held = |holder: Option<&str>| Record { holder: holder.map(Into::into), duration: LEASE_DURATION };
        let seconds = Duration::from_secs;
        let cases = [
            (None, 0, Step::Create),
            (Some(held(None)), 0, Step::Take),
            (Some(held(Some(""))), 0, Step::Take),
            (Some(held(Some("me"))), 100, Step::Renew),
            (Some(held(Some("other"))), 0, Step::Wait(RETRY_PERIOD)),
            (Some(held(Some("other"))), 13, Step::Wait(RETRY_PERIOD)),
            (Some(held(Some("other"))), 14, Step::Wait(seconds(1))),
            (Some(held(Some("other"))), 15, Step::Take),
            (Some(held(Some("other"))), 16, Step::Take),
        ];
        for (record, unchanged, step) in cases {
            assert_eq!(decide(record.as_ref(), seconds(unchanged), "me"), step, "{record:?} {unchanged}");
        }
    }

    /// An old leader stops its writes before the next leader starts, even if the last renewal arrived late.
    #[test]
    fn a_leader_stops_before_its_lease_expires() {
        assert!(RENEW_DEADLINE < LEASE_DURATION);
    }
}
