//! Deletion with missing AWS resources, with denied calls, and with `deletionPolicy: Retain`.

use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{KIND, Rules, STATEMENT, functions, in_place, plain_rule, plain_rules, rule_name, rules};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, allow, assert_no_writes_at_rest, condition, deny, event, events_of,
    wait_for_conditions,
};
use crate::support::{AwsView, scheduled};

const NOTHING: [&str; 0] = [];
const OWN_TARGET: &str = "lt-0a1b2c3d-function";

fn plain_manifests(names: &[&str]) -> String {
    let plain_manifests = |name: &&str| scheduled(name, name, "schedule: rate(1 hour)");
    names.iter().map(plain_manifests).collect::<Vec<_>>().join("---\n")
}

async fn wait_until_all_ready(env: &TestEnv, names: &[&str]) {
    for name in names {
        env.until_ready(KIND, name).await;
    }
}

#[test]
fn missing_aws_resources_do_not_block_a_deletion() {
    let names = ["rule-gone", "function-gone", "both-gone", "with-theirs"];
    env::test("gone", async |env| {
        functions(&env, &names).await;
        let other = env.function("other").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&plain_manifests(&names)).await;
        wait_until_all_ready(&env, &names).await;

        for name in ["rule-gone", "both-gone"] {
            env.events().remove_targets().rule(rule_name(&env, name)).ids(OWN_TARGET).send().await.unwrap();
            env.events().delete_rule().name(rule_name(&env, name)).send().await.unwrap();
        }
        for name in ["function-gone", "both-gone"] {
            env.lambda().delete_function().function_name(name).send().await.unwrap();
        }
        let foreign = aws_sdk_eventbridge::types::Target::builder().id("theirs").arn(other).build().unwrap();
        env.events()
            .put_targets()
            .rule(rule_name(&env, "with-theirs"))
            .targets(foreign)
            .send()
            .await
            .unwrap();

        for name in names {
            env.delete(KIND, name).await;
        }
        for name in names {
            env.until_gone(KIND, name).await;
        }
        assert_eq!(rules(&env).await, Rules::new());
        for name in ["rule-gone", "with-theirs"] {
            assert_eq!(env.statements(name, None).await, NOTHING, "{name}");
        }
    });
}

#[test]
fn an_object_that_was_never_ready_can_be_deleted() {
    env::test("nothing-made", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("hourly", "no-such-function", "schedule: rate(1 hour)")).await;
        env.until_condition(KIND, "hourly", "Stalled", "True").await;
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(env.applied_writes(), []);
    });
}

#[test]
fn a_denied_call_blocks_a_deletion_until_it_is_allowed() {
    let calls = [
        ("RemoveTargets", "events:RemoveTargets", "RuleReady"),
        ("DeleteRule", "events:DeleteRule", "RuleReady"),
        ("RemovePermission", "lambda:RemovePermission", "PermissionReady"),
    ];
    env::test("blocked", async |env| {
        let names: Vec<String> = calls.iter().map(|call| call.0.to_lowercase()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        functions(&env, &names).await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain_manifests(&names)).await;
        wait_until_all_ready(&env, &names).await;
        let is_lambda_action = |action: &str| action.starts_with("lambda:");
        let resource = |name: &str, action: &str| {
            if is_lambda_action(action) { name.to_owned() } else { rule_name(&env, name) }
        };
        for (name, (call, action, _)) in names.iter().zip(calls) {
            deny(&env, call, &resource(name, action));
            env.delete(KIND, name).await;
        }
        for (name, (_, action, part)) in names.iter().zip(calls) {
            let kind = if is_lambda_action(action) { "function" } else { "rule" };
            let message = format!(
                "AWS denies {action} on {kind} {}: allow {action} in the IAM policy of the operator's role",
                resource(name, action)
            );
            let blocked = [("Ready", "False"), ("Stalled", "True"), (part, "False")];
            let blocked = blocked.map(|(kind, status)| condition(kind, status, "AccessDenied", &message));
            wait_for_conditions(&env, KIND, name, &blocked).await;
            let last = events_of(&env, name).await.pop();
            assert_eq!(last, Some(event("Warning", "DeletionBlocked", message)), "{name}");
        }
        allow(&env);
        for name in &names {
            env.until_gone(KIND, name).await;
            assert_eq!(env.statements(name, None).await, NOTHING, "{name}");
        }
        assert_eq!(rules(&env).await, Rules::new());
    });
}

#[test]
fn a_retained_rule_stays_and_is_owned_after_recreation() {
    env::test("retained", async |env| {
        let function = env.function("both").await;
        let _controller = env.controller(&RESYNC_1S);
        let retained = scheduled("kept", "both", "schedule: rate(1 hour)\ndeletionPolicy: Retain");
        let other = scheduled("other", "both", "schedule: rate(1 hour)");
        env.apply(&[retained.clone(), other].join("---\n")).await;
        wait_until_all_ready(&env, &["kept", "other"]).await;
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
        wait_for_conditions(&env, KIND, "kept", &in_place()).await;
        let owned_again = Rules::from([(kept, plain_rule(&env, "kept", &function).await)]);
        assert_eq!(rules(&env).await, owned_again);
        assert_no_writes_at_rest(&env, KIND, &["kept"]).await;

        env.delete(KIND, "kept").await;
        env.until_gone(KIND, "kept").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("both", None).await, NOTHING);
    });
}

#[test]
fn retain_changed_back_to_delete_deletes_the_rule() {
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
        assert_eq!(env.statements("hourly", None).await, NOTHING);
    });
}
