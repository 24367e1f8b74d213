//! Deletion: of what has gone already, of what may not be deleted, and of what is to stay.

use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{KIND, Rules, STATEMENT, functions, in_place, plain_rule, plain_rules, rule_name, rules};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, allow, condition, deny, event, events_of, nothing_is_written_at_rest,
    until_conditions,
};
use crate::support::{AwsView, scheduled};

const NOBODY: [&str; 0] = [];
const OURS: &str = "lt-0a1b2c3d-function";

fn plain(names: &[&str]) -> String {
    let plain = |name: &&str| scheduled(name, name, "schedule: rate(1 hour)");
    names.iter().map(plain).collect::<Vec<_>>().join("---\n")
}

async fn until_all_ready(env: &TestEnv, names: &[&str]) {
    for name in names {
        env.until_ready(KIND, name).await;
    }
}

#[test]
fn what_has_gone_already_does_not_hold_a_deletion_up() {
    let names = ["rule-gone", "function-gone", "both-gone", "with-theirs"];
    env::test("gone", async |env| {
        functions(&env, &names).await;
        let other = env.function("other").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&plain(&names)).await;
        until_all_ready(&env, &names).await;

        for name in ["rule-gone", "both-gone"] {
            env.events().remove_targets().rule(rule_name(&env, name)).ids(OURS).send().await.unwrap();
            env.events().delete_rule().name(rule_name(&env, name)).send().await.unwrap();
        }
        for name in ["function-gone", "both-gone"] {
            env.lambda().delete_function().function_name(name).send().await.unwrap();
        }
        let theirs = aws_sdk_eventbridge::types::Target::builder().id("theirs").arn(other).build().unwrap();
        env.events().put_targets().rule(rule_name(&env, "with-theirs")).targets(theirs).send().await.unwrap();

        for name in names {
            env.delete(KIND, name).await;
        }
        for name in names {
            env.until_gone(KIND, name).await;
        }
        assert_eq!(rules(&env).await, Rules::new());
        for name in ["rule-gone", "with-theirs"] {
            assert_eq!(env.statements(name, None).await, NOBODY, "{name}");
        }
    });
}

#[test]
fn an_object_that_never_came_to_anything_can_be_deleted() {
    env::test("nothing-made", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("hourly", "no-such-function", "schedule: rate(1 hour)")).await;
        env.until_condition(KIND, "hourly", "Stalled", "True").await;
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(env.aws_writes(), vec![]);
    });
}

#[test]
fn a_denied_call_blocks_a_deletion_until_it_is_allowed() {
    let calls = [
        ("DescribeRule", "events:DescribeRule", "RuleReady"),
        ("RemoveTargets", "events:RemoveTargets", "RuleReady"),
        ("DeleteRule", "events:DeleteRule", "RuleReady"),
        ("GetPolicy", "lambda:GetPolicy", "PermissionReady"),
        ("RemovePermission", "lambda:RemovePermission", "PermissionReady"),
    ];
    env::test("blocked", async |env| {
        let names: Vec<String> = calls.iter().map(|call| call.0.to_lowercase()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        functions(&env, &names).await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain(&names)).await;
        until_all_ready(&env, &names).await;
        let of_lambda = |action: &str| action.starts_with("lambda:");
        let resource = |name: &str, action: &str| {
            if of_lambda(action) { name.to_owned() } else { rule_name(&env, name) }
        };
        for (name, (call, action, _)) in names.iter().zip(calls) {
            deny(&env, call, &resource(name, action));
            env.delete(KIND, name).await;
        }
        for (name, (_, action, part)) in names.iter().zip(calls) {
            let kind = if of_lambda(action) { "function" } else { "rule" };
            let message = format!(
                "AWS denies {action} on {kind} {}: allow {action} in the IAM policy of the operator's role",
                resource(name, action)
            );
            let blocked = [("Ready", "False"), ("Stalled", "True"), (part, "False")];
            let blocked = blocked.map(|(kind, status)| condition(kind, status, "AccessDenied", &message));
            until_conditions(&env, KIND, name, &blocked).await;
            let last = events_of(&env, name).await.pop();
            assert_eq!(last, Some(event("Warning", "DeletionBlocked", message)), "{name}");
        }
        allow(&env);
        for name in &names {
            env.until_gone(KIND, name).await;
            assert_eq!(env.statements(name, None).await, NOBODY, "{name}");
        }
        assert_eq!(rules(&env).await, Rules::new());
    });
}

#[test]
fn what_is_retained_stays_until_its_resource_comes_back() {
    env::test("retained", async |env| {
        let function = env.function("both").await;
        let _controller = env.controller(&RESYNC_1S);
        let retained = scheduled("kept", "both", "schedule: rate(1 hour)\ndeletionPolicy: Retain");
        let other = scheduled("other", "both", "schedule: rate(1 hour)");
        env.apply(&[retained.clone(), other].join("---\n")).await;
        until_all_ready(&env, &["kept", "other"]).await;
        let kept = rule_name(&env, "kept");
        let before = Rules::from([(kept.clone(), plain_rule(&env, "kept", &function).await)]);

        env.delete(KIND, "kept").await;
        env.until_gone(KIND, "kept").await;
        env.delete(KIND, "other").await;
        env.until_gone(KIND, "other").await;
        assert_eq!(rules(&env).await, before);
        assert_eq!(
            env.statements("both", None).await,
            [STATEMENT],
            "the rule that was retained relies on it"
        );

        env.apply(&retained.replace("Retain", "Delete")).await;
        until_conditions(&env, KIND, "kept", &in_place()).await;
        let mine_again = Rules::from([(kept, plain_rule(&env, "kept", &function).await)]);
        assert_eq!(rules(&env).await, mine_again);
        nothing_is_written_at_rest(&env, KIND, &["kept"]).await;

        env.delete(KIND, "kept").await;
        env.until_gone(KIND, "kept").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("both", None).await, NOBODY);
    });
}

#[test]
fn a_policy_of_retain_that_is_taken_back_in_time_does_not_count() {
    env::test("not-retained", async |env| {
        env.function("hourly").await;
        let _controller = env.controller(&NO_RESYNC);
        let retained = scheduled("hourly", "hourly", "schedule: rate(1 hour)\ndeletionPolicy: Retain");
        env.apply(&retained).await;
        env.until_ready(KIND, "hourly").await;
        env.apply(&retained.replace("Retain", "Delete")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&env).await, plain_rules(&env, &["hourly"]).await);
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("hourly", None).await, NOBODY);
    });
}
