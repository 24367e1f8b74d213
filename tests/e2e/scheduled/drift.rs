//! What somebody changes by hand: put back at the next resync, with an event. What somebody adds: left alone.

use aws_sdk_eventbridge::types::Tag;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use super::view::{
    KIND, Rules, STATEMENT, functions, plain_rules, policy, rule_name, rules, statement, until_rules,
};
use crate::objects::{
    Condition, EmittedEvent, RESYNC_1S, event, failed, nothing_is_written_at_rest, until_events,
};
use crate::support::{Target, rule, scheduled};

/// Objects of these names, each with a function of its own, all in place.
async fn in_place_are(env: &TestEnv, names: &[&str]) -> Rules {
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

/// Somebody sets a target of a rule.
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

/// Somebody sets a tag of a rule.
pub async fn tag(env: &TestEnv, rule: &str, key: &str, value: &str) {
    let tag = Tag::builder().key(key).value(value).build().unwrap();
    env.events().tag_resource().resource_arn(arn(env, rule).await).tags(tag).send().await.unwrap();
}

async fn untag(env: &TestEnv, rule: &str, key: &str) {
    untag_all(env, rule, &[key]).await;
}

/// Somebody removes tags from a rule.
pub async fn untag_all(env: &TestEnv, rule: &str, keys: &[&str]) {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let untag = env.events().untag_resource().resource_arn(arn(env, rule).await).set_tag_keys(Some(keys));
    untag.send().await.unwrap();
}

#[test]
fn what_was_changed_by_hand_is_put_back() {
    const OURS: &str = "lt-0a1b2c3d-function";
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
        let expected = in_place_are(&env, &names).await;
        let r = |name: &str| rule_name(&env, name);
        let other = env.function("other").await;

        env.events().disable_rule().name(r("disabled")).send().await.unwrap();
        let put = |name: &str| env.events().put_rule().name(r(name));
        put("rescheduled").schedule_expression("rate(1 minute)").send().await.unwrap();
        put("described").schedule_expression("rate(1 hour)").description("mine now").send().await.unwrap();
        remove_target(&env, &r("untargeted"), OURS).await;
        put_target(&env, &r("retargeted"), OURS, &other, None).await;
        let transformed = rule(env.events(), &r("transformed")).await.unwrap().targets[0].arn.clone();
        put_target(&env, &r("transformed"), OURS, &transformed, Some("$.detail")).await;
        untag(&env, &r("retagged"), "lambda-triggers.dev/uid").await;
        let tags = expected[&r("untagged")].tags.keys().map(String::as_str).collect::<Vec<_>>();
        untag_all(&env, &r("untagged"), &tags).await;
        // It takes two calls, between which nobody is to look.
        controller.stop().await;
        remove_target(&env, &r("deleted"), OURS).await;
        env.events().delete_rule().name(r("deleted")).send().await.unwrap();
        controller.start();

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
            let note = format!("put back what was changed on the rule {}: {what}", r(name));
            until_events(&env, name, &[created(&env, name), event("Warning", "DriftRepaired", note)]).await;
        }
        let note = format!("put back the rule {}, which was gone", r("deleted"));
        until_events(&env, "deleted", &[created(&env, "deleted"), event("Warning", "DriftRepaired", note)])
            .await;
        until_rules(&env, &expected).await;
        let input_path = env.events().list_targets_by_rule().rule(r("transformed")).send().await.unwrap();
        assert_eq!(input_path.targets()[0].input_path(), None);
        nothing_is_written_at_rest(&env, KIND, &names).await;
    });
}

#[test]
fn a_permission_that_was_removed_or_changed_by_hand_is_put_back() {
    env::test("drift-permission", async |env| {
        let mut controller = env.controller(&RESYNC_1S);
        in_place_are(&env, &["removed", "changed"]).await;
        let remove = |name| env.lambda().remove_permission().function_name(name).statement_id(STATEMENT);
        remove("removed").send().await.unwrap();
        // Taken away, and put there anew for a rule of somebody else's: two calls, between which nobody is to look.
        controller.stop().await;
        remove("changed").send().await.unwrap();
        let theirs = env.lambda().add_permission().function_name("changed").statement_id(STATEMENT);
        let theirs = theirs.action("lambda:InvokeFunction").principal("events.amazonaws.com");
        let theirs = theirs.source_arn(format!("arn:aws:events:eu-west-1:{}:rule/theirs", env.account()));
        theirs.send().await.unwrap();
        controller.start();

        for name in ["removed", "changed"] {
            let note = format!("put back the permission for EventBridge to invoke {name}");
            until_events(&env, name, &[created(&env, name), event("Warning", "DriftRepaired", note)]).await;
            let function = format!("arn:aws:lambda:eu-west-1:{}:function:{name}", env.account());
            let expected = json!([statement(&env, &function)]);
            let what = format!("the policy of {name} to be {expected}");
            env.until(crate::support::LIMIT, &what, async || {
                let found = policy(&env, name).await;
                if found == expected { Ok(()) } else { Err(found) }
            })
            .await;
        }
        nothing_is_written_at_rest(&env, KIND, &["removed", "changed"]).await;
    });
}

#[test]
fn what_somebody_added_is_left_alone() {
    env::test("added", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let mut expected = in_place_are(&env, &["hourly"]).await;
        let rule = rule_name(&env, "hourly");
        let other = env.function("other").await;
        put_target(&env, &rule, "theirs", &other, None).await;
        tag(&env, &rule, "cost-centre", "7").await;
        let with_theirs = expected.get_mut(&rule).unwrap();
        with_theirs.tags.insert("cost-centre".into(), "7".into());
        with_theirs.targets.push(Target {
            id: "theirs".into(),
            arn: other,
            input: None,
            retry: None,
            dead_letter_queue_arn: None,
        });
        assert_eq!(rules(&env).await, expected);
        nothing_is_written_at_rest(&env, KIND, &["hourly"]).await;
        assert_eq!(rules(&env).await, expected);

        env.apply(&scheduled("hourly", "hourly", "schedule: rate(2 hours)\ndescription: ours")).await;
        let with_theirs = expected.get_mut(&rule).unwrap();
        with_theirs.expression = "rate(2 hours)".into();
        with_theirs.description = "ours".into();
        until_rules(&env, &expected).await;
    });
}

/// The conditions of an object whose rule was made by somebody else.
pub fn not_ours(env: &TestEnv, name: &str, rule: &str) -> Vec<Condition> {
    let message = format!(
        "the rule {rule} in eu-west-1 exists and is not touched: its tags do not say that it was made for {}/{name} \
         by the operator with owner id 0a1b2c3d; delete that rule, or give this resource another name",
        env.namespace()
    );
    failed("Stalled", "ConflictingRule", &message, &["FunctionReady"], "RuleReady")
}
