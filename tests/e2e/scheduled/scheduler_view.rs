//! Schedules of EventBridge Scheduler as values that can be compared as wholes, and the operator that makes them.

use std::collections::BTreeMap;

use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::primitives::DateTime;
use lambda_triggers_tests::env::{Controller, TestEnv};
use serde_json::{Value, json};

use super::view::{KIND, rule_name};
use crate::objects::{Condition, condition, owner};
use crate::support::{LIMIT, scheduled};

/// The message of `Ready` for an object in sync.
pub const SCHEDULE_IN_PLACE: &str = "the schedule is in place";

/// The group of the operator's schedules.
pub fn group() -> String {
    owner().group_name()
}

/// The schedule of an object in messages.
pub fn schedule_of(env: &TestEnv, name: &str) -> String {
    format!("{}/{}", group(), rule_name(env, name))
}

/// A manifest with a schedule of EventBridge Scheduler. The function has the name of the object.
pub fn with_scheduler(name: &str, spec: &str) -> String {
    scheduled(name, name, &format!("backend: Scheduler\n{spec}"))
}

/// Creates the role for schedules, and starts an operator with the role.
pub async fn start(env: &TestEnv, flags: &[&str]) -> (String, Controller) {
    let role = env.scheduler_role(&owner()).await;
    let controller = env.controller(&[flags, &["--scheduler-role-arn", &role]].concat());
    (role, controller)
}

fn seconds(date: Option<&DateTime>) -> Option<i64> {
    date.map(DateTime::secs)
}

fn shown(answer: &GetScheduleOutput) -> Value {
    let (target, window) = (answer.target().unwrap(), answer.flexible_time_window().unwrap());
    let retry = target.retry_policy().unwrap();
    json!({
        "expression": answer.schedule_expression(),
        "zone": answer.schedule_expression_timezone(),
        "start": seconds(answer.start_date()),
        "end": seconds(answer.end_date()),
        "window": window.maximum_window_in_minutes(),
        "state": answer.state().unwrap().as_str(),
        "after": answer.action_after_completion().unwrap().as_str(),
        "description": answer.description(),
        "arn": target.arn(),
        "role": target.role_arn(),
        "input": target.input().map(|input| serde_json::from_str::<Value>(input).unwrap()),
        "retry": [retry.maximum_retry_attempts(), retry.maximum_event_age_in_seconds()],
        "queue": target.dead_letter_config().and_then(|queue| queue.arn()),
    })
}

/// All schedules of the operator's group, by name.
pub async fn schedules(env: &TestEnv) -> BTreeMap<String, Value> {
    let listed = env.scheduler().list_schedules().group_name(group()).send().await;
    let Ok(listed) = listed else { return BTreeMap::new() };
    let mut schedules = BTreeMap::new();
    for schedule in listed.schedules() {
        let name = schedule.name().unwrap().to_owned();
        let found = env.scheduler().get_schedule().group_name(group()).name(&name).send().await;
        schedules.extend(found.ok().map(|found| (name, shown(&found))));
    }
    schedules
}

/// The schedule of an object with only `schedule: 0 18 * * *`.
pub fn plain_schedule(env: &TestEnv, name: &str, function: &str, role: &str) -> Value {
    let input = json!({
        "version": "0",
        "id": "<aws.scheduler.execution-id>",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": env.account(),
        "time": "<aws.scheduler.scheduled-time>",
        "region": "eu-west-1",
        "resources": ["<aws.scheduler.schedule-arn>"],
        "detail": {},
    });
    json!({
        "expression": "cron(0 18 * * ? *)", "zone": "UTC", "start": null, "end": null, "window": null,
        "state": "ENABLED", "after": "NONE", "description": format!("{KIND} {}/{name}", env.namespace()),
        "arn": function, "role": role, "input": input, "retry": [185, 86_400], "queue": null,
    })
}

/// Waits until the schedules are exactly these.
pub async fn wait_for_schedules(env: &TestEnv, expected: &BTreeMap<String, Value>) {
    env.until(LIMIT, &format!("the schedules to be {expected:#?}"), async || {
        let found = schedules(env).await;
        if found == *expected { Ok(()) } else { Err(format!("{found:#?}")) }
    })
    .await;
}

/// Replaces a schedule as another tool would, disabled and without the other settings.
pub async fn disable(env: &TestEnv, name: &str) {
    let found = env.scheduler().get_schedule().group_name(group()).name(rule_name(env, name)).send().await;
    let found = found.unwrap();
    env.scheduler()
        .update_schedule()
        .group_name(group())
        .name(rule_name(env, name))
        .set_schedule_expression(found.schedule_expression)
        .set_flexible_time_window(found.flexible_time_window)
        .set_target(found.target)
        .set_description(found.description)
        .state("DISABLED".into())
        .send()
        .await
        .unwrap();
}

/// The conditions of an object whose schedule is in place.
pub fn schedule_in_place(reason: &str, message: &str) -> Vec<Condition> {
    let part = |name| condition(name, "True", "Applied", "");
    vec![condition("Ready", "True", reason, message), part("FunctionReady"), part("ScheduleReady")]
}
