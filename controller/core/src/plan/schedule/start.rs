//! The StartDate of a schedule.
//!
//! Without a StartDate, AWS invokes the target of a rate at once
//! (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based>). AWS does not document if
//! an update starts a rate again. So each write of a rate has a StartDate in the future. An update continues the
//! phase: the distance from the runs to the intervals since the StartDate.

use jiff::{SignedDuration, Timestamp};

use super::settings::{ObservedSchedule, whole_seconds};
use crate::api::Schedule;

/// The maximum difference between the clocks of two replicas.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The StartDate to send at `now`. `observed` is the current schedule.
pub(super) fn start_to_send(
    schedule: &Schedule,
    observed: Option<&ObservedSchedule>,
    now: Timestamp,
) -> Option<Timestamp> {
    let start = schedule.start.map(whole_seconds);
    let Some(interval) = schedule.expression.interval() else { return start.filter(|start| *start > now) };
    if let Some(start) = start {
        return if start > now { Some(start) } else { first_step(start, interval, now) };
    }
    let has_interval = |observed: &&ObservedSchedule| {
        observed.settings.expression == schedule.expression.to_string()
            && observed.start.is_some_and(|start| is_possible(start, interval, now))
    };
    match observed.filter(has_interval).and_then(|observed| observed.start) {
        Some(start) => first_step(start, interval, now),
        None => now.checked_add(interval).ok().map(whole_seconds),
    }
}

/// True if the observed StartDate does not differ from the desired schedule. A StartDate in the past only matters for
/// the phase of a rate.
pub(super) fn is_start_in_place(schedule: &Schedule, observed: Option<Timestamp>, now: Timestamp) -> bool {
    let start = schedule.start.map(whole_seconds);
    let future = |time: Option<Timestamp>| time.filter(|time| *time > now);
    match (schedule.expression.interval(), start, observed) {
        (None, _, _) => future(start) == future(observed),
        (Some(_), None, None) => true,
        // A StartDate far in the future would silence the schedule.
        (Some(interval), None, Some(observed)) => is_possible(observed, interval, now),
        // AWS may omit a StartDate of the past.
        (Some(_), Some(start), None) => start <= now,
        (Some(_), Some(start), Some(observed)) if start > now => observed == start,
        (Some(interval), Some(start), Some(observed)) => {
            let distance = observed.duration_since(start).as_secs();
            distance % interval.as_secs() == 0 && is_possible(observed, interval, now)
        }
    }
}

/// True if the operator can have sent this StartDate for a rate.
fn is_possible(start: Timestamp, interval: SignedDuration, now: Timestamp) -> bool {
    start.duration_since(now) <= interval + CLOCK_SKEW
}

/// The first time after `now` of the steps from `start` on. `None` if the time is after the year 9999. A later step
/// would leave out the next run.
fn first_step(start: Timestamp, interval: SignedDuration, now: Timestamp) -> Option<Timestamp> {
    if start > now {
        return Some(start);
    }
    let steps = now.duration_since(start).as_secs() / interval.as_secs() + 1;
    let distance = SignedDuration::from_secs(interval.as_secs().checked_mul(steps)?);
    start.checked_add(distance).ok()
}
