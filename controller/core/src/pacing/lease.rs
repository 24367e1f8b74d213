//! Who leads: what a candidate does about the Lease that it has just read, as client-go decides it
//! (<https://pkg.go.dev/k8s.io/client-go/tools/leaderelection>).
//!
//! No clock is compared with another machine's: a lease has run out when its record has not changed for its duration, by
//! the clock of who watches it.

use std::time::Duration;

/// For so long nobody else takes a lease that is renewed no more.
pub const LEASE: Duration = Duration::from_secs(15);
/// A leader that could not renew for so long gives up: before anybody else may begin.
pub const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at the lease.
pub const RETRY: Duration = Duration::from_secs(2);

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who leads; none where the last leader has let go.
    pub holder: Option<String>,
    /// For how long, from the last renewal on.
    pub duration: Duration,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create the Lease: there is none.
    Create,
    /// Take it: nobody has it, or who has it has not renewed it in time.
    Take,
    /// Renew it: it is ours.
    Renew,
    /// Look again after this time: another one leads.
    Wait(Duration),
}

/// What `me` does about a record that has not changed for this long.
pub fn decide(record: Option<&Record>, unchanged_for: Duration, me: &str) -> Step {
    let Some(Record { holder, duration }) = record else { return Step::Create };
    match holder.as_deref() {
        None | Some("") => Step::Take,
        Some(holder) if holder == me => Step::Renew,
        Some(_) => match duration.checked_sub(unchanged_for) {
            None | Some(Duration::ZERO) => Step::Take,
            Some(left) => Step::Wait(left.min(RETRY)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_when_nobody_renews_it() {
        let held = |holder: Option<&str>| Record { holder: holder.map(Into::into), duration: LEASE };
        let seconds = Duration::from_secs;
        let cases = [
            (None, 0, Step::Create),
            (Some(held(None)), 0, Step::Take),
            (Some(held(Some(""))), 0, Step::Take),
            (Some(held(Some("me"))), 100, Step::Renew),
            (Some(held(Some("other"))), 0, Step::Wait(RETRY)),
            (Some(held(Some("other"))), 13, Step::Wait(RETRY)),
            (Some(held(Some("other"))), 14, Step::Wait(seconds(1))),
            (Some(held(Some("other"))), 15, Step::Take),
            (Some(held(Some("other"))), 16, Step::Take),
        ];
        for (record, unchanged, step) in cases {
            assert_eq!(decide(record.as_ref(), seconds(unchanged), "me"), step, "{record:?} {unchanged}");
        }
    }

    /// The one that led has stopped writing when the next one begins, whenever its last renewal got through.
    #[test]
    fn a_leader_gives_up_before_another_one_may_begin() {
        assert!(RENEW_WITHIN < LEASE);
    }
}
