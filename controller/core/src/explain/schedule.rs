//! The runs of a schedule before the schedule exists in AWS.

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneTransition};
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Serialize, Serializer};

use crate::api::{Backend, FieldError, FunctionRef, Schedule, ScheduledFunctionSpec};

/// The note for an interval. A rule has no start date.
const INTERVAL: &str = "The first run is one interval after AWS creates the rule or changes its interval, and AWS does \
     not tell that time. spec.startDate sets the beginning, and selects EventBridge Scheduler.";

/// A schedule, and the runs to list.
#[derive(Clone, Debug)]
pub struct ScheduleQuestion<'a> {
    /// The text of `spec.schedule`.
    pub schedule: &'a str,
    /// The time zone of `spec.timeZone`. `None` for a spec without the field.
    pub zone: Option<&'a TimeZone>,
    /// A time zone in which the runs are also listed.
    pub shown_zone: Option<&'a TimeZone>,
    /// The time after which the runs are listed.
    pub from: Timestamp,
    /// The maximum number of runs to list.
    pub count: usize,
}

/// The meaning of a schedule in AWS.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleExplanation {
    /// The expression that AWS gets.
    pub expression: String,
    /// The service that runs the schedule, if `spec.backend` and the operator's default choose no other service.
    pub backend: Backend,
    /// IANA name of the schedule's time zone.
    pub time_zone: String,
    /// The schedule in English.
    pub words: String,
    /// The next runs.
    pub next_runs: NextRuns,
    /// Facts about the runs that surprise readers, such as clock changes.
    pub notes: Vec<String>,
}

/// The next runs of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "result", content = "runs")]
pub enum NextRuns {
    /// The first runs after the time of the question. The list has fewer runs than asked for if no more are left.
    Known(Vec<Run>),
    /// Intervals have no known beginning.
    Unknown,
    /// No run is left.
    Never,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// The due time.
    #[serde(serialize_with = "as_text")]
    pub utc: Timestamp,
    /// The due time in the shown time zone, if it is not UTC.
    #[serde(serialize_with = "as_local_text", skip_serializing_if = "Option::is_none")]
    pub local: Option<Zoned>,
}

fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn as_local_text<S: Serializer>(time: &Option<Zoned>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&time.strftime("%FT%T%:z")),
        None => serializer.serialize_none(),
    }
}

/// Explains a schedule.
///
/// # Errors
///
/// All errors of the schedule and its time zone, with the texts of the CRD.
pub fn explain_schedule(question: &ScheduleQuestion<'_>) -> Result<ScheduleExplanation, Vec<FieldError>> {
    let &ScheduleQuestion { schedule, zone, shown_zone, from, count } = question;
    let name = |zone: &TimeZone| zone.iana_name().unwrap_or("UTC").to_owned();
    let spec = ScheduledFunctionSpec {
        function: FunctionRef { name: Some("any".into()), ..FunctionRef::default() },
        schedule: Some(schedule.into()),
        time_zone: zone.map(name),
        ..ScheduledFunctionSpec::default()
    };
    let errors = spec.check();
    if !errors.is_empty() {
        return Err(errors);
    }
    let schedule = spec.to_schedule().map_err(|error| vec![error])?;
    let local_zone = shown_zone.or(zone).filter(|zone| **zone != TimeZone::UTC);
    let next_runs = next_runs(&schedule, local_zone, from, count);
    let notes = match &next_runs {
        NextRuns::Known(_) => match zone.filter(|zone| **zone != TimeZone::UTC) {
            Some(zone) => changes_of_own_zone(&schedule, zone, from),
            None => local_zone
                .and_then(|shown| change_of_shown_zone(&schedule, shown, from))
                .into_iter()
                .collect(),
        },
        NextRuns::Unknown => vec![INTERVAL.into()],
        NextRuns::Never => vec![],
    };
    Ok(ScheduleExplanation {
        expression: schedule.expression.to_string(),
        backend: spec.backend(Backend::default()),
        time_zone: zone.map_or_else(|| "UTC".into(), name),
        words: schedule.in_words(),
        next_runs,
        notes,
    })
}

pub(super) fn next_runs(
    schedule: &Schedule,
    local_zone: Option<&TimeZone>,
    from: Timestamp,
    count: usize,
) -> NextRuns {
    if schedule.expression.interval().is_some() {
        return NextRuns::Unknown;
    }
    let next = |last: &Timestamp| schedule.next_run(*last);
    let runs: Vec<Run> = std::iter::successors(next(&from), next)
        .take(count)
        .map(|utc| Run { utc, local: local_zone.map(|zone| utc.to_zoned(zone.clone())) })
        .collect();
    if runs.is_empty() { NextRuns::Never } else { NextRuns::Known(runs) }
}

/// A change of a zone's offset from UTC.
struct ClockChange {
    at: Timestamp,
    /// The local times of the change by the old and by the new offset.
    local: [DateTime; 2],
}

/// The changes of the clock after `from`. Other transitions only change the abbreviation.
fn clock_changes(zone: &TimeZone, from: Timestamp) -> impl Iterator<Item = ClockChange> {
    let mut offset = zone.to_offset(from);
    zone.following(from).filter_map(move |transition: TimeZoneTransition<'_>| {
        let before = std::mem::replace(&mut offset, transition.offset());
        let at = transition.timestamp();
        (before != offset)
            .then(|| ClockChange { at, local: [before, offset].map(|offset| offset.to_datetime(at)) })
    })
}

/// The note about the next change of a clock that a schedule in UTC does not follow. The example is the first run
/// after the change.
fn change_of_shown_zone(schedule: &Schedule, shown: &TimeZone, from: Timestamp) -> Option<String> {
    let mut changes = clock_changes(shown, from);
    let (change, next_change) = (changes.next()?, changes.next());
    let run = schedule.next_run(before(change.at)?)?;
    if next_change.is_some_and(|next| run >= next.at) {
        return None;
    }
    let [old, new] = change.local;
    let after = shown.to_datetime(run);
    let without_change = after.checked_add(new.duration_until(old)).ok()?;
    let name = shown.iana_name().unwrap_or_default();
    let (day, utc) = (shown.to_datetime(change.at).date(), TimeZone::UTC.to_datetime(run));
    let [utc, after, without_change] =
        [utc, after, without_change].map(|time| time.strftime("%R").to_string());
    Some(format!(
        "From {day} on, {utc} UTC is {after} in {name}, no longer {without_change}: the schedule is in UTC. \
         spec.timeZone keeps the local time."
    ))
}

/// Notes about the two next changes of the schedule's own clock, if runs are due in the skipped or repeated time.
fn changes_of_own_zone(schedule: &Schedule, zone: &TimeZone, from: Timestamp) -> Vec<String> {
    // In UTC, each local time exists once.
    let as_utc = Schedule { time_zone: None, ..schedule.clone() };
    let is_due_within = |start: DateTime, end: DateTime| {
        let instant = |local: DateTime| TimeZone::UTC.to_timestamp(local).ok();
        let first = instant(start).and_then(before).and_then(|start| as_utc.next_run(start));
        first.zip(instant(end)).is_some_and(|(run, end)| run < end)
    };
    let name = zone.iana_name().unwrap_or_default();
    let note = |change: ClockChange| {
        let [old, new] = change.local;
        let (start, end) = (old.min(new), old.max(new));
        let times = format!("{} to {}", start.strftime("%R"), end.strftime("%R"));
        let day = start.date();
        is_due_within(start, end).then(|| match old < new {
            true => {
                format!("On {day}, the clocks of {name} skip {times}: AWS leaves out the runs of that time.")
            }
            false => {
                format!("On {day}, {times} occurs twice in {name}: AWS runs the function only at the first.")
            }
        })
    };
    clock_changes(zone, from).take(2).filter_map(note).collect()
}

/// The instant before `time`, so that a run at `time` counts as later.
fn before(time: Timestamp) -> Option<Timestamp> {
    time.checked_sub(SignedDuration::from_nanos(1)).ok()
}

#[cfg(test)]
mod tests;
