//! The example's life, as its user sees it.

use std::collections::BTreeMap;

use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{IN_PLACE, KIND, STATEMENT, plain_rule, policy, rule_name, rules, statement};
use crate::objects::{
    NO_RESYNC, OWNER, RESYNC_1S, allow, deny, event, nothing_is_written_at_rest, until_told,
};
use crate::support::{AwsView, LIMIT, Rule, scheduled};

const EXAMPLE: &str = include_str!("../../../examples/scheduled-function.yaml");

/// The status without the times, which differ from run to run.
fn status(object: &Value) -> Value {
    let mut status = object["status"].clone();
    let time = status.as_object_mut().unwrap().remove("observedGenerationAt");
    time.expect("the time of the first look at the generation");
    for condition in status["conditions"].as_array_mut().unwrap() {
        let time = condition.as_object_mut().unwrap().remove("lastTransitionTime").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    }
    status
}

fn condition(kind: &str, reason: &str, message: &str, generation: i64) -> Value {
    json!({"type": kind, "status": "True", "reason": reason, "message": message, "observedGeneration": generation})
}

/// The columns of `kubectl get`, without those of the last line's age.
async fn columns(w: &World, arguments: &[&str]) -> Vec<Vec<String>> {
    let get = [&["get", "schedfn"][..], arguments].concat();
    let table = w.kubectl(&get, "").await.expect("kubectl get");
    let cells =
        |line: &str| line.split("   ").map(str::trim).filter(|c| !c.is_empty()).map(Into::into).collect();
    let mut rows: Vec<Vec<String>> = table.lines().map(cells).collect();
    for row in &mut rows {
        row.pop();
    }
    rows
}

#[test]
fn the_example_is_applied_seen_changed_and_deleted() {
    world::test("example", async |w| {
        let function = w.function("my-example").await;
        let example = EXAMPLE.replace("every-minute", "my-example");
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&example).await;
        let object = w.until_ready(KIND, "my-example").await;
        let name = rule_name(&w, "my-example");
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
            "schedule": "rate(1 minute)",
            "when": "Every minute.",
            "applied": {
                "account": w.account(),
                "rules": [{"region": "eu-west-1", "name": name, "tagKeys": tag_keys}],
                "permissions": [{"functionArn": function, "statementId": STATEMENT}],
            },
        });
        assert_eq!(status(&object), expected);

        let plain = plain_rule(&w, "my-example", &function).await;
        let mut rule = Rule { expression: "rate(1 minute)".into(), ..plain };
        rule.targets[0].input = Some(json!({"greeting": "hello from Kubernetes"}));
        assert_eq!(rules(&w).await, BTreeMap::from([(name.clone(), rule.clone())]));
        assert_eq!(policy(&w, "my-example").await, json!([statement(&w, &function)]));

        w.apply(&example.replace("rate(1 minute)", "0 18 * * MON-FRI")).await;
        w.until_ready(KIND, "my-example").await;
        rule.expression = "cron(0 18 ? * MON-FRI *)".into();
        assert_eq!(rules(&w).await, BTreeMap::from([(name, rule)]));

        w.delete(KIND, "my-example").await;
        w.until_gone(KIND, "my-example").await;
        assert_eq!(rules(&w).await, BTreeMap::new());
        assert_eq!(w.statements("my-example", None).await, Vec::<String>::new());
    });
}

#[test]
fn kubectl_get_shows_what_a_person_wants() {
    world::test("columns", async |w| {
        w.function("every-day").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&scheduled("daily", "every-day", "schedule: 0 18 * * MON,FRI")).await;
        w.until_ready(KIND, "daily").await;
        let schedule = "cron(0 18 ? * MON,FRI *)";
        assert_eq!(
            columns(&w, &[]).await,
            [
                vec!["NAME", "READY", "REASON", "SCHEDULE", "FUNCTION"],
                vec!["daily", "True", "Applied", schedule, "every-day"],
            ]
        );
        let when = "At 18:00 UTC, on Monday and Friday.";
        assert_eq!(
            columns(&w, &["-o", "wide"]).await,
            [
                vec!["NAME", "READY", "REASON", "SCHEDULE", "FUNCTION", "WHEN", "MESSAGE"],
                vec!["daily", "True", "Applied", schedule, "every-day", when, IN_PLACE],
            ]
        );
    });
}

#[test]
fn events_tell_a_life_and_are_silent_at_rest() {
    world::test("events", async |w| {
        w.function("hourly").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        w.until_ready(KIND, "hourly").await;
        let rule = rule_name(&w, "hourly");
        let created = event("Normal", "RuleCreated", format!("created the rule {rule}"));
        until_told(&w, "hourly", std::slice::from_ref(&created)).await;
        nothing_is_written_at_rest(&w, KIND, &["hourly"]).await;

        w.apply(&scheduled("hourly", "hourly", "schedule: rate(2 hours)\ntags: {team: a}")).await;
        let updated = event("Normal", "RuleUpdated", format!("updated the rule {rule}: settings, tags"));
        until_told(&w, "hourly", &[created.clone(), updated.clone()]).await;
        w.until_ready(KIND, "hourly").await;

        w.events().disable_rule().name(&rule).send().await.unwrap();
        let repaired = event(
            "Warning",
            "DriftRepaired",
            format!("put back what was changed on the rule {rule}: settings"),
        );
        until_told(&w, "hourly", &[created.clone(), updated.clone(), repaired.clone()]).await;
        nothing_is_written_at_rest(&w, KIND, &["hourly"]).await;

        deny(&w, "DeleteRule", &rule);
        w.delete(KIND, "hourly").await;
        let blocked = event(
            "Warning",
            "DeletionBlocked",
            format!(
                "AWS denies events:DeleteRule on rule {rule}: allow events:DeleteRule in the IAM policy of the operator's role"
            ),
        );
        let all = [created, updated, repaired, blocked];
        until_told(&w, "hourly", &all).await;
        // Refused again and again, it is told once.
        let refused = || w.aws_proxy().count(w.account(), "DeleteRule");
        let before = refused();
        w.until(LIMIT, "three more attempts", async || (refused() >= before + 3).then_some(())).await;
        allow(&w);
        w.until_gone(KIND, "hourly").await;
        until_told(&w, "hourly", &all).await;
    });
}

#[test]
fn names_begin_with_the_owner_id() {
    world::test("owner", async |w| {
        w.function("hourly").await;
        let _controller = w.controller(&["--owner-id", OWNER]);
        w.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        w.until_ready(KIND, "hourly").await;
        let names = w.rule_names().await;
        assert!(names.iter().all(|name| name.starts_with("lt-0a1b2c3d-")), "{names:?}");
        assert_eq!(
            (names.len(), w.statements("hourly", None).await),
            (1, vec!["lt-0a1b2c3d-rules".to_owned()])
        );
    });
}
