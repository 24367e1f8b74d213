//! A live object that moves to another function, alias or Region: the new is made, and nothing of the old is left.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{KIND, Rules, STATEMENT, plain_rule, rule_name, rules, rules_in};
use crate::objects::NO_RESYNC;
use crate::support::{AwsView, publish, scheduled};

const NOBODY: [&str; 0] = [];
const ELSEWHERE: &str = "us-east-1";

/// A manifest that names the function as given.
fn on(function: &str, spec: &str) -> String {
    let plain = scheduled("hourly", "unset", &format!("schedule: rate(1 hour)\n{spec}"));
    plain.replace("{name: unset}", function)
}

fn lambda_elsewhere(env: &TestEnv) -> aws_sdk_lambda::Client {
    let region = aws_sdk_lambda::config::Region::new(ELSEWHERE);
    aws_sdk_lambda::Client::from_conf(env.lambda().config().to_builder().region(region).build())
}

async fn statements_elsewhere(env: &TestEnv, function: &str) -> Option<String> {
    let policy = lambda_elsewhere(env).get_policy().function_name(function).send().await.ok()?;
    policy.policy
}

/// A function that nobody invokes, since no test waits an hour: an empty archive will do.
async fn function_elsewhere(env: &TestEnv, name: &str) -> String {
    let empty_archive = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let create = lambda_elsewhere(env)
        .create_function()
        .function_name(name)
        .runtime(Runtime::Python312)
        .handler("index.handler")
        .role(format!("arn:aws:iam::{}:role/test", env.account()))
        .code(FunctionCode::builder().zip_file(Blob::new(empty_archive)).build());
    create.send().await.unwrap().function_arn.unwrap()
}

/// Gives a function the alias `live`, and returns the alias's ARN.
async fn alias(env: &TestEnv, function: &str) -> String {
    let version = publish(env, function).await;
    let create = env.lambda().create_alias().function_name(function).name("live").function_version(version);
    create.send().await.unwrap().alias_arn.unwrap()
}

async fn until_only_rule_runs(env: &TestEnv, target: &str) {
    env.until_ready(KIND, "hourly").await;
    let expected = Rules::from([(rule_name(env, "hourly"), plain_rule(env, "hourly", target).await)]);
    assert_eq!(rules(env).await, expected);
}

#[test]
fn to_another_function_and_its_alias_and_back() {
    env::test("moved", async |env| {
        let first = env.function("first").await;
        let second = env.function("second").await;
        let live = alias(&env, "second").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&on("{name: first}", "")).await;
        until_only_rule_runs(&env, &first).await;

        env.apply(&on("{name: second}", "")).await;
        until_only_rule_runs(&env, &second).await;
        assert_eq!(env.statements("first", None).await, NOBODY);
        assert_eq!(env.statements("second", None).await, [STATEMENT]);

        env.apply(&on("{name: second, qualifier: live}", "")).await;
        until_only_rule_runs(&env, &live).await;
        assert_eq!(env.statements("second", None).await, NOBODY);
        assert_eq!(env.statements("second", Some("live")).await, [STATEMENT]);

        env.aws_proxy().clear_calls(env.account());
        env.apply(&on(&format!("{{arn: '{live}'}}"), "")).await;
        until_only_rule_runs(&env, &live).await;
        assert_eq!(env.aws_writes(), vec![], "it is the same function by another name");

        env.apply(&on(&format!("{{arn: '{first}'}}"), "")).await;
        until_only_rule_runs(&env, &first).await;
        assert_eq!(env.statements("second", Some("live")).await, NOBODY);

        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("first", None).await, NOBODY);
    });
}

#[test]
fn to_another_region_and_back() {
    env::test("region", async |env| {
        let here = env.function("hourly").await;
        let there = function_elsewhere(&env, "hourly").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&on("{name: hourly}", "")).await;
        until_only_rule_runs(&env, &here).await;
        let rule = |target: String| {
            let env = env.clone();
            async move { Rules::from([(rule_name(&env, "hourly"), plain_rule(&env, "hourly", &target).await)]) }
        };

        env.apply(&on("{name: hourly}", &format!("region: {ELSEWHERE}"))).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(rules_in(&env, ELSEWHERE).await, rule(there.clone()).await);
        assert_eq!(env.statements("hourly", None).await, NOBODY);

        env.apply(&on("{name: hourly}", "")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&env).await, rule(here).await);
        assert_eq!(rules_in(&env, ELSEWHERE).await, Rules::new());
        assert_eq!(statements_elsewhere(&env, "hourly").await, None);

        env.apply(&on(&format!("{{arn: '{there}'}}"), "")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(rules_in(&env, ELSEWHERE).await, rule(there).await, "the Region of an ARN counts");

        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules_in(&env, ELSEWHERE).await, Rules::new());
        assert_eq!(statements_elsewhere(&env, "hourly").await, None);
    });
}
