//! What somebody changes by hand: put back at the next resync, with an event. What somebody adds: left alone.

use aws_sdk_eventbridge::types::Tag;
use lambda_triggers_tests::world::{self, World};
use serde_json::json;

use super::view::{
    KIND, Rules, STATEMENT, functions, plain_rules, policy, rule_name, rules, statement, until_rules,
};
use crate::objects::{Condition, RESYNC_1S, Told, event, failed, nothing_is_written_at_rest, until_told};
use crate::support::{Target, rule, scheduled};

/// Objects of these names, each with a function of its own, all in place.
async fn in_place_are(w: &World, names: &[&str]) -> Rules {
    functions(w, names).await;
    let manifests: Vec<String> =
        names.iter().map(|name| scheduled(name, name, "schedule: rate(1 hour)")).collect();
    w.apply(&manifests.join("---\n")).await;
    for name in names {
        w.until_ready(KIND, name).await;
    }
    let expected = plain_rules(w, names).await;
    assert_eq!(rules(w).await, expected);
    expected
}

fn created(w: &World, name: &str) -> Told {
    event("Normal", "RuleCreated", format!("created the rule {}", rule_name(w, name)))
}

/// Somebody sets a target of a rule.
pub async fn put_target(w: &World, rule: &str, id: &str, arn: &str, input_path: Option<&str>) {
    let target = aws_sdk_eventbridge::types::Target::builder().id(id).arn(arn);
    let target = target.set_input_path(input_path.map(Into::into)).build().unwrap();
    w.events().put_targets().rule(rule).targets(target).send().await.unwrap();
}

async fn remove_target(w: &World, rule: &str, id: &str) {
    w.events().remove_targets().rule(rule).ids(id).send().await.unwrap();
}

async fn arn(w: &World, rule: &str) -> String {
    w.events().describe_rule().name(rule).send().await.unwrap().arn.unwrap()
}

/// Somebody sets a tag of a rule.
pub async fn tag(w: &World, rule: &str, key: &str, value: &str) {
    let tag = Tag::builder().key(key).value(value).build().unwrap();
    w.events().tag_resource().resource_arn(arn(w, rule).await).tags(tag).send().await.unwrap();
}

async fn untag(w: &World, rule: &str, key: &str) {
    untag_all(w, rule, &[key]).await;
}

/// Somebody removes tags from a rule.
pub async fn untag_all(w: &World, rule: &str, keys: &[&str]) {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let untag = w.events().untag_resource().resource_arn(arn(w, rule).await).set_tag_keys(Some(keys));
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
    world::test("drift", async |w| {
        let mut controller = w.controller(&RESYNC_1S);
        let expected = in_place_are(&w, &names).await;
        let r = |name: &str| rule_name(&w, name);
        let other = w.function("other").await;

        w.events().disable_rule().name(r("disabled")).send().await.unwrap();
        let put = |name: &str| w.events().put_rule().name(r(name));
        put("rescheduled").schedule_expression("rate(1 minute)").send().await.unwrap();
        put("described").schedule_expression("rate(1 hour)").description("mine now").send().await.unwrap();
        remove_target(&w, &r("untargeted"), OURS).await;
        put_target(&w, &r("retargeted"), OURS, &other, None).await;
        let transformed = rule(w.events(), &r("transformed")).await.unwrap().targets[0].arn.clone();
        put_target(&w, &r("transformed"), OURS, &transformed, Some("$.detail")).await;
        untag(&w, &r("retagged"), "lambda-triggers.dev/uid").await;
        let tags = expected[&r("untagged")].tags.keys().map(String::as_str).collect::<Vec<_>>();
        untag_all(&w, &r("untagged"), &tags).await;
        // It takes two calls, between which nobody is to look.
        controller.stop().await;
        remove_target(&w, &r("deleted"), OURS).await;
        w.events().delete_rule().name(r("deleted")).send().await.unwrap();
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
            until_told(&w, name, &[created(&w, name), event("Warning", "DriftRepaired", note)]).await;
        }
        let note = format!("put back the rule {}, which was gone", r("deleted"));
        until_told(&w, "deleted", &[created(&w, "deleted"), event("Warning", "DriftRepaired", note)]).await;
        until_rules(&w, &expected).await;
        let input_path = w.events().list_targets_by_rule().rule(r("transformed")).send().await.unwrap();
        assert_eq!(input_path.targets()[0].input_path(), None);
        nothing_is_written_at_rest(&w, KIND, &names).await;
    });
}

#[test]
fn a_permission_that_was_removed_or_changed_by_hand_is_put_back() {
    world::test("drift-permission", async |w| {
        let mut controller = w.controller(&RESYNC_1S);
        in_place_are(&w, &["removed", "changed"]).await;
        let remove = |name| w.lambda().remove_permission().function_name(name).statement_id(STATEMENT);
        remove("removed").send().await.unwrap();
        // Taken away, and put there anew for a rule of somebody else's: two calls, between which nobody is to look.
        controller.stop().await;
        remove("changed").send().await.unwrap();
        let theirs = w.lambda().add_permission().function_name("changed").statement_id(STATEMENT);
        let theirs = theirs.action("lambda:InvokeFunction").principal("events.amazonaws.com");
        let theirs = theirs.source_arn(format!("arn:aws:events:eu-west-1:{}:rule/theirs", w.account()));
        theirs.send().await.unwrap();
        controller.start();

        for name in ["removed", "changed"] {
            let note = format!("put back the permission for EventBridge to invoke {name}");
            until_told(&w, name, &[created(&w, name), event("Warning", "DriftRepaired", note)]).await;
            let function = format!("arn:aws:lambda:eu-west-1:{}:function:{name}", w.account());
            let expected = json!([statement(&w, &function)]);
            let what = format!("the policy of {name} to be {expected}");
            w.until(crate::support::LIMIT, &what, async || {
                let found = policy(&w, name).await;
                if found == expected { Ok(()) } else { Err(found) }
            })
            .await;
        }
        nothing_is_written_at_rest(&w, KIND, &["removed", "changed"]).await;
    });
}

#[test]
fn what_somebody_added_is_left_alone() {
    world::test("added", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let mut expected = in_place_are(&w, &["hourly"]).await;
        let rule = rule_name(&w, "hourly");
        let other = w.function("other").await;
        put_target(&w, &rule, "theirs", &other, None).await;
        tag(&w, &rule, "cost-centre", "7").await;
        let with_theirs = expected.get_mut(&rule).unwrap();
        with_theirs.tags.insert("cost-centre".into(), "7".into());
        with_theirs.targets.push(Target {
            id: "theirs".into(),
            arn: other,
            input: None,
            retry: None,
            dead_letter_queue_arn: None,
        });
        assert_eq!(rules(&w).await, expected);
        nothing_is_written_at_rest(&w, KIND, &["hourly"]).await;
        assert_eq!(rules(&w).await, expected);

        w.apply(&scheduled("hourly", "hourly", "schedule: rate(2 hours)\ndescription: ours")).await;
        let with_theirs = expected.get_mut(&rule).unwrap();
        with_theirs.expression = "rate(2 hours)".into();
        with_theirs.description = "ours".into();
        until_rules(&w, &expected).await;
    });
}

/// The conditions of an object whose rule was made by somebody else.
pub fn not_ours(w: &World, name: &str, rule: &str) -> Vec<Condition> {
    let message = format!(
        "the rule {rule} in eu-west-1 exists and is not touched: its tags do not say that it was made for {}/{name} \
         by the operator with owner id 0a1b2c3d; delete that rule, or give this resource another name",
        w.namespace()
    );
    failed("Stalled", "ConflictingRule", &message, &["FunctionReady"], "RuleReady")
}
