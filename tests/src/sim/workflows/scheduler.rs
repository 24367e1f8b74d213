//! Workflows of a `ScheduledFunction` with EventBridge Scheduler: changes, moves between the backends, schedules that
//! end, and drift.

use std::time::Duration;

use futures::FutureExt;
use lambda_triggers_core::ownership::{ObjectKey, TAG_OWNER};
use lambda_triggers_core::plan::schedule::ScheduleKey;
use serde_json::{Value, json};

use super::env::{FAR, foreign_schedule};
use super::{NAMESPACE, SCHEDULED, Step, Workflow, apply, definition, hourly, with, workflow};
use crate::sim::aws::{ACCOUNT, MemoryAws, REGION};
use crate::sim::run::owner;

pub(super) fn all() -> Vec<Workflow> {
    [changes(), moves(), ends(), drift(), life()].concat()
}

/// The object with the backend Scheduler.
fn scheduled(changes: Value) -> Value {
    hourly(with(json!({"backend": "Scheduler"}), changes))
}

fn changes() -> Vec<Workflow> {
    let changed = |name, changes| workflow(name, [apply(scheduled(json!({}))), apply(scheduled(changes))]);
    let zone = |zone: &str| json!({"schedule": "0 18 * * MON-FRI", "timeZone": zone});
    vec![
        workflow(
            "scheduler: create and delete",
            [apply(scheduled(json!({}))), Step::Delete(SCHEDULED, "hourly")],
        ),
        changed("scheduler: change the schedule", json!({"schedule": "rate(2 hours)"})),
        workflow(
            "scheduler: change the time zone",
            ["Europe/Berlin", "Asia/Kolkata"].map(|name| apply(scheduled(zone(name)))),
        ),
        changed("scheduler: change the input", json!({"input": {"password": super::SECRET, "n": 1}})),
        changed("scheduler: remove the input", json!({"input": null})),
        changed(
            "scheduler: set a window and dates",
            json!({
                "schedule": "0 18 * * *", "flexibleTimeWindowMinutes": 15,
                "startDate": "2026-06-01T00:00:00Z", "endDate": "2026-12-31T23:59:59Z",
            }),
        ),
        workflow(
            "scheduler: suspend and resume",
            [json!({}), json!({"suspend": true}), json!({})].map(|changes| apply(scheduled(changes))),
        ),
        changed("scheduler: move to another function", json!({"function": {"name": "resize"}})),
        changed("scheduler: move to another Region", json!({"region": FAR})),
    ]
}

fn moves() -> Vec<Workflow> {
    let backends = |changes: Value| {
        let rule = hourly(changes.clone());
        [rule.clone(), scheduled(changes), rule].map(apply)
    };
    let function = definition(json!({}));
    vec![
        workflow("scheduler: move from a rule and back", backends(json!({}))),
        workflow("scheduler: move from a rule and back, suspended", backends(json!({"suspend": true}))),
        workflow(
            "scheduler: move from a rule and back, retained",
            backends(json!({"deletionPolicy": "Retain"})),
        ),
        workflow(
            "scheduler: move a defined function from a rule, and delete",
            [
                apply(hourly(json!({"function": function}))),
                apply(scheduled(json!({"function": function}))),
                Step::Delete(SCHEDULED, "hourly"),
            ],
        ),
        workflow(
            "scheduler: move from a rule to another Region, and back",
            [hourly(json!({})), scheduled(json!({"region": FAR})), hourly(json!({}))].map(apply),
        ),
        workflow(
            "scheduler: one of two objects of a function moves",
            [
                Step::Apply(vec![
                    hourly(json!({})),
                    named("daily", hourly(json!({"schedule": "rate(1 day)"}))),
                ]),
                apply(scheduled(json!({}))),
            ],
        ),
    ]
}

/// Schedules that end during the workflow.
fn ends() -> Vec<Workflow> {
    let once = |time: &str| hourly(json!({"schedule": format!("at(2026-01-01T{time}:00)")}));
    let past = || hourly(json!({"schedule": "at(2025-01-01T00:00:00)"}));
    let until = json!({"schedule": "*/5 * * * *", "endDate": "2026-01-01T00:31:00Z"});
    let end = || Step::Wait(Duration::from_secs(35 * 60));
    vec![
        workflow("scheduler: a one-time run completes", [apply(once("00:30")), end()]),
        workflow(
            "scheduler: a completed object is deleted",
            [apply(once("00:30")), end(), Step::Delete(SCHEDULED, "hourly")],
        ),
        workflow(
            "scheduler: a completed object runs once more",
            [apply(once("00:30")), end(), apply(once("20:00"))],
        ),
        workflow(
            "scheduler: a schedule with an end date completes, and is deleted",
            [apply(hourly(until)), end(), Step::Delete(SCHEDULED, "hourly")],
        ),
        workflow("scheduler: a one-time run in the past", [apply(past())]),
        workflow(
            "scheduler: a one-time run in the past is deleted",
            [apply(past()), Step::Delete(SCHEDULED, "hourly")],
        ),
    ]
}

fn drift() -> Vec<Workflow> {
    let drift =
        |name, drift: fn(&MemoryAws)| workflow(name, [apply(scheduled(json!({}))), Step::Outside(drift)]);
    vec![
        drift("drift: the schedule is deleted", |aws| {
            aws.outside().scheduler(REGION).delete_schedule(&key()).now_or_never();
        }),
        drift("drift: the schedule is disabled", |aws| set(aws, "State", json!("DISABLED"))),
        drift("drift: the schedule has another expression", |aws| {
            set(aws, "ScheduleExpression", json!("rate(5 minutes)"));
        }),
        drift("drift: the schedule has a key", |aws| {
            set(aws, "KmsKeyArn", json!("arn:aws:kms:eu-west-1:123456789012:key/k"));
        }),
        drift("drift: the schedule group is deleted", |aws| {
            let group = json!({"Name": owner().group_name()});
            aws.write_scheduler("scheduler:DeleteScheduleGroup", &group).ok();
        }),
        workflow(
            "outside: our group exists, with a user's schedule",
            [Step::Outside(by_hand), apply(scheduled(json!({}))), Step::Delete(SCHEDULED, "hourly")],
        ),
    ]
}

fn life() -> Vec<Workflow> {
    let retained = json!({"deletionPolicy": "Retain"});
    vec![
        workflow(
            "life: an object with a schedule is recreated",
            [apply(scheduled(json!({}))), Step::Recreate(scheduled(json!({})))],
        ),
        workflow(
            "life: an object with a schedule is recreated with a rule",
            [apply(scheduled(json!({}))), Step::Recreate(hourly(json!({})))],
        ),
        workflow(
            "life: a retained schedule becomes a rule",
            [apply(scheduled(retained.clone())), Step::Delete(SCHEDULED, "hourly"), apply(hourly(json!({})))],
        ),
        workflow(
            "life: a retained rule becomes a schedule",
            [apply(hourly(retained.clone())), Step::Delete(SCHEDULED, "hourly"), apply(scheduled(json!({})))],
        ),
        workflow(
            "life: a retained rule becomes a schedule of another function",
            [
                apply(hourly(retained)),
                Step::Delete(SCHEDULED, "hourly"),
                apply(scheduled(json!({"function": {"name": "resize"}}))),
            ],
        ),
        workflow("life: an object with a schedule is deleted at once", [Step::Brief(scheduled(json!({})))]),
    ]
}

fn named(name: &str, mut object: Value) -> Value {
    object["metadata"]["name"] = name.into();
    object
}

/// The object's schedule.
fn key() -> ScheduleKey {
    let name = ObjectKey::new(NAMESPACE, "hourly").rule_name(&owner(), SCHEDULED);
    ScheduleKey { group: owner().group_name(), name }
}

/// Changes a member of the object's schedule.
fn set(aws: &MemoryAws, member: &str, value: Value) {
    let ScheduleKey { group, name } = key();
    let arn = format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}");
    let Some(mut members) = aws.snapshot().schedules.remove(&arn) else { return };
    members[member] = value;
    write(aws, "scheduler:UpdateSchedule", &members);
}

/// Creates our group without the tag of the cluster, and a schedule in the group.
fn by_hand(aws: &MemoryAws) {
    let tags = json!([{"Key": TAG_OWNER, "Value": owner().to_string()}]);
    write(aws, "scheduler:CreateScheduleGroup", &json!({"Name": owner().group_name(), "Tags": tags}));
    write(aws, "scheduler:CreateSchedule", &foreign_schedule(aws, &owner().group_name(), "by-hand"));
}

fn write(aws: &MemoryAws, action: &'static str, members: &Value) {
    aws.write_scheduler(action, members).unwrap_or_else(|error| panic!("{action}: {error:?}"));
}
