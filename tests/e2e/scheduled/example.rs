//! The example: created, changed and deleted, with its status, events and kubectl columns.

use std::collections::BTreeMap;

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{IN_PLACE, KIND, STATEMENT, plain_rule, policy, rule_name, rules, statement};
use crate::objects::{
    NO_RESYNC, OWNER, RESYNC_1S, allow, assert_no_writes_at_rest, deny, event, wait_for_events,
};
use crate::support::{AwsView, LIMIT, Rule, scheduled};

const EXAMPLE: &str = include_str!("../../../examples/scheduled-function.yaml");

/// The status without times, which differ between runs.
fn status(object: &Value) -> Value {
    let mut status = object["status"].clone();
    let time = status.as_object_mut().unwrap().remove("observedGenerationAt");
    time.expect("the time of the first reconcile of the generation");
    for condition in status["conditions"].as_array_mut().unwrap() {
        let time = condition.as_object_mut().unwrap().remove("lastTransitionTime").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    }
    status
}

fn condition(kind: &str, reason: &str, message: &str, generation: i64) -> Value {
    json!({"type": kind, "status": "True", "reason": reason, "message": message, "observedGeneration": generation})
}

/// The columns of `kubectl get`, without the age in the last column.
async fn columns(env: &TestEnv, arguments: &[&str]) -> Vec<Vec<String>> {
    let get = [&["get", "schedfn"][..], arguments].concat();
    let table = env.kubectl(&get, "").await.expect("kubectl get");
    let cells =
        |line: &str| line.split("   ").map(str::trim).filter(|c| !c.is_empty()).map(Into::into).collect();
    let mut rows: Vec<Vec<String>> = table.lines().map(cells).collect();
    for row in &mut rows {
        row.pop();
    }
    rows
}

#[test]
fn the_example_is_applied_changed_and_deleted() {
    env::test("example", async |env| {
        let function = env.function("my-example").await;
        let example = EXAMPLE.replace("every-minute", "my-example");
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&example).await;
        let object = env.until_ready(KIND, "my-example").await;
        let name = rule_name(&env, "my-example");
        let tag_keys = ["cluster", "kind", "name", "namespace", "owner", "uid"]
            .map(|key| format!("lambda-triggers.dev/{key}"));
        let expected = json!({
            "observedGeneration": 1,
            "conditions": [
                condition("Ready", "Applied", IN_PLACE, 1),
                condition("FunctionReady", "Applied", "", 1),
                condition("PermissionReady", "Applied", "", 1),
                condition("RuleReady", "Applied", "", 1),
            ],
            "functionArn": function,
            "functionName": "my-example",
            "backend": "Rule",
            "schedule": "rate(1 minute)",
            "scheduleDescription": "Every minute.",
            "applied": {
                "account": env.account(),
                "rules": [{"region": "eu-west-1", "name": name, "tagKeys": tag_keys}],
                "permissions": [{"functionArn": function, "statementId": STATEMENT}],
            },
        });
        assert_eq!(status(&object), expected);

        let plain = plain_rule(&env, "my-example", &function).await;
        let mut rule = Rule { expression: "rate(1 minute)".into(), ..plain };
        rule.targets[0].input = Some(json!({"greeting": "hello from Kubernetes"}));
        assert_eq!(rules(&env).await, BTreeMap::from([(name.clone(), rule.clone())]));
        assert_eq!(policy(&env, "my-example").await, json!([statement(&env, &function)]));

        env.apply(&example.replace("rate(1 minute)", "0 18 * * MON-FRI")).await;
        env.until_ready(KIND, "my-example").await;
        rule.expression = "cron(0 18 ? * MON-FRI *)".into();
        assert_eq!(rules(&env).await, BTreeMap::from([(name, rule)]));

        env.delete(KIND, "my-example").await;
        env.until_gone(KIND, "my-example").await;
        assert_eq!(rules(&env).await, BTreeMap::new());
        assert_eq!(env.statements("my-example", None).await, Vec::<String>::new());
    });
}

#[test]
fn kubectl_get_shows_the_main_columns() {
    env::test("columns", async |env| {
        env.function("every-day").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("daily", "every-day", "schedule: 0 18 * * MON,FRI")).await;
        env.until_ready(KIND, "daily").await;
        let schedule = "cron(0 18 ? * MON,FRI *)";
        assert_eq!(
            columns(&env, &[]).await,
            [
                vec!["NAME", "READY", "REASON", "SCHEDULE", "TIMEZONE", "FUNCTION"],
                vec!["daily", "True", "Applied", schedule, "every-day"],
            ]
        );
        let when = "At 18:00 UTC, on Monday and Friday.";
        assert_eq!(
            columns(&env, &["-o", "wide"]).await,
            [
                vec![
                    "NAME", "READY", "REASON", "SCHEDULE", "TIMEZONE", "FUNCTION", "WHEN", "BACKEND",
                    "MESSAGE"
                ],
                vec!["daily", "True", "Applied", schedule, "every-day", when, "Rule", IN_PLACE],
            ]
        );
    });
}

#[test]
fn events_report_every_change_and_none_at_rest() {
    env::test("events", async |env| {
        env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "hourly").await;
        let rule = rule_name(&env, "hourly");
        let created = event("Normal", "RuleCreated", format!("created the rule {rule}"));
        wait_for_events(&env, "hourly", std::slice::from_ref(&created)).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;

        env.apply(&scheduled("hourly", "hourly", "schedule: rate(2 hours)\ntags: {team: a}")).await;
        let updated = event("Normal", "RuleUpdated", format!("updated the rule {rule}: settings, tags"));
        wait_for_events(&env, "hourly", &[created.clone(), updated.clone()]).await;
        env.until_ready(KIND, "hourly").await;

        env.events().disable_rule().name(&rule).send().await.unwrap();
        let repaired =
            event("Warning", "DriftRepaired", format!("reverted a change of the rule {rule}: settings"));
        wait_for_events(&env, "hourly", &[created.clone(), updated.clone(), repaired.clone()]).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;

        deny(&env, "DeleteRule", &rule);
        env.delete(KIND, "hourly").await;
        let blocked = event(
            "Warning",
            "DeletionBlocked",
            format!(
                "AWS denies events:DeleteRule on rule {rule}: allow events:DeleteRule in the IAM policy of the operator's role"
            ),
        );
        let mut all = vec![created, updated, repaired, blocked];
        wait_for_events(&env, "hourly", &all).await;
        // A repeated refusal emits a single event.
        let refused = || env.aws_proxy().count(env.account(), "DeleteRule");
        let before = refused();
        env.until(LIMIT, "three more attempts", async || (refused() >= before + 3).then_some(())).await;
        allow(&env);
        env.until_gone(KIND, "hourly").await;
        all.push(event("Normal", "RuleDeleted", format!("deleted the rule {rule}")));
        wait_for_events(&env, "hourly", &all).await;
    });
}

#[test]
fn names_begin_with_the_owner_id() {
    env::test("owner", async |env| {
        env.function("hourly").await;
        let _controller = env.controller(&["--owner-id", OWNER]);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "hourly").await;
        let names = env.rule_names().await;
        assert!(names.iter().all(|name| name.starts_with("lt-0a1b2c3d-")), "{names:?}");
        assert_eq!(
            (names.len(), env.statements("hourly", None).await),
            (1, vec!["lt-0a1b2c3d-rules".to_owned()])
        );
    });
}
