//! Each field of the spec: set on an existing object, and removed again.

use std::collections::BTreeMap;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env;
use serde_json::json;

use super::view::{KIND, STATEMENT, in_place, plain_rule, rule_name, rules, wait_for_rule};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, assert_no_writes_at_rest, condition, event, failed, wait_for_conditions,
    wait_for_events,
};
use crate::support::{AwsView, Rule, scheduled};

/// A change of a rule.
type Edit = fn(&mut Rule);

/// A line of spec in addition to the plain spec, and the expected change of the rule.
const FIELDS: [(&str, Edit); 11] = [
    (r#"input: {b: [1, null, "two"], a: {}}"#, |rule| {
        rule.targets[0].input = Some(json!({"a": {}, "b": [1, null, "two"]}));
    }),
    (r#"inputJson: '{"a": null}'"#, |rule| rule.targets[0].input = Some(json!({"a": null}))),
    ("input: just text", |rule| rule.targets[0].input = Some(json!("just text"))),
    ("retryPolicy: {maximumRetryAttempts: 2, maximumEventAgeSeconds: 3600}", |rule| {
        rule.targets[0].retry = Some((Some(2), Some(3600)));
    }),
    ("retryPolicy: {maximumRetryAttempts: 0}", |rule| rule.targets[0].retry = Some((Some(0), Some(86_400)))),
    ("retryPolicy: {maximumEventAgeSeconds: 60}", |rule| rule.targets[0].retry = Some((Some(185), Some(60)))),
    ("retryPolicy: {maximumRetryAttempts: 185, maximumEventAgeSeconds: 86400}", |_| ()),
    ("deadLetterQueueArn: arn:aws:sqs:eu-west-1:123456789012:lost", |rule| {
        rule.targets[0].dead_letter_queue_arn = Some("arn:aws:sqs:eu-west-1:123456789012:lost".into());
    }),
    ("description: It's \"theirs\", ünd mine.", |rule| {
        rule.description = "It's \"theirs\", ünd mine.".into()
    }),
    ("suspend: true", |rule| rule.enabled = false),
    ("tags: {team: a, cost: \"7\"}", |rule| {
        rule.tags.extend([("team".into(), "a".into()), ("cost".into(), "7".into())]);
    }),
];

#[test]
fn setting_and_removing_a_field_restores_the_rule() {
    env::test("fields", async |env| {
        let function = env.function("hourly").await;
        let _controller = env.controller(&NO_RESYNC);
        let plain = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        env.apply(&plain).await;
        env.until_ready(KIND, "hourly").await;
        let before = plain_rule(&env, "hourly", &function).await;
        let name = rule_name(&env, "hourly");
        for (field, edit) in FIELDS {
            let mut changed = before.clone();
            edit(&mut changed);
            env.apply(&format!("{plain}  {field}\n")).await;
            env.until_ready(KIND, "hourly").await;
            assert_eq!(rules(&env).await, BTreeMap::from([(name.clone(), changed)]), "{field}");

            env.apply(&plain).await;
            env.until_ready(KIND, "hourly").await;
            assert_eq!(
                rules(&env).await,
                BTreeMap::from([(name.clone(), before.clone())]),
                "{field} is unset"
            );
        }
        assert_eq!(env.statements("hourly", None).await, [STATEMENT]);
    });
}

#[test]
fn changed_values_replace_the_old_values() {
    env::test("values", async |env| {
        let function = env.function("hourly").await;
        let _controller = env.controller(&NO_RESYNC);
        let with = |spec: &str| scheduled("hourly", "hourly", &format!("schedule: rate(1 hour)\n{spec}"));
        env.apply(&with("tags: {team: a, cost: \"7\"}\ndescription: first\ninput: [1]")).await;
        env.until_ready(KIND, "hourly").await;
        env.apply(&with("tags: {team: b, site: x}\ndescription: second\ninput: [2]\nsuspend: true")).await;
        env.until_ready(KIND, "hourly").await;
        let mut expected = plain_rule(&env, "hourly", &function).await;
        expected.tags.extend([("team".into(), "b".into()), ("site".into(), "x".into())]);
        expected.description = "second".into();
        expected.enabled = false;
        expected.targets[0].input = Some(json!([2]));
        assert_eq!(rules(&env).await, BTreeMap::from([(rule_name(&env, "hourly"), expected)]));
    });
}

#[test]
fn every_form_of_a_schedule_is_supported() {
    let forms = [
        ("schedule: rate(5 minutes)", "rate(5 minutes)"),
        ("schedule: cron(0/15 8-17 ? * MON-FRI *)", "cron(0/15 8-17 ? * MON-FRI *)"),
        ("schedule: cron(0/30 20-2 ? NOV-FEB MON-FRI *)", "cron(0/30 20-2 ? NOV-FEB MON-FRI *)"),
        ("schedule: 30 6 1 * *", "cron(30 6 1 * ? *)"),
        ("schedule: '@daily'", "cron(0 0 * * ? *)"),
        ("rate: {value: 1, unit: Hours}", "rate(1 hour)"),
        ("rate: {value: 2, unit: Days}", "rate(2 days)"),
        (
            "cron: {minutes: \"0\", hours: \"18\", dayOfMonth: \"?\", month: \"*\", dayOfWeek: MON-FRI, year: \"*\"}",
            "cron(0 18 ? * MON-FRI *)",
        ),
        (
            "cron: {minutes: \"0\", hours: \"22-4\", dayOfMonth: \"?\", month: \"*\", dayOfWeek: SAT-SUN, year: \"*\"}",
            "cron(0 22-4 ? * SAT-SUN *)",
        ),
        ("schedule: rate(1 hour)", "rate(1 hour)"),
    ];
    env::test("schedules", async |env| {
        let function = env.function("hourly").await;
        let _controller = env.controller(&NO_RESYNC);
        for (spec, expression) in forms {
            env.apply(&scheduled("hourly", "hourly", spec)).await;
            let object = env.until_ready(KIND, "hourly").await;
            assert_eq!(object["status"]["schedule"], json!(expression), "{spec}");
            let expected =
                Rule { expression: expression.into(), ..plain_rule(&env, "hourly", &function).await };
            assert_eq!(rules(&env).await, BTreeMap::from([(rule_name(&env, "hourly"), expected)]), "{spec}");
        }
    });
}

#[test]
fn a_suspended_schedule_is_in_place_and_ready() {
    env::test("suspended", async |env| {
        let function = env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        let plain = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        env.apply(&format!("{plain}  suspend: true\n")).await;
        let mut suspended = in_place();
        suspended[0] =
            condition("Ready", "True", "Suspended", "suspended: the rule is in place and disabled");
        wait_for_conditions(&env, KIND, "hourly", &suspended).await;
        let expected = plain_rule(&env, "hourly", &function).await;
        wait_for_rule(&env, "hourly", &Rule { enabled: false, ..expected.clone() }).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;

        env.apply(&plain).await;
        wait_for_conditions(&env, KIND, "hourly", &in_place()).await;
        wait_for_rule(&env, "hourly", &expected).await;
    });
}

#[test]
fn an_ended_schedule_is_stalled_without_further_writes() {
    env::test("ended", async |env| {
        let function = env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        let ended = scheduled("hourly", "hourly", "schedule: cron(0 0 1 1 ? 1999)");
        env.apply(&ended).await;
        let message = "cron(0 0 1 1 ? 1999) had its last run on 1999-01-01 at 00:00 UTC and never runs again: \
                       write a later year, or delete this resource";
        let parts = ["FunctionReady", "PermissionReady"];
        let expected = failed("Stalled", "NoNextRun", message, &parts, "RuleReady");
        wait_for_conditions(&env, KIND, "hourly", &expected).await;
        let plain = plain_rule(&env, "hourly", &function).await;
        let rule = Rule { expression: "cron(0 0 1 1 ? 1999)".into(), ..plain };
        wait_for_rule(&env, "hourly", &rule).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;
        let name = rule_name(&env, "hourly");
        wait_for_events(
            &env,
            "hourly",
            &[
                event("Normal", "RuleCreated", format!("created the rule {name}")),
                event("Warning", "NoNextRun", message),
            ],
        )
        .await;

        env.apply(&format!("{ended}  suspend: true\n")).await;
        let mut suspended = in_place();
        suspended[0] =
            condition("Ready", "True", "Suspended", "suspended: the rule is in place and disabled");
        wait_for_conditions(&env, KIND, "hourly", &suspended).await;

        env.apply(&scheduled("hourly", "hourly", "schedule: cron(0 0 1 1 ? 2199)")).await;
        wait_for_conditions(&env, KIND, "hourly", &in_place()).await;
    });
}

/// AWS does not document whether PutRule accepts a schedule that has ended. The status reports the ended schedule even
/// if AWS refuses the schedule.
#[test]
fn a_refused_ended_schedule_is_reported_as_ended() {
    env::test("ended-refused", async |env| {
        env.function("hourly").await;
        let refused =
            FaultKind::refuse(400, "ValidationException", "Parameter ScheduleExpression is not valid.");
        env.aws_proxy().inject(env.account(), Fault::on("PutRule", refused).times(usize::MAX));
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("hourly", "hourly", "schedule: cron(0 0 1 1 ? 1999)")).await;
        let message = "cron(0 0 1 1 ? 1999) had its last run on 1999-01-01 at 00:00 UTC and never runs again: \
                       write a later year, or delete this resource";
        let parts = ["FunctionReady", "PermissionReady"];
        let expected = failed("Stalled", "NoNextRun", message, &parts, "RuleReady");
        wait_for_conditions(&env, KIND, "hourly", &expected).await;
    });
}

/// kubectl without `--server-side` sends a merge patch, in which null removes a member
/// (<https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/>).
#[test]
fn nulls_need_input_json_or_a_server_side_apply() {
    env::test("nulls", async |env| {
        env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        let with = |spec: &str| scheduled("hourly", "hourly", &format!("schedule: rate(1 hour)\n{spec}"));
        let name = rule_name(&env, "hourly");
        let input = async || {
            env.until_ready(KIND, "hourly").await;
            let targets = env.events().list_targets_by_rule().rule(&name).send().await.unwrap();
            targets.targets()[0].input().unwrap_or_default().to_owned()
        };
        env.apply(&with("input: {limit: null, total: 1}")).await;
        env.apply(&with("input: {limit: null, total: 2}")).await;
        assert_eq!(input().await, r#"{"total":2}"#);

        let on_the_server = ["apply", "--server-side", "--force-conflicts", "--filename", "-"];
        let applied = env.kubectl(&on_the_server, &with("input: {limit: null, total: 3}")).await;
        applied.expect("an apply on the server");
        assert_eq!(input().await, r#"{"limit":null,"total":3}"#);
        let applied = env.kubectl(&on_the_server, &with("input: {limit: null, total: 4}")).await;
        applied.expect("an apply on the server");
        assert_eq!(input().await, r#"{"limit":null,"total":4}"#);

        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        for number in ["1.0", "2.50"] {
            let text = format!(r#"{{"n": {number},  "limit": null}}"#);
            env.apply(&with(&format!("inputJson: '{text}'"))).await;
            assert_eq!(input().await, text);
        }
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;

        let text = r#"{"limit": }"#;
        env.apply(&with(&format!("inputJson: '{text}'"))).await;
        let message = "spec.inputJson: write JSON, such as '{\"report\": \"daily\", \"limit\": null}', with double \
                       quotes around names and strings";
        let refused = crate::objects::failed("Stalled", "InvalidSpec", message, &[], "RuleReady");
        wait_for_conditions(&env, KIND, "hourly", &refused).await;
    });
}
