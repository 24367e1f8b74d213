//! Checks of schedules and schedule groups of EventBridge Scheduler.

use std::collections::BTreeMap;

use lambda_triggers_core::api::{Backend, ScheduledFunctionSpec, TriggerStatus};
use lambda_triggers_core::ownership::ObjectKey;
use serde_json::{Value, json};

use crate::sim::aws::{ACCOUNT, SCHEDULER_ROLE, Snapshot};
use crate::sim::run::owner;

/// True for the ARN of the operator's group.
pub fn is_own_group(arn: &str) -> bool {
    arn.ends_with(&format!(":schedule-group/{}", owner().group_name()))
}

/// The schedules and the groups of other owners, as text by ARN. The operator must not change them. A schedule of the
/// operator is in its group, and has its prefix.
pub fn foreign_schedules(aws: &Snapshot) -> BTreeMap<String, String> {
    let own = format!(":schedule/{}/{}", owner().group_name(), owner().prefix());
    let schedules = aws.schedules.iter().filter(|(arn, _)| !arn.contains(&own));
    let schedules = schedules.map(|(arn, schedule)| (arn.clone(), schedule.to_string()));
    let groups = aws.schedule_groups.iter().filter(|(arn, _)| !is_own_group(arn));
    schedules.chain(groups.map(|(arn, tags)| (arn.clone(), format!("{tags:?}")))).collect()
}

/// The ARNs of an object's schedules, in any Region.
pub fn schedules_of(key: &ObjectKey, aws: &Snapshot) -> impl Iterator<Item = String> {
    let name = key.rule_name(&owner(), "ScheduledFunction");
    let end = format!(":schedule/{}/{name}", owner().group_name());
    aws.schedules.keys().filter(move |arn| arn.ends_with(&end)).cloned()
}

/// The schedules that a ready object claims and AWS lacks, and the resources that are left at the other backend.
pub fn missing_schedules(
    object: &Value,
    spec: &ScheduledFunctionSpec,
    status: &TriggerStatus,
    aws: &Snapshot,
) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = ObjectKey::new(text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
    let is_completed =
        status.conditions.iter().any(|ready| ready.type_ == "Ready" && ready.reason == "Completed");
    if status.backend != Some(Backend::Scheduler) {
        return schedules_of(&key, aws)
            .map(|arn| format!("no schedule beside the rule, but {arn}"))
            .collect();
    }
    let rule = format!(":rule/{}", key.rule_name(&owner(), "ScheduledFunction"));
    let rules = aws.rules.keys().filter(|arn| arn.ends_with(&rule));
    let mut missing: Vec<_> = rules.map(|arn| format!("no rule beside the schedule, but {arn}")).collect();
    let expected = expected(spec, status);
    for applied in status.applied.schedules.iter().filter(|_| !is_completed) {
        let arn = format!(
            "arn:aws:scheduler:{}:{ACCOUNT}:schedule/{}/{}",
            applied.region, applied.group, applied.name
        );
        let found = aws.schedules.get(&arn);
        if found.map(|found| relevant(found, spec)) != Some(expected.clone()) {
            missing.push(format!("the schedule {arn} as {expected}, but {found:?}"));
        }
    }
    if status.applied.schedules.is_empty() && !is_completed {
        missing.push("a recorded schedule".into());
    }
    missing
}

/// The members that the spec determines.
fn expected(spec: &ScheduledFunctionSpec, status: &TriggerStatus) -> Value {
    let minutes = spec.flexible_time_window_minutes;
    json!({
        "ScheduleExpression": status.schedule,
        "ScheduleExpressionTimezone": spec.time_zone.as_deref().unwrap_or("UTC"),
        "State": if spec.suspend { "DISABLED" } else { "ENABLED" },
        "MaximumWindowInMinutes": minutes,
        "EndDate": spec.end_date.as_ref().map(|end| end.0.as_second()),
        "Arn": status.function_arn,
        "RoleArn": SCHEDULER_ROLE,
        "Input": spec.input,
    })
}

/// The same members of a schedule. The input is left out if the spec has none: the operator sends a template.
fn relevant(schedule: &Value, spec: &ScheduledFunctionSpec) -> Value {
    let target = &schedule["Target"];
    let input = target["Input"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "ScheduleExpression": schedule["ScheduleExpression"],
        "ScheduleExpressionTimezone": schedule["ScheduleExpressionTimezone"],
        "State": schedule["State"],
        "MaximumWindowInMinutes": schedule["FlexibleTimeWindow"]["MaximumWindowInMinutes"],
        "EndDate": schedule["EndDate"],
        "Arn": target["Arn"],
        "RoleArn": target["RoleArn"],
        "Input": input.filter(|_| spec.input.is_some()),
    })
}
