//! Drift of rules: the next resync repairs changes by other tools and emits an event. Foreign additions are kept.

use aws_sdk_eventbridge::types::Tag;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use super::view::{
    KIND, Rules, STATEMENT, functions, plain_rules, policy, rule_name, rules, statement, wait_for_rules,
};
use crate::objects::{
    Condition, EmittedEvent, RESYNC_1S, assert_no_writes_at_rest, event, failed, wait_for_events,
};
use crate::support::{Target, rule, scheduled};

/// Creates objects with these names, each with its own function, and returns their rules.
async fn create_in_place(env: &TestEnv, names: &[&str]) -> Rules {
    functions(env, names).await;
    let manifests: Vec<String> =
        names.iter().map(|name| scheduled(name, name, "schedule: rate(1 hour)")).collect();
    env.apply(&manifests.join("---\n")).await;
    for name in names {
        env.until_ready(KIND, name).await;
    }
    let expected = plain_rules(env, names).await;
    assert_eq!(rules(env).await, expected);
    expected
}

fn created(env: &TestEnv, name: &str) -> EmittedEvent {
    event("Normal", "RuleCreated", format!("created the rule {}", rule_name(env, name)))
}

/// Sets a target of a rule, as another tool would.
pub async fn put_target(env: &TestEnv, rule: &str, id: &str, arn: &str, input_path: Option<&str>) {
    let target = aws_sdk_eventbridge::types::Target::builder().id(id).arn(arn);
    let target = target.set_input_path(input_path.map(Into::into)).build().unwrap();
    env.events().put_targets().rule(rule).targets(target).send().await.unwrap();
}

async fn remove_target(env: &TestEnv, rule: &str, id: &str) {
    env.events().remove_targets().rule(rule).ids(id).send().await.unwrap();
}

async fn arn(env: &TestEnv, rule: &str) -> String {
    env.events().describe_rule().name(rule).send().await.unwrap().arn.unwrap()
}

/// Sets a tag of a rule, as another tool would.
pub async fn tag(env: &TestEnv, rule: &str, key: &str, value: &str) {
    let tag = Tag::builder().key(key).value(value).build().unwrap();
    env.events().tag_resource().resource_arn(arn(env, rule).await).tags(tag).send().await.unwrap();
}

async fn untag(env: &TestEnv, rule: &str, key: &str) {
    untag_all(env, rule, &[key]).await;
}

/// Removes tags from a rule, as another tool would.
pub async fn untag_all(env: &TestEnv, rule: &str, keys: &[&str]) {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let untag = env.events().untag_resource().resource_arn(arn(env, rule).await).set_tag_keys(Some(keys));
    untag.send().await.unwrap();
}

#[test]
fn drift_of_rules_is_repaired() {
    const OWN_TARGET: &str = "lt-0a1b2c3d-function";
    let names = [
        "disabled",
        "rescheduled",
        "described",
        "deleted",
        "untargeted",
        "retargeted",
        "transformed",
        "retagged",
        "untagged",
    ];
    env::test("drift", async |env| {
        let mut controller = env.controller(&RESYNC_1S);
        let expected = create_in_place(&env, &names).await;
        let rule_of = |name: &str| rule_name(&env, name);
        let other = env.function("other").await;

        env.events().disable_rule().name(rule_of("disabled")).send().await.unwrap();
        let put = |name: &str| env.events().put_rule().name(rule_of(name));
        put("rescheduled").schedule_expression("rate(1 minute)").send().await.unwrap();
        put("described").schedule_expression("rate(1 hour)").description("mine now").send().await.unwrap();
        remove_target(&env, &rule_of("untargeted"), OWN_TARGET).await;
        put_target(&env, &rule_of("retargeted"), OWN_TARGET, &other, None).await;
        let transformed = rule(env.events(), &rule_of("transformed")).await.unwrap().targets[0].arn.clone();
        put_target(&env, &rule_of("transformed"), OWN_TARGET, &transformed, Some("$.detail")).await;
        untag(&env, &rule_of("retagged"), "lambda-triggers.dev/uid").await;
        let tags = expected[&rule_of("untagged")].tags.keys().map(String::as_str).collect::<Vec<_>>();
        untag_all(&env, &rule_of("untagged"), &tags).await;
        // Two calls delete the rule. The operator must not reconcile between these calls.
        controller.stop().await;
        remove_target(&env, &rule_of("deleted"), OWN_TARGET).await;
        env.events().delete_rule().name(rule_of("deleted")).send().await.unwrap();
        controller.start();
        // Only a full read shows the tags: after a change of the spec, once a day, and on request.
        for name in ["retagged", "untagged"] {
            let request = ["annotate", KIND, name, "lambda-triggers.dev/reconcile=now"];
            env.kubectl(&request, "").await.expect("kubectl annotate");
        }

        let repaired = [
            ("disabled", "settings"),
            ("rescheduled", "settings"),
            ("described", "settings"),
            ("untargeted", "target"),
            ("retargeted", "target"),
            ("transformed", "target"),
            ("retagged", "tags"),
            ("untagged", "tags"),
        ];
        for (name, what) in repaired {
            let note = format!("reverted a change of the rule {}: {what}", rule_of(name));
            wait_for_events(&env, name, &[created(&env, name), event("Warning", "DriftRepaired", note)])
                .await;
        }
        let note = format!("restored the rule {}, which was deleted", rule_of("deleted"));
        wait_for_events(
            &env,
            "deleted",
            &[created(&env, "deleted"), event("Warning", "DriftRepaired", note)],
        )
        .await;
        wait_for_rules(&env, &expected).await;
        let input_path =
            env.events().list_targets_by_rule().rule(rule_of("transformed")).send().await.unwrap();
        assert_eq!(input_path.targets()[0].input_path(), None);
        assert_no_writes_at_rest(&env, KIND, &names).await;
    });
}

#[test]
fn a_removed_or_changed_permission_is_restored() {
    env::test("drift-permission", async |env| {
        let mut controller = env.controller(&RESYNC_1S);
        create_in_place(&env, &["removed", "changed"]).await;
        let remove = |name| env.lambda().remove_permission().function_name(name).statement_id(STATEMENT);
        remove("removed").send().await.unwrap();
        // Two calls replace the statement by a statement for a foreign rule. The operator must not reconcile between
        // these calls.
        controller.stop().await;
        remove("changed").send().await.unwrap();
        let foreign = env.lambda().add_permission().function_name("changed").statement_id(STATEMENT);
        let foreign = foreign.action("lambda:InvokeFunction").principal("events.amazonaws.com");
        let foreign = foreign.source_arn(format!("arn:aws:events:eu-west-1:{}:rule/theirs", env.account()));
        foreign.send().await.unwrap();
        controller.start();

        for name in ["removed", "changed"] {
            let note = format!("restored the permission for EventBridge to invoke {name}");
            wait_for_events(&env, name, &[created(&env, name), event("Warning", "DriftRepaired", note)])
                .await;
            let function = format!("arn:aws:lambda:eu-west-1:{}:function:{name}", env.account());
            let expected = json!([statement(&env, &function)]);
            let what = format!("the policy of {name} to be {expected}");
            env.until(crate::support::LIMIT, &what, async || {
                let found = policy(&env, name).await;
                if found == expected { Ok(()) } else { Err(found) }
            })
            .await;
        }
        assert_no_writes_at_rest(&env, KIND, &["removed", "changed"]).await;
    });
}

#[test]
fn foreign_targets_and_tags_are_kept() {
    env::test("added", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let mut expected = create_in_place(&env, &["hourly"]).await;
        let rule = rule_name(&env, "hourly");
        let other = env.function("other").await;
        put_target(&env, &rule, "theirs", &other, None).await;
        tag(&env, &rule, "cost-centre", "7").await;
        let rule_with_additions = expected.get_mut(&rule).unwrap();
        rule_with_additions.tags.insert("cost-centre".into(), "7".into());
        rule_with_additions.targets.push(Target {
            id: "theirs".into(),
            arn: other,
            input: None,
            retry: None,
            dead_letter_queue_arn: None,
        });
        assert_eq!(rules(&env).await, expected);
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;
        assert_eq!(rules(&env).await, expected);

        env.apply(&scheduled("hourly", "hourly", "schedule: rate(2 hours)\ndescription: ours")).await;
        let rule_with_additions = expected.get_mut(&rule).unwrap();
        rule_with_additions.expression = "rate(2 hours)".into();
        rule_with_additions.description = "ours".into();
        wait_for_rules(&env, &expected).await;
    });
}

/// The conditions of an object whose name belongs to a foreign rule.
pub fn not_ours(env: &TestEnv, name: &str, rule: &str) -> Vec<Condition> {
    let message = format!(
        "the rule {rule} in eu-west-1 exists and is not touched: its tags do not name {}/{name} and the owner \
         id 0a1b2c3d; delete that rule, or give this resource another name",
        env.namespace()
    );
    failed("Stalled", "ConflictingRule", &message, &[], "RuleReady")
}
