//! The steps from the observed to the desired schedule.

use jiff::Timestamp;

use super::desired::DesiredSchedule;
use super::settings::{ObservedSchedule, ScheduleBody, ScheduleSettings, ScheduleTarget};
use super::start::{is_start_in_place, start_to_send};

/// The name of a changed role.
const ROLE: &str = "role";

/// A write to a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleStep {
    /// Create the schedule.
    Create(ScheduleBody),
    /// Replace the whole schedule.
    Update(ScheduleBody),
    /// Delete the schedule.
    Delete,
}

/// The plan for a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SchedulePlan {
    /// The only write; `None` if the schedule matches.
    pub step: Option<ScheduleStep>,
    /// The differences that an update removes, in words.
    pub changes: Vec<&'static str>,
    /// True if the schedule is over: no run is left, and a missing schedule is no drift.
    pub is_over: bool,
}

impl SchedulePlan {
    /// True if only the role differs: an administrator gave the operator another role, and nobody changed the schedule.
    pub fn is_rollout(&self) -> bool {
        self.changes == [ROLE]
    }
}

/// The steps from the observed to the desired schedule. `now` decides about StartDate and about the end of the schedule.
///
/// A plan of the applied schedule is empty, also at a later time. A schedule that is over is never created, enabled or
/// changed.
pub fn plan_schedule(
    desired: &DesiredSchedule,
    observed: Option<&ObservedSchedule>,
    now: Timestamp,
) -> SchedulePlan {
    let start = start_to_send(&desired.schedule, observed, now);
    let has_no_room = start.zip(desired.settings.end).is_some_and(|(start, end)| start >= end);
    if desired.schedule.is_over(now) || (has_no_room && desired.schedule.expression.interval().is_some()) {
        let step =
            observed.filter(|observed| is_obsolete(desired, observed, now)).map(|_| ScheduleStep::Delete);
        return SchedulePlan { step, changes: vec![], is_over: true };
    }
    let body = || ScheduleBody { settings: desired.settings.clone(), start };
    let Some(observed) = observed else {
        return SchedulePlan { step: Some(ScheduleStep::Create(body())), ..SchedulePlan::default() };
    };
    let changes = differences(desired, observed, now);
    let step = (!changes.is_empty()).then(|| ScheduleStep::Update(body()));
    SchedulePlan { step, changes, is_over: false }
}

/// True if an existing schedule must not stay after the desired schedule is over. AWS would still run a schedule with
/// other times. AWS normally removes a one-time schedule itself.
fn is_obsolete(desired: &DesiredSchedule, observed: &ObservedSchedule, now: Timestamp) -> bool {
    let times =
        |settings: &ScheduleSettings| (settings.expression.clone(), settings.time_zone.clone(), settings.end);
    times(&desired.settings) != times(&observed.settings)
        || desired.removal_at().is_some_and(|removal_at| removal_at <= now)
}

/// The names of the settings that differ.
fn differences(desired: &DesiredSchedule, observed: &ObservedSchedule, now: Timestamp) -> Vec<&'static str> {
    let ObservedSchedule { settings: current, start, has_more } = observed;
    let wanted = &desired.settings;
    let ScheduleSettings {
        expression,
        time_zone,
        end,
        window_minutes,
        enabled,
        deletes_itself,
        description,
        target,
    } = wanted;
    let ScheduleTarget { arn, role_arn, input, retry_policy, dead_letter_queue_arn } = target;
    let is_start_in_place = is_start_in_place(&desired.schedule, *start, now);
    [
        ("expression", *expression != current.expression),
        ("time zone", *time_zone != current.time_zone),
        ("start date", !is_start_in_place),
        ("end date", *end != current.end),
        ("flexible time window", *window_minutes != current.window_minutes),
        ("state", *enabled != current.enabled),
        ("action after completion", *deletes_itself != current.deletes_itself),
        ("description", *description != current.description),
        ("function", *arn != current.target.arn),
        (ROLE, *role_arn != current.target.role_arn),
        ("input", *input != current.target.input),
        ("retry policy", *retry_policy != current.target.retry_policy),
        ("dead-letter queue", *dead_letter_queue_arn != current.target.dead_letter_queue_arn),
        ("other settings", *has_more),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
