//! Default tags of rules and functions: the tags of the spec win, and a changed flag updates the tags.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use crate::deployed::view::{self as deployed, function};
use crate::objects::{OWNER, event, events_of, failed, wait_for_conditions};
use crate::scheduled::view::{KIND, rule_name, rules};

fn flags(tags: &str) -> [String; 4] {
    ["--owner-id", OWNER, "--default-tags", tags].map(ToOwned::to_owned)
}

/// The tags of the rule and the function, without the operator's own tags.
async fn tags(env: &TestEnv) -> [Value; 2] {
    let of_rule = json!(rules(env).await[&rule_name(env, "app")].tags);
    let of_function = function(env, "payroll").await.unwrap()["tags"].clone();
    [of_rule, of_function].map(|mut tags| {
        tags.as_object_mut().unwrap().retain(|key, _| !key.starts_with("lambda-triggers.dev/"));
        tags
    })
}

async fn wait_for_tags(env: &TestEnv, expected: &Value) {
    env.until(crate::support::LIMIT, &format!("both to have the tags {expected}"), async || {
        let found = tags(env).await;
        if found.iter().all(|tags| tags == expected) { Ok(()) } else { Err(json!(found)) }
    })
    .await;
}

#[test]
fn default_tags_are_set_updated_and_removed() {
    env::test("default-tags", async |env| {
        let operator = |tags: &str| {
            let flags = flags(tags);
            env.controller(&flags.each_ref().map(String::as_str))
        };
        let mut controller = operator("team=platform,stage=test,cost-centre=1");
        let definition = deployed::with(
            deployed::definition(&env, "app"),
            json!({"functionName": "payroll", "tags": {"team": "media"}}),
        );
        let mut manifest = deployed::scheduled("app", &definition);
        manifest["spec"]["tags"] = json!({"team": "media"});
        deployed::apply(&env, &manifest).await;
        env.until_ready(KIND, "app").await;
        wait_for_tags(&env, &json!({"team": "media", "stage": "test", "cost-centre": "1"})).await;
        controller.stop().await;
        let before = events_of(&env, "app").await;

        let mut controller = operator("team=platform,stage=live");
        wait_for_tags(&env, &json!({"team": "media", "stage": "live"})).await;
        env.until_ready(KIND, "app").await;
        let updated = [
            event("Normal", "FunctionUpdated", "updated the function payroll: tags"),
            event("Normal", "RuleUpdated", format!("updated the rule {}: tags", rule_name(&env, "app"))),
        ];
        assert_eq!(events_of(&env, "app").await, [&before[..], &updated].concat());
        controller.stop().await;

        let mut controller = env.controller(&["--owner-id", OWNER]);
        wait_for_tags(&env, &json!({"team": "media"})).await;
        env.until_ready(KIND, "app").await;
        controller.stop().await;

        // A function has at most 50 tags: 40 tags of the spec and the operator's own tags leave room for three default
        // tags.
        let of_spec: serde_json::Map<String, Value> = (0..40).map(|n| (format!("{n}"), json!(""))).collect();
        let _controller = operator("a=1,b=2,c=3,d=4,e=5");
        manifest["spec"]["function"]["definition"]["tags"] = Value::Object(of_spec);
        deployed::apply(&env, &manifest).await;
        let message = "spec.function.definition.tags: with the operator's default tags and ownership tags, \
                       these are 51 tags, but AWS permits 50: remove 1 from spec.function.definition.tags or \
                       from --default-tags";
        let stalled = failed("Stalled", "InvalidSpec", message, &[], "FunctionReady");
        wait_for_conditions(&env, KIND, "app", &stalled).await;
    });
}
