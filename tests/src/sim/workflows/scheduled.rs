//! Workflows of a `ScheduledFunction`: changes of each field, and moves to other functions and Regions.

use serde_json::{Value, json};

use super::env::FAR;
use super::{SCHEDULED, Step, Workflow, apply, definition, hourly, with, workflow};

pub(super) fn all() -> Vec<Workflow> {
    let changed = |name, changes| workflow(name, [apply(hourly(json!({}))), apply(hourly(changes))]);
    vec![
        workflow(
            "schedule: create and delete",
            [apply(hourly(json!({}))), Step::Delete(SCHEDULED, "hourly")],
        ),
        changed("schedule: change the schedule", json!({"schedule": "cron(0 18 ? * MON-FRI *)"})),
        changed("schedule: change the input", json!({"input": {"password": super::SECRET, "n": 1}})),
        changed("schedule: change the tags", json!({"tags": {"team": "b"}})),
        workflow(
            "schedule: suspend and resume",
            [json!({}), json!({"suspend": true}), json!({})].map(|changes| apply(hourly(changes))),
        ),
        changed("schedule: move to another function", json!({"function": {"name": "resize"}})),
        changed("schedule: move to another Region", json!({"region": FAR})),
        deployed(
            "schedule: deploy, change the code and delete",
            json!({"code": {"inline": {"app.py": "changed"}}}),
        ),
        deployed("schedule: deploy, change the settings and delete", json!({"timeoutSeconds": 30})),
        workflow(
            "schedule: deploy with retries, remove the retries and delete",
            [
                apply(hourly(
                    json!({"function": definition(json!({"asyncInvoke": {"maximumRetryAttempts": 0}}))}),
                )),
                apply(hourly(json!({"function": definition(json!({}))}))),
                Step::Delete(SCHEDULED, "hourly"),
            ],
        ),
        deployed("schedule: deploy, move to another name and delete", json!({"functionName": "own"})),
        workflow(
            "schedule: move a deployed function to another Region",
            [json!({}), json!({"region": FAR})]
                .map(|changes| apply(hourly(with(json!({"function": definition(json!({}))}), changes)))),
        ),
        workflow(
            "schedule: name the function that was defined",
            [
                apply(hourly(json!({"function": definition(json!({"functionName": "own"}))}))),
                apply(hourly(json!({"function": {"name": "own"}}))),
                Step::Delete(SCHEDULED, "hourly"),
            ],
        ),
        workflow(
            "schedule: two objects share a function, and one is deleted",
            [
                Step::Apply(vec![hourly(json!({})), named("daily", json!({"schedule": "rate(1 day)"}))]),
                Step::Delete(SCHEDULED, "hourly"),
            ],
        ),
    ]
}

fn named(name: &str, changes: Value) -> Value {
    let mut object = hourly(changes);
    object["metadata"]["name"] = name.into();
    object
}

fn deployed(name: &'static str, changes: Value) -> Workflow {
    let function = |changes| json!({"function": definition(with(json!({}), changes))});
    let steps = [json!({}), changes].map(|changes| apply(hourly(function(changes))));
    workflow(name, [steps.to_vec(), vec![Step::Delete(SCHEDULED, "hourly")]].concat())
}
