//! The settings of a schedule, in the form that GetSchedule returns.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::api::{AppliedSchedule, RetryPolicy};

/// The identity of a schedule within its Region. No call moves a schedule to another group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleKey {
    /// The name of the schedule group.
    pub group: String,
    /// The name of the schedule.
    pub name: String,
}

impl ScheduleKey {
    /// The identity in the record of an object.
    pub fn in_region(&self, region: &str) -> AppliedSchedule {
        AppliedSchedule { region: region.into(), group: self.group.clone(), name: self.name.clone() }
    }
}

impl From<&AppliedSchedule> for ScheduleKey {
    fn from(schedule: &AppliedSchedule) -> Self {
        Self { group: schedule.group.clone(), name: schedule.name.clone() }
    }
}

impl fmt::Display for ScheduleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.name)
    }
}

/// The settings of a schedule without its identity and its StartDate. Defaults are filled in, as GetSchedule does
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html>).
#[derive(Serialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSettings {
    /// The schedule expression, such as `cron(0 18 ? * MON-FRI *)`.
    pub expression: String,
    /// The IANA name of the time zone, by default `UTC`.
    pub time_zone: String,
    /// EndDate, in whole seconds.
    #[serde(serialize_with = "as_text")]
    pub end: Option<Timestamp>,
    /// The flexible time window in minutes, 1 to 1,440; `None` for the mode `OFF`.
    pub window_minutes: Option<i32>,
    /// True for the state `ENABLED`.
    pub enabled: bool,
    /// True if ActionAfterCompletion is `DELETE`.
    pub deletes_itself: bool,
    /// The description; an empty text for no description.
    pub description: String,
    /// The function to invoke.
    pub target: ScheduleTarget,
}

/// The target of a schedule.
#[derive(Serialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleTarget {
    /// The ARN of the function, with its qualifier.
    pub arn: String,
    /// The ARN of the role that EventBridge Scheduler assumes.
    pub role_arn: String,
    /// The JSON text that the function receives. A schedule of the operator always has an input.
    pub input: Option<String>,
    /// The limits for retries. Both fields are set: AWS reports its defaults, 185 attempts and 86,400 seconds.
    pub retry_policy: RetryPolicy,
    /// The queue for undeliverable events.
    pub dead_letter_queue_arn: Option<String>,
}

/// The body of CreateSchedule and UpdateSchedule. Both calls send all settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleBody {
    /// The settings.
    pub settings: ScheduleSettings,
    /// StartDate, in whole seconds. A StartDate is always later than the time of the plan, because AWS refuses a
    /// StartDate of more than five minutes ago.
    pub start: Option<Timestamp>,
}

/// A schedule as returned by GetSchedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedSchedule {
    /// The settings, with AWS's defaults filled in.
    pub settings: ScheduleSettings,
    /// StartDate, in whole seconds.
    pub start: Option<Timestamp>,
    /// True if the schedule has a setting that the operator never sets: a KMS key, other target parameters, or an
    /// enum value that the SDK does not know. An update removes the setting.
    pub has_more: bool,
}

fn as_text<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(serializer)
}

/// A date as AWS stores it: in whole seconds.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
