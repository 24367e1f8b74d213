//! A live object that moves to another function, alias or Region: the new is made, and nothing of the old is left.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use lambda_triggers_tests::world::{self, World};

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

fn lambda_elsewhere(w: &World) -> aws_sdk_lambda::Client {
    let region = aws_sdk_lambda::config::Region::new(ELSEWHERE);
    aws_sdk_lambda::Client::from_conf(w.lambda().config().to_builder().region(region).build())
}

async fn statements_elsewhere(w: &World, function: &str) -> Option<String> {
    let policy = lambda_elsewhere(w).get_policy().function_name(function).send().await.ok()?;
    policy.policy
}

/// A function that nobody invokes, since no test waits an hour: an empty archive will do.
async fn function_elsewhere(w: &World, name: &str) -> String {
    let empty_archive = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let create = lambda_elsewhere(w)
        .create_function()
        .function_name(name)
        .runtime(Runtime::Python312)
        .handler("index.handler")
        .role(format!("arn:aws:iam::{}:role/test", w.account()))
        .code(FunctionCode::builder().zip_file(Blob::new(empty_archive)).build());
    create.send().await.unwrap().function_arn.unwrap()
}

/// Gives a function the alias `live`, and returns the alias's ARN.
async fn alias(w: &World, function: &str) -> String {
    let version = publish(w, function).await;
    let create = w.lambda().create_alias().function_name(function).name("live").function_version(version);
    create.send().await.unwrap().alias_arn.unwrap()
}

async fn until_only_rule_runs(w: &World, target: &str) {
    w.until_ready(KIND, "hourly").await;
    let expected = Rules::from([(rule_name(w, "hourly"), plain_rule(w, "hourly", target).await)]);
    assert_eq!(rules(w).await, expected);
}

#[test]
fn to_another_function_and_its_alias_and_back() {
    world::test("moved", async |w| {
        let first = w.function("first").await;
        let second = w.function("second").await;
        let live = alias(&w, "second").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&on("{name: first}", "")).await;
        until_only_rule_runs(&w, &first).await;

        w.apply(&on("{name: second}", "")).await;
        until_only_rule_runs(&w, &second).await;
        assert_eq!(w.statements("first", None).await, NOBODY);
        assert_eq!(w.statements("second", None).await, [STATEMENT]);

        w.apply(&on("{name: second, qualifier: live}", "")).await;
        until_only_rule_runs(&w, &live).await;
        assert_eq!(w.statements("second", None).await, NOBODY);
        assert_eq!(w.statements("second", Some("live")).await, [STATEMENT]);

        w.aws_proxy().clear_calls(w.account());
        w.apply(&on(&format!("{{arn: '{live}'}}"), "")).await;
        until_only_rule_runs(&w, &live).await;
        assert_eq!(w.aws_writes(), vec![], "it is the same function by another name");

        w.apply(&on(&format!("{{arn: '{first}'}}"), "")).await;
        until_only_rule_runs(&w, &first).await;
        assert_eq!(w.statements("second", Some("live")).await, NOBODY);

        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(w.statements("first", None).await, NOBODY);
    });
}

#[test]
fn to_another_region_and_back() {
    world::test("region", async |w| {
        let here = w.function("hourly").await;
        let there = function_elsewhere(&w, "hourly").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&on("{name: hourly}", "")).await;
        until_only_rule_runs(&w, &here).await;
        let rule = |target: String| {
            let w = w.clone();
            async move { Rules::from([(rule_name(&w, "hourly"), plain_rule(&w, "hourly", &target).await)]) }
        };

        w.apply(&on("{name: hourly}", &format!("region: {ELSEWHERE}"))).await;
        w.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(rules_in(&w, ELSEWHERE).await, rule(there.clone()).await);
        assert_eq!(w.statements("hourly", None).await, NOBODY);

        w.apply(&on("{name: hourly}", "")).await;
        w.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&w).await, rule(here).await);
        assert_eq!(rules_in(&w, ELSEWHERE).await, Rules::new());
        assert_eq!(statements_elsewhere(&w, "hourly").await, None);

        w.apply(&on(&format!("{{arn: '{there}'}}"), "")).await;
        w.until_ready(KIND, "hourly").await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(rules_in(&w, ELSEWHERE).await, rule(there).await, "the Region of an ARN counts");

        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        assert_eq!(rules_in(&w, ELSEWHERE).await, Rules::new());
        assert_eq!(statements_elsewhere(&w, "hourly").await, None);
    });
}
