//! The whole schedule of a `ScheduledFunction`: the expression with its time zone, dates and window, and the runs that
//! follow from them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::validation::messages;
use super::{Expression, FieldError, ScheduledFunctionSpec, describe, time_zone};

/// When a `ScheduledFunction` runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The canonical expression for AWS.
    pub expression: Expression,
    /// IANA name of the time zone. `None` for UTC.
    pub time_zone: Option<String>,
    /// Time before which there is no run. An interval begins at this time.
    pub start: Option<Timestamp>,
    /// Time after which there is no run.
    pub end: Option<Timestamp>,
    /// Minutes after the due time within which AWS may run the function.
    pub window_minutes: Option<i32>,
}

impl Schedule {
    /// The first run after `now`. `None` if no run is left, and if the time zone is unknown. An interval without a
    /// start has an unknown beginning, so the result is `now`.
    pub fn next_run(&self, now: Timestamp) -> Option<Timestamp> {
        let next = match (self.expression.interval(), self.start) {
            (Some(interval), Some(start)) => in_steps(start, interval, now).1,
            (Some(_), None) => Some(now),
            (None, _) => {
                // A run at the start itself counts.
                let before_start = self.start.and_then(|start| start.checked_sub(NANOSECOND).ok());
                self.expression.next_run(before_start.map_or(now, |start| start.max(now)), &self.zone()?)
            }
        };
        next.filter(|run| self.end.is_none_or(|end| *run <= end))
    }

    /// The last run at `now` or before. `None` if there is no earlier run, if the time zone is unknown, and for an
    /// interval without a start.
    pub fn last_run(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.end.map_or(now, |end| end.min(now));
        let last = match (self.expression.interval(), self.start) {
            (Some(interval), Some(start)) => in_steps(start, interval, now).0,
            _ => self.expression.last_run(now, &self.zone()?),
        };
        last.filter(|run| self.start.is_none_or(|start| *run >= start))
    }

    /// The due time of `at(...)`. `None` for a schedule that repeats, and for an unknown time zone.
    ///
    /// # Errors
    ///
    /// The time zone leaves out the local time.
    pub fn due_at(&self) -> Result<Option<Timestamp>, FieldError> {
        let (Some(local), Some(zone)) = (self.expression.one_time(), self.zone()) else { return Ok(None) };
        let due = time_zone::instant(local, &zone).ok_or_else(|| {
            let name = self.time_zone.as_deref().unwrap_or("UTC");
            let resumes = zone.to_ambiguous_zoned(local).later().map(|time| time.datetime()).unwrap_or(local);
            FieldError::new("spec.schedule", messages::skipped_time(local, name, resumes))
        })?;
        Ok(Some(due))
    }

    /// The time after which no run is left for certain: the due time of `at(...)`, the last run of a cron expression
    /// before the end, else the end. `None` for a schedule without an end, and for `at(...)` in an unknown time zone.
    pub fn completes_at(&self) -> Option<Timestamp> {
        let last = || self.last_run(self.end?).filter(|_| self.expression.interval().is_none());
        self.due_at().ok().flatten().or_else(last).or(self.end)
    }

    /// True if the schedule has completed: its last run or its end has come.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.completes_at().is_some_and(|end| end <= now) || self.has_run_last(now)
    }

    /// True if no run is left before the end. AWS deletes the schedule after its last run.
    fn has_run_last(&self, now: Timestamp) -> bool {
        let is_known = self.end.is_some() && self.expression.interval().is_none() && self.zone().is_some();
        is_known && self.next_run(now).is_none()
    }

    /// The time zone. `None` for a name that the operator does not know.
    fn zone(&self) -> Option<TimeZone> {
        self.time_zone.as_deref().map_or(Some(TimeZone::UTC), time_zone::find)
    }
}

/// Descriptions in English, for the column WHEN of `kubectl get -o wide`.
impl Schedule {
    /// A sentence such as `At 18:00 Europe/Berlin, on Monday to Friday.`
    pub fn in_words(&self) -> String {
        let (words, is_bound_to_a_clock) = self.expression.in_words();
        let zone = self.time_zone.as_deref().unwrap_or("UTC");
        let dates = self.dates_in_words();
        let window = self.window_in_words();
        let unknown = match self.zone() {
            Some(_) => "",
            None => " The operator does not know this time zone.",
        };
        match words.split_at_checked("At 18:00".len()) {
            Some((time, rest)) if time.starts_with("At ") && time.as_bytes()[5] == b':' => {
                format!("{time} {zone}{rest}{dates}{window}.{unknown}")
            }
            _ if is_bound_to_a_clock || !dates.is_empty() => {
                format!("{words}{dates} ({zone}){window}.{unknown}")
            }
            _ => format!("{words}{window}.{unknown}"),
        }
    }

    /// Words such as `, from 1 December 2026 to 31 January 2027`, in the time zone, else in UTC. A day that belongs to
    /// the schedule as a whole stands without a time.
    fn dates_in_words(&self) -> String {
        let zone = self.zone();
        let date = |instant: Timestamp, whole_day: &str| {
            let local = zone.as_ref().unwrap_or(&TimeZone::UTC).to_datetime(instant);
            let words = describe::date_and_time(local);
            let date = words.strip_suffix(whole_day).unwrap_or(&words).to_owned();
            if zone.is_some() { date } else { format!("{date} UTC") }
        };
        let start = self.start.map(|start| date(start, " at 00:00"));
        let end = self.end.map(|end| date(end, " at 23:59"));
        match (start, end) {
            (Some(start), Some(end)) => format!(", from {start} to {end}"),
            (Some(start), None) => format!(", from {start}"),
            (None, Some(end)) => format!(", until {end}"),
            (None, None) => String::new(),
        }
    }

    fn window_in_words(&self) -> String {
        match self.window_minutes {
            None => String::new(),
            Some(1) => ", within a minute".into(),
            Some(minutes) => format!(", within {minutes} minutes"),
        }
    }
}

const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

/// The last step at `now` or before, and the first step after `now`, of steps from `start` on.
fn in_steps(
    start: Timestamp,
    interval: SignedDuration,
    now: Timestamp,
) -> (Option<Timestamp>, Option<Timestamp>) {
    if now < start {
        return (None, Some(start));
    }
    let interval = interval.as_secs();
    let steps = now.duration_since(start).as_secs() / interval;
    let step = |number: i64| {
        let distance = SignedDuration::from_secs(interval.checked_mul(number)?);
        start.checked_add(distance).ok()
    };
    (step(steps), step(steps + 1))
}

impl ScheduledFunctionSpec {
    /// The whole schedule of the spec.
    ///
    /// # Errors
    ///
    /// The first error of the expression, with the text to write instead.
    pub fn to_schedule(&self) -> Result<Schedule, FieldError> {
        Ok(Schedule {
            expression: self.expression()?,
            time_zone: self.time_zone.clone(),
            start: self.start_date.as_ref().map(|time| time.0),
            end: self.end_date.as_ref().map(|time| time.0),
            window_minutes: self.flexible_time_window_minutes,
        })
    }
}

#[cfg(test)]
mod tests;
