//! `ScheduledFunction`: runs a Lambda function on a schedule.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expression::MAX_RATE;
use super::function::Tags;
use super::validation::{cel, limits};
use super::{Backend, DeletionPolicy, FunctionRef, ScheduledFunctionStatus};

/// Runs a Lambda function on a schedule, through EventBridge.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "lambda-triggers.dev",
    version = "v1alpha1",
    kind = "ScheduledFunction",
    doc = "Runs a Lambda function on a schedule, through EventBridge.",
    namespaced,
    status = "ScheduledFunctionStatus",
    derive = "PartialEq",
    shortname = "schedfn",
    category = "lambda-triggers",
    category = "aws",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".status.schedule"),
    printcolumn(name = "TimeZone", type_ = "string", json_path = ".spec.timeZone"),
    printcolumn(name = "Function", type_ = "string", json_path = ".status.functionName"),
    printcolumn(name = "When", type_ = "string", json_path = ".status.scheduleDescription", priority = 1),
    printcolumn(name = "Backend", type_ = "string", json_path = ".status.backend", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "each column has its own")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::scheduled_function)]
pub struct ScheduledFunctionSpec {
    /// The function to run: exactly one of `name`, `arn` and `definition`.
    pub function: FunctionRef,
    /// Schedule to the minute, in the time zone of `timeZone`, in one of four forms. An interval: `rate(5 minutes)`,
    /// `rate(1 hour)`. AWS's cron: `cron(0 18 ? * MON-FRI *)`, with `?` in exactly one of the two day fields. The five
    /// fields of a CronJob, which the operator translates to AWS's cron: `0 18 * * MON-FRI`, `@daily`. One run:
    /// `at(2026-12-24T18:00:00)`. At most 256 characters. Set exactly one of `schedule`, `rate` and `cron`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::schedule)]
    pub schedule: Option<String>,
    /// Schedule as an interval, in place of `schedule`: `{value: 1, unit: Hours}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Schedule as the six fields of AWS's cron, in place of `schedule`, in the time zone of `timeZone`: `{minutes:
    /// "0", hours: "18", dayOfMonth: "?", month: "*", dayOfWeek: MON-FRI, year: "*"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<CronFields>,
    /// Time zone of `schedule` and `cron`, by its IANA name, such as `Europe/Berlin`. At most 50 characters. A local
    /// time that a clock change skips has no run. A local time that occurs twice has one run, at the first
    /// occurrence. Without the field: UTC. Not allowed beside an interval. The field selects EventBridge Scheduler,
    /// also for `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::time_zone)]
    pub time_zone: Option<String>,
    /// Time before which the schedule has no run, such as `2027-01-01T00:00:00Z`. The offset belongs to the value:
    /// `timeZone` has no effect on it. An interval begins at this time. Not allowed beside `at(...)`. The field
    /// selects EventBridge Scheduler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Time>,
    /// Time after which the schedule has no run, such as `2027-12-31T23:59:59Z`, after `startDate`. The offset belongs
    /// to the value: `timeZone` has no effect on it. Not allowed beside `at(...)`. The field selects EventBridge
    /// Scheduler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Time>,
    /// Minutes after the scheduled time within which EventBridge Scheduler may run the function, 1 to 1,440. Many
    /// schedules of the same minute are then spread. Without the field, the function runs within the scheduled
    /// minute. The field selects EventBridge Scheduler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::MAX_TIME_WINDOW))]
    pub flexible_time_window_minutes: Option<i32>,
    /// AWS service that runs the schedule. `Rule`: a rule of EventBridge, which needs no role, and of which an account
    /// has 300 in a Region. `Scheduler`: a schedule of EventBridge Scheduler, which runs the function with a role of
    /// the operator's settings. Without the field: `Scheduler` if `at(...)` or one of `timeZone`, `startDate`,
    /// `endDate` and `flexibleTimeWindowMinutes` is set, else the operator's default. `Rule` is not allowed beside
    /// these fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Event that the function receives: any JSON value, written as YAML, such as `{report: daily}`. At most 8,192
    /// characters as JSON. Without `input` and `inputJson`, the function receives EventBridge's event. `kubectl
    /// apply` without `--server-side` drops null members: write nulls in `inputJson`, or use `kubectl apply
    /// --server-side`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::input)]
    pub input: Option<serde_json::Value>,
    /// Event that the function receives, as JSON text of at most 8,192 characters, such as `{"limit": null}`.
    /// EventBridge sends the text unchanged, with nulls and with numbers such as `1.0`. Set `input` or `inputJson`,
    /// not both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::input_json)]
    pub input_json: Option<String>,
    /// Limits of EventBridge's retries after a failed delivery to Lambda, for example while Lambda throttles or the
    /// permission is missing. Without the field, EventBridge makes at most 185 further attempts within a day.
    /// EventBridge does not see errors of the function's code: Lambda retries failed runs, within the limits of
    /// `function.definition.asyncInvoke`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// ARN of a standard SQS queue, such as `arn:aws:sqs:eu-west-1:123456789012:my-queue`. The queue receives the
    /// events that EventBridge could not deliver to Lambda within the limits of `retryPolicy`. The queue's policy
    /// must allow EventBridge to send messages. With EventBridge Scheduler, the role of the schedule must allow it
    /// instead. Events whose runs failed do not arrive in this queue: see `function.definition.deadLetterQueueArn`.
    /// Without the field, the schedule has no dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::dead_letter_queue)]
    pub dead_letter_queue_arn: Option<String>,
    /// Description of the rule or schedule in AWS's console, at most 512 characters. Without the field, a rule has no
    /// description, and a schedule of EventBridge Scheduler has the name of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::DESCRIPTION))]
    pub description: Option<String>,
    /// Set to true to disable the schedule. The rule or schedule stays in place in AWS, and runs the function again
    /// after `suspend` is false.
    #[serde(default)]
    pub suspend: bool,
    /// Action in AWS when this object is deleted. `Delete` removes everything that the operator created for the
    /// object. `Retain` leaves everything in place.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// AWS Region of the schedule and the function, such as `eu-west-1`. Without the field: the Region of `function.arn`,
    /// else the operator's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = cel::region)]
    pub region: Option<String>,
    /// Tags of the rule, key to value, such as `team: media`; at most 40. Keys that begin with `aws:` or
    /// `lambda-triggers.dev/` are reserved. EventBridge Scheduler has no tags on schedules.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    #[schemars(transform = cel::tags)]
    pub tags: Tags,
}

/// An interval between two runs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Number of units between two runs, 1 to 999,999,999.
    #[schemars(range(min = 1, max = MAX_RATE))]
    pub value: i64,
    /// Unit of `value`: `Minutes`, `Hours` or `Days`.
    pub unit: RateUnit,
}

/// A unit of time.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RateUnit {
    Minutes,
    Hours,
    Days,
}

/// The six fields of AWS's cron.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = cel::cron_object)]
pub struct CronFields {
    /// Minutes, 0-59: `0`, `0,30`, `0-29`, `0/15` (every 15 minutes from 0 on) or `*`. Quote numbers and `*`.
    #[schemars(transform = cel::minutes)]
    pub minutes: String,
    /// Hours, 0-23: `18`, `8,18`, `8-17`, `20-2` (around midnight), `0/6` or `*`.
    #[schemars(transform = cel::hours)]
    pub hours: String,
    /// Day of the month, 1-31: `1`, `1,15`, `1-7`, `1/2`, `*`, `L` (the last day), `LW` (the last weekday), `3W` (the
    /// weekday nearest the third), or `?` if `dayOfWeek` selects the days.
    #[schemars(transform = cel::day_of_month)]
    pub day_of_month: String,
    /// Month, 1-12 or JAN-DEC: `JAN,JUL`, `JUN-AUG`, `NOV-FEB`, `1/3` or `*`.
    #[schemars(transform = cel::month)]
    pub month: String,
    /// Day of the week, 1-7 or SUN-SAT, with 1 for Sunday: `MON-FRI`, `SAT-SUN`, `L` (Saturday), `6L` (the last
    /// Friday of the month), `3#2` (the second Tuesday), or `?` if `dayOfMonth` selects the days.
    #[schemars(transform = cel::day_of_week)]
    pub day_of_week: String,
    /// Year, 1970-2199: `2027`, `2027-2030` or `*`.
    #[schemars(transform = cel::year)]
    pub year: String,
}

/// Limits of EventBridge's retries after a failed delivery to Lambda.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryPolicy {
    /// Number of further attempts, 0 to 185. Without the field: 185.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = limits::MAX_RETRY_ATTEMPTS))]
    pub maximum_retry_attempts: Option<i32>,
    /// Age of an event in seconds at which EventBridge stops the retries, 60 to 86,400. Without the field: 86,400, a
    /// day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = limits::MIN_EVENT_AGE, max = limits::MAX_EVENT_AGE))]
    pub maximum_event_age_seconds: Option<i32>,
}
