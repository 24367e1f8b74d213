//! The leader of the operator, from two reads of the Lease.

use jiff::{SignedDuration, Timestamp};

use super::Check;
use crate::pacing::lease::LEASE_DURATION;

/// The name of the check.
const LEADER: &str = "leader";

/// The Lease of an operator, as read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Namespace and name of the Lease.
    pub lease: String,
    /// The identity of the leader; `None` after a clean stop of the leader.
    pub holder: Option<String>,
    /// The time since which the holder leads, by the holder's clock.
    pub acquired: Option<Timestamp>,
    /// The time of the last renewal, by the holder's clock.
    pub renewed: Option<Timestamp>,
}

impl LeaseRecord {
    /// The pod of the holder: the identity is the name of the pod with a random suffix.
    pub fn pod(&self) -> Option<&str> {
        self.holder.as_deref().map(|holder| holder.rsplit_once('_').map_or(holder, |(pod, _)| pod))
    }
}

/// True if one read proves a leader: the renewal is younger than the lease duration. The clocks of two machines can
/// differ, so a renewal in the future or in the past is no proof.
pub fn is_renewed(lease: &LeaseRecord, now: Timestamp) -> bool {
    let age = lease.renewed.map(|renewed| now.duration_since(renewed));
    let limit = SignedDuration::try_from(LEASE_DURATION).unwrap_or_default();
    lease.holder.is_some() && age.is_some_and(|age| !age.is_negative() && age < limit)
}

/// The check of the leader. `later` is a second read, some retry periods after the first read, if the first read is no
/// proof. A leader that lives has renewed the Lease between both reads.
pub fn check_leader(first: &LeaseRecord, later: Option<&LeaseRecord>, now: Timestamp) -> Check {
    let last = later.unwrap_or(first);
    let LeaseRecord { lease, acquired, renewed, .. } = last;
    let ago = |time: &Option<Timestamp>| {
        time.map_or("an unknown time".into(), |time| elapsed(now.duration_since(time)))
    };
    let Some(pod) = last.pod() else {
        let message = format!(
            "nobody leads: the leader has released the Lease {lease} {} ago, and no replica has taken it; scale the \
             operator up, or find the cause in its log",
            ago(renewed)
        );
        return Check::failed(LEADER, message);
    };
    if later.is_some_and(|later| later == first) {
        let message = format!(
            "nobody leads: {pod} holds the Lease {lease}, and has not renewed it for {}; find the cause in the log of \
             the pod, or in the events of its namespace",
            ago(renewed)
        );
        return Check::failed(LEADER, message);
    }
    let message = format!("{pod} leads, and has held the Lease {lease} for {}", ago(acquired));
    Check::ok(LEADER, message)
}

/// A time in its largest unit, such as `3 hours`.
fn elapsed(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-06-01T{text}Z").parse().unwrap()
    }

    fn lease(holder: Option<&str>, renewed: &str) -> LeaseRecord {
        LeaseRecord {
            lease: "ops/lambda-triggers-1a2b3c4d".into(),
            holder: holder.map(Into::into),
            acquired: Some(at("09:00:00")),
            renewed: Some(at(renewed)),
        }
    }

    #[test]
    fn a_young_renewal_proves_a_leader() {
        let now = at("12:00:00");
        let holder = Some("pod-1_0123456789abcdef");
        for (record, is_proof) in [
            (lease(holder, "12:00:00"), true),
            (lease(holder, "11:59:46"), true),
            (lease(holder, "11:59:45"), false),
            (lease(holder, "12:00:01"), false),
            (lease(None, "12:00:00"), false),
            (LeaseRecord { renewed: None, ..lease(holder, "12:00:00") }, false),
        ] {
            assert_eq!(is_renewed(&record, now), is_proof, "{record:?}");
        }
    }

    #[test]
    fn a_lease_that_nobody_renews_has_no_leader() {
        let now = at("12:00:00");
        let held = lease(Some("pod-1_0123456789abcdef"), "11:59:58");
        let leads =
            Check::ok(LEADER, "pod-1 leads, and has held the Lease ops/lambda-triggers-1a2b3c4d for 3 hours");
        assert_eq!(check_leader(&held, None, now), leads);
        let stale = lease(Some("pod-1_0123456789abcdef"), "11:55:00");
        assert_eq!(check_leader(&stale, Some(&held), now), leads);
        assert_eq!(
            check_leader(&stale, Some(&stale), now),
            Check::failed(
                LEADER,
                "nobody leads: pod-1 holds the Lease ops/lambda-triggers-1a2b3c4d, and has not renewed it for 5 minutes; \
                 find the cause in the log of the pod, or in the events of its namespace"
            )
        );
        let released = lease(None, "11:59:59");
        assert_eq!(
            check_leader(&released, Some(&released), now),
            Check::failed(
                LEADER,
                "nobody leads: the leader has released the Lease ops/lambda-triggers-1a2b3c4d 1 second ago, and no \
                 replica has taken it; scale the operator up, or find the cause in its log"
            )
        );
        assert_eq!(check_leader(&released, Some(&held), now), leads);
    }

    #[test]
    fn a_time_is_written_in_its_largest_unit() {
        let words = |seconds| elapsed(SignedDuration::from_secs(seconds));
        let cases = [
            (-5, "0 seconds"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (3_599, "59 minutes"),
            (3_600, "1 hour"),
            (86_399, "23 hours"),
            (172_800, "2 days"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(words(seconds), expected);
        }
    }
}
