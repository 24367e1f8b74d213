//! Requests to EventBridge Scheduler and its answers, in AWS's names.

use jiff::{SignedDuration, Timestamp};
use lambda_triggers::aws::{DatedSchedule, ListedSchedule};
use lambda_triggers_core::api::{RetryPolicy, Tags};
use lambda_triggers_core::plan::schedule::{
    ObservedSchedule, ScheduleBody, ScheduleKey, ScheduleSettings, ScheduleTarget,
};
use serde_json::{Value, json};

/// The members of a target that the port knows.
const TARGET_MEMBERS: [&str; 5] = ["Arn", "DeadLetterConfig", "Input", "RetryPolicy", "RoleArn"];

/// The members of `CreateSchedule` and `UpdateSchedule`.
pub(super) fn schedule(key: &ScheduleKey, body: &ScheduleBody) -> Value {
    let ScheduleBody { settings, start } = body;
    let ScheduleSettings {
        expression,
        time_zone,
        end,
        window_minutes,
        enabled,
        deletes_itself,
        description,
        target,
    } = settings;
    let ScheduleTarget { arn, role_arn, input, retry_policy, dead_letter_queue_arn } = target;
    let seconds = |time: &Option<Timestamp>| time.map(Timestamp::as_second);
    let mut members = identity(key);
    let settings = json!({
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": time_zone,
        "StartDate": seconds(start),
        "EndDate": seconds(end),
        "FlexibleTimeWindow": {
            "Mode": if window_minutes.is_some() { "FLEXIBLE" } else { "OFF" },
            "MaximumWindowInMinutes": window_minutes,
        },
        "State": if *enabled { "ENABLED" } else { "DISABLED" },
        "ActionAfterCompletion": if *deletes_itself { "DELETE" } else { "NONE" },
        "Description": description,
        "Target": {
            "Arn": arn,
            "RoleArn": role_arn,
            "Input": input,
            "RetryPolicy": {
                "MaximumRetryAttempts": retry_policy.maximum_retry_attempts,
                "MaximumEventAgeInSeconds": retry_policy.maximum_event_age_seconds,
            },
            "DeadLetterConfig": dead_letter_queue_arn.as_ref().map(|arn| json!({"Arn": arn})),
        },
    });
    for (member, value) in settings.as_object().into_iter().flatten() {
        members[member] = value.clone();
    }
    strip_nulls(&mut members);
    members
}

/// Removes all unset members.
fn strip_nulls(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
        members.values_mut().for_each(strip_nulls);
    }
}

/// The members that name a schedule.
pub(super) fn identity(key: &ScheduleKey) -> Value {
    json!({"Name": key.name, "GroupName": key.group})
}

/// Tags as a list.
pub(super) fn tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// The tags in a list.
pub(super) fn read_tags(tags: &Value) -> Tags {
    let tags = tags.as_array().into_iter().flatten();
    tags.map(|tag| (text(&tag["Key"]).unwrap_or_default(), text(&tag["Value"]).unwrap_or_default())).collect()
}

/// A schedule from an answer of `GetSchedule`.
pub(super) fn read_schedule(answer: &Value) -> DatedSchedule {
    let target = &answer["Target"];
    let has_other_members = target
        .as_object()
        .is_some_and(|members| members.keys().any(|member| !TARGET_MEMBERS.contains(&member.as_str())));
    let retry = &target["RetryPolicy"];
    let settings = ScheduleSettings {
        expression: text(&answer["ScheduleExpression"]).unwrap_or_default(),
        time_zone: text(&answer["ScheduleExpressionTimezone"]).unwrap_or_default(),
        end: instant(&answer["EndDate"]),
        window_minutes: number(&answer["FlexibleTimeWindow"]["MaximumWindowInMinutes"]),
        enabled: is_enabled(answer),
        deletes_itself: answer["ActionAfterCompletion"] == "DELETE",
        description: text(&answer["Description"]).unwrap_or_default(),
        target: ScheduleTarget {
            arn: text(&target["Arn"]).unwrap_or_default(),
            role_arn: text(&target["RoleArn"]).unwrap_or_default(),
            input: text(&target["Input"]),
            retry_policy: RetryPolicy {
                maximum_retry_attempts: number(&retry["MaximumRetryAttempts"]),
                maximum_event_age_seconds: number(&retry["MaximumEventAgeInSeconds"]),
            },
            dead_letter_queue_arn: text(&target["DeadLetterConfig"]["Arn"]),
        },
    };
    let has_more = has_other_members || !answer["KmsKeyArn"].is_null();
    let schedule = ObservedSchedule { settings, start: instant(&answer["StartDate"]), has_more };
    DatedSchedule { schedule, modified: instant(&answer["LastModificationDate"]).unwrap_or_default() }
}

/// A schedule from a page of `ListSchedules`, with its name.
pub(super) fn read_listed(summary: &Value) -> (String, ListedSchedule) {
    let listed = ListedSchedule {
        enabled: is_enabled(summary),
        target_arn: text(&summary["Target"]["Arn"]).unwrap_or_default(),
        modified: instant(&summary["LastModificationDate"]).unwrap_or_default(),
    };
    (text(&summary["Name"]).unwrap_or_default(), listed)
}

fn is_enabled(schedule: &Value) -> bool {
    schedule["State"] == "ENABLED"
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|number| i32::try_from(number).ok())
}

/// A date in seconds since 1970.
fn instant(value: &Value) -> Option<Timestamp> {
    let seconds = SignedDuration::try_from_secs_f64(value.as_f64()?).ok()?;
    Timestamp::from_duration(seconds).ok()
}
