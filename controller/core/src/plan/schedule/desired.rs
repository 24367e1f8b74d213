//! The desired schedule of a `ScheduledFunction`.

use jiff::{SignedDuration, Timestamp};

use super::settings::{ScheduleKey, ScheduleSettings, ScheduleTarget, whole_seconds};
use crate::api::{RetryPolicy, Schedule, ScheduledFunctionSpec};
use crate::arn::FunctionArn;
use crate::ownership::{Origin, Owner};

/// AWS's default number of retries of a schedule
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html>).
const DEFAULT_ATTEMPTS: i32 = 185;
/// AWS's default age in seconds at which the retries end.
const DEFAULT_EVENT_AGE: i32 = 86_400;
/// The time after the last possible retry of a one-time schedule until the operator removes the schedule. Normally AWS
/// has removed the schedule by then.
const REMOVAL_DELAY: SignedDuration = SignedDuration::from_mins(10);

/// The desired schedule of a `ScheduledFunction`.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredSchedule {
    /// The group and the name.
    pub key: ScheduleKey,
    /// All settings except StartDate, which depends on the time of the plan.
    pub settings: ScheduleSettings,
    /// When the schedule runs.
    pub schedule: Schedule,
}

impl DesiredSchedule {
    /// The desired schedule of an object. `role_arn` is the role for EventBridge Scheduler. `region` and `account` are
    /// those of the schedule.
    pub fn from_spec(
        owner: &Owner,
        origin: &Origin,
        spec: &ScheduledFunctionSpec,
        schedule: Schedule,
        function: &FunctionArn,
        role_arn: &str,
        (region, account): (&str, &str),
    ) -> Self {
        let description = spec.description.clone().filter(|text| !text.is_empty());
        let input = spec.input_json.clone().or_else(|| spec.input.as_ref().map(ToString::to_string));
        let settings = ScheduleSettings {
            expression: schedule.expression.to_string(),
            time_zone: schedule.time_zone.clone().unwrap_or_else(|| "UTC".into()),
            end: schedule.end.map(whole_seconds),
            window_minutes: schedule.window_minutes,
            enabled: !spec.suspend,
            deletes_itself: schedule.expression.one_time().is_some() || schedule.end.is_some(),
            description: description.unwrap_or_else(|| format!("{} {}", origin.kind, origin.key)),
            target: ScheduleTarget {
                arn: function.to_string(),
                role_arn: role_arn.into(),
                input: Some(input.unwrap_or_else(|| default_input(region, account))),
                retry_policy: full_retry(spec.retry_policy.as_ref()),
                dead_letter_queue_arn: spec.dead_letter_queue_arn.clone(),
            },
        };
        let name = origin.key.rule_name(&owner.id, origin.kind);
        Self { key: ScheduleKey { group: owner.id.group_name(), name }, settings, schedule }
    }

    /// The time at which the operator removes a one-time schedule that AWS has not removed. `None` for a schedule that
    /// repeats. An earlier removal could stop a retry.
    pub fn removal_at(&self) -> Option<Timestamp> {
        let due = self.schedule.due_at().ok().flatten()?;
        let minutes = self.settings.window_minutes.unwrap_or_default().into();
        let age = self.settings.target.retry_policy.maximum_event_age_seconds;
        let retries = SignedDuration::from_secs(age.unwrap_or(DEFAULT_EVENT_AGE).into());
        due.checked_add(SignedDuration::from_mins(minutes) + retries + REMOVAL_DELAY).ok()
    }

    /// The time after `now` at which the plan changes without a change of the spec: the end of the schedule, or the
    /// removal of a one-time schedule. The operator reconciles the object at this time.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        [self.schedule.completes_at(), self.removal_at()]
            .into_iter()
            .flatten()
            .filter(|time| *time > now)
            .min()
    }
}

/// The event in the shape that a rule sends. EventBridge Scheduler replaces the attributes in `<...>`, which must stay
/// literal (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
/// Without an input, Scheduler sends `detail` as a text, which typed handlers cannot parse.
fn default_input(region: &str, account: &str) -> String {
    format!(
        r#"{{"version":"0","id":"<aws.scheduler.execution-id>","detail-type":"Scheduled Event","source":"aws.scheduler","account":"{account}","time":"<aws.scheduler.scheduled-time>","region":"{region}","resources":["<aws.scheduler.schedule-arn>"],"detail":{{}}}}"#
    )
}

/// The retry policy with AWS's defaults.
pub fn full_retry(policy: Option<&RetryPolicy>) -> RetryPolicy {
    let attempts = policy.and_then(|policy| policy.maximum_retry_attempts);
    let age = policy.and_then(|policy| policy.maximum_event_age_seconds);
    RetryPolicy {
        maximum_retry_attempts: attempts.or(Some(DEFAULT_ATTEMPTS)),
        maximum_event_age_seconds: age.or(Some(DEFAULT_EVENT_AGE)),
    }
}
