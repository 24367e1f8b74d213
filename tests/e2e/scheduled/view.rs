//! Expected and actual state of schedules in EventBridge and Lambda, as values that can be compared as wholes.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::config::Region;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_tests::env::{REGION, TestEnv};
use serde_json::{Value, json};

use crate::objects::{Condition, OWNER, condition, owner};
use crate::support::{LIMIT, Rule, Target, rule};

/// The kind under test.
pub const KIND: &str = "ScheduledFunction";
/// The Sid of the statement that all rules of the operator share.
pub const STATEMENT: &str = "lt-0a1b2c3d-rules";
/// The message of `Ready` for an object in sync.
pub const IN_PLACE: &str = "the rule is in place";

/// All rules of a Region, by name.
pub type Rules = BTreeMap<String, Rule>;

/// The name of an object's rule.
pub fn rule_name(env: &TestEnv, name: &str) -> String {
    ObjectKey::new(env.namespace(), name).rule_name(&owner(), KIND)
}

/// The EventBridge client of a Region.
pub fn events_in(env: &TestEnv, region: &str) -> aws_sdk_eventbridge::Client {
    let config = env.events().config().to_builder().region(Region::new(region.to_owned()));
    aws_sdk_eventbridge::Client::from_conf(config.build())
}

/// All rules of a Region.
pub async fn rules_in(env: &TestEnv, region: &str) -> Rules {
    let events = events_in(env, region);
    let mut rules = Rules::new();
    for found in events.list_rules().send().await.unwrap().rules() {
        let name = found.name().unwrap().to_owned();
        if let Some(rule) = rule(&events, &name).await {
            rules.insert(name, rule);
        }
    }
    rules
}

/// All rules of the operator's Region.
pub async fn rules(env: &TestEnv) -> Rules {
    rules_in(env, REGION).await
}

/// The rule of an object with only `schedule: rate(1 hour)`; `function` is the function's ARN.
pub async fn plain_rule(env: &TestEnv, name: &str, function: &str) -> Rule {
    let object = env.object(KIND, name).await.unwrap();
    let own = Api::<Namespace>::all(env.kube().clone()).get(env.namespace()).await.unwrap();
    let tags = [
        ("lambda-triggers.dev/cluster", own.uid().unwrap()),
        ("lambda-triggers.dev/kind", KIND.to_owned()),
        ("lambda-triggers.dev/name", name.to_owned()),
        ("lambda-triggers.dev/namespace", env.namespace().to_owned()),
        ("lambda-triggers.dev/owner", OWNER.to_owned()),
        ("lambda-triggers.dev/uid", object["metadata"]["uid"].as_str().unwrap().to_owned()),
    ];
    Rule {
        expression: "rate(1 hour)".into(),
        description: String::new(),
        enabled: true,
        tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        targets: vec![Target {
            id: format!("lt-{OWNER}-function"),
            arn: function.into(),
            input: None,
            retry: None,
            dead_letter_queue_arn: None,
        }],
    }
}

/// The plain rules of these objects. Each object has a function with its own name.
pub async fn plain_rules(env: &TestEnv, names: &[&str]) -> Rules {
    let mut rules = Rules::new();
    for name in names {
        let function = format!("arn:aws:lambda:{REGION}:{}:function:{name}", env.account());
        rules.insert(rule_name(env, name), plain_rule(env, name, &function).await);
    }
    rules
}

/// Waits until the rules are exactly these.
pub async fn wait_for_rules(env: &TestEnv, expected: &Rules) {
    env.until(LIMIT, &format!("the rules to be {expected:#?}"), async || {
        let found = rules(env).await;
        if found == *expected { Ok(()) } else { Err(format!("{found:#?}")) }
    })
    .await;
}

/// Waits until an object has this rule.
pub async fn wait_for_rule(env: &TestEnv, name: &str, expected: &Rule) {
    env.until(LIMIT, &format!("the rule of {name} to be {expected:#?}"), async || {
        let found = rule(env.events(), &rule_name(env, name)).await.ok_or("none")?;
        if found == *expected { Ok(()) } else { Err(format!("{found:#?}")) }
    })
    .await;
}

/// All statements in a function's policy.
pub async fn policy(env: &TestEnv, function: &str) -> Value {
    let policy = env.lambda().get_policy().function_name(function).send().await.unwrap();
    let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
    policy["Statement"].clone()
}

/// The statement that permits the operator's rules to invoke a function in its Region.
pub fn statement(env: &TestEnv, function: &str) -> Value {
    let rules = format!("arn:aws:events:{REGION}:{}:rule/lt-{OWNER}-*", env.account());
    json!({
        "Sid": STATEMENT,
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": function,
        "Condition": {"ArnLike": {"AWS:SourceArn": rules}},
    })
}

/// The conditions of an object in sync.
pub fn in_place() -> Vec<Condition> {
    let part = |name| condition(name, "True", "Applied", "");
    vec![
        condition("Ready", "True", "Applied", IN_PLACE),
        part("FunctionReady"),
        part("PermissionReady"),
        part("RuleReady"),
    ]
}

/// Creates a function for each name.
pub async fn functions(env: &TestEnv, names: &[&str]) {
    futures::future::join_all(names.iter().map(|name| env.function(name))).await;
}
