//! Changes of the function, alias or Region of an existing object. The operator creates the new resources and deletes
//! the old resources.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{KIND, Rules, STATEMENT, plain_rule, rule_name, rules, rules_in};
use crate::objects::NO_RESYNC;
use crate::support::{AwsView, publish, scheduled};

const NOTHING: [&str; 0] = [];
const OTHER_REGION: &str = "us-east-1";

/// A manifest with this function reference.
fn manifest_for(function: &str, spec: &str) -> String {
    let plain = scheduled("hourly", "unset", &format!("schedule: rate(1 hour)\n{spec}"));
    plain.replace("{name: unset}", function)
}

fn lambda_in_other_region(env: &TestEnv) -> aws_sdk_lambda::Client {
    let region = aws_sdk_lambda::config::Region::new(OTHER_REGION);
    aws_sdk_lambda::Client::from_conf(env.lambda().config().to_builder().region(region).build())
}

async fn policy_in_other_region(env: &TestEnv, function: &str) -> Option<String> {
    let policy = lambda_in_other_region(env).get_policy().function_name(function).send().await.ok()?;
    policy.policy
}

/// Creates a function with an empty archive. No test waits an hour, so the function is never invoked.
async fn function_in_other_region(env: &TestEnv, name: &str) -> String {
    let empty_archive = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let create = lambda_in_other_region(env)
        .create_function()
        .function_name(name)
        .runtime(Runtime::Python312)
        .handler("index.handler")
        .role(format!("arn:aws:iam::{}:role/test", env.account()))
        .code(FunctionCode::builder().zip_file(Blob::new(empty_archive)).build());
    create.send().await.unwrap().function_arn.unwrap()
}

/// Gives a function the alias `live`, and returns the ARN of the alias.
async fn alias(env: &TestEnv, function: &str) -> String {
    let version = publish(env, function).await;
    let create = env.lambda().create_alias().function_name(function).name("live").function_version(version);
    create.send().await.unwrap().alias_arn.unwrap()
}

async fn wait_for_only_rule(env: &TestEnv, target: &str) {
    env.until_ready(KIND, "hourly").await;
    let expected = Rules::from([(rule_name(env, "hourly"), plain_rule(env, "hourly", target).await)]);
    assert_eq!(rules(env).await, expected);
}

#[test]
fn a_new_function_or_alias_moves_rule_and_statement() {
    env::test("moved", async |env| {
        let first = env.function("first").await;
        let second = env.function("second").await;
        let live = alias(&env, "second").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&manifest_for("{name: first}", "")).await;
        wait_for_only_rule(&env, &first).await;

        env.apply(&manifest_for("{name: second}", "")).await;
        wait_for_only_rule(&env, &second).await;
        assert_eq!(env.statements("first", None).await, NOTHING);
        assert_eq!(env.statements("second", None).await, [STATEMENT]);

        env.apply(&manifest_for("{name: second, qualifier: live}", "")).await;
        wait_for_only_rule(&env, &live).await;
        assert_eq!(env.statements("second", None).await, NOTHING);
        assert_eq!(env.statements("second", Some("live")).await, [STATEMENT]);

        env.aws_proxy().clear_calls(env.account());
        env.apply(&manifest_for(&format!("{{arn: '{live}'}}"), "")).await;
        wait_for_only_rule(&env, &live).await;
        assert_eq!(env.aws_writes(), vec![], "it is the same function by another name");

        env.apply(&manifest_for(&format!("{{arn: '{first}'}}"), "")).await;
        wait_for_only_rule(&env, &first).await;
        assert_eq!(env.statements("second", Some("live")).await, NOTHING);

        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("first", None).await, NOTHING);
    });
}

#[test]
fn a_new_region_moves_rule_and_statement() {
    env::test("region", async |env| {
        let function = env.function("hourly").await;
        let function_in_region = function_in_other_region(&env, "hourly").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&manifest_for("{name: hourly}", "")).await;
        wait_for_only_rule(&env, &function).await;
        let rule = |target: String| {
            let env = env.clone();
            async move { Rules::from([(rule_name(&env, "hourly"), plain_rule(&env, "hourly", &target).await)]) }
        };

        env.apply(&manifest_for("{name: hourly}", &format!("region: {OTHER_REGION}"))).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(rules_in(&env, OTHER_REGION).await, rule(function_in_region.clone()).await);
        assert_eq!(env.statements("hourly", None).await, NOTHING);

        env.apply(&manifest_for("{name: hourly}", "")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&env).await, rule(function).await);
        assert_eq!(rules_in(&env, OTHER_REGION).await, Rules::new());
        assert_eq!(policy_in_other_region(&env, "hourly").await, None);

        env.apply(&manifest_for(&format!("{{arn: '{function_in_region}'}}"), "")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(
            rules_in(&env, OTHER_REGION).await,
            rule(function_in_region).await,
            "the Region of an ARN counts"
        );

        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules_in(&env, OTHER_REGION).await, Rules::new());
        assert_eq!(policy_in_other_region(&env, "hourly").await, None);
    });
}
