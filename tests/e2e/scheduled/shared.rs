//! Two resources on one function share one statement, which goes with the last of them.

use lambda_triggers_tests::env;
use serde_json::json;

use super::view::{KIND, Rules, STATEMENT, plain_rule, policy, rule_name, rules, statement};
use crate::objects::{NO_RESYNC, RESYNC_1S};
use crate::support::{AwsView, LIMIT, scheduled};

const NOBODY: [&str; 0] = [];

fn on_one_function(name: &str) -> String {
    scheduled(name, "both", "schedule: rate(1 hour)")
}

#[test]
fn the_statement_goes_with_the_last() {
    env::test("shared", async |env| {
        let function = env.function("both").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&[on_one_function("first"), on_one_function("second")].join("---\n")).await;
        env.until_ready(KIND, "first").await;
        env.until_ready(KIND, "second").await;
        assert_eq!(policy(&env, "both").await, json!([statement(&env, &function)]));
        assert_eq!(env.aws_proxy().count(env.account(), "AddPermission"), 1);

        env.delete(KIND, "first").await;
        env.until_gone(KIND, "first").await;
        assert_eq!(policy(&env, "both").await, json!([statement(&env, &function)]));
        let second = Rules::from([(rule_name(&env, "second"), plain_rule(&env, "second", &function).await)]);
        assert_eq!(rules(&env).await, second);

        env.delete(KIND, "second").await;
        env.until_gone(KIND, "second").await;
        assert_eq!(env.statements("both", None).await, NOBODY);
        assert_eq!(rules(&env).await, Rules::new());
    });
}

#[test]
fn at_rest_rules_are_listed_together() {
    env::test("listed", async |env| {
        env.function("both").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&[on_one_function("first"), on_one_function("second")].join("---\n")).await;
        for name in ["first", "second"] {
            env.until_ready(KIND, name).await;
        }
        let count = |operation: &str| env.aws_proxy().count(env.account(), operation);
        // The first look at what was just made is no resync.
        let made = count("ListTargetsByRule");
        env.until(LIMIT, "a resync", async || (count("ListTargetsByRule") > made + 2).then_some(())).await;
        env.aws_proxy().clear_calls(env.account());
        env.until(LIMIT, "three resyncs", async || (count("ListTargetsByRule") >= 6).then_some(())).await;
        assert!(count("ListRules") > 0);
        assert_eq!(count("DescribeRule"), 0);
        assert_eq!(env.aws_writes(), []);
    });
}

#[test]
fn ten_deleted_at_once_leave_nothing() {
    env::test("at-once", async |env| {
        env.function("both").await;
        let _controller = env.controller(&NO_RESYNC);
        let names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
        let manifests: Vec<String> = names.iter().map(|name| on_one_function(name)).collect();
        env.apply(&manifests.join("---\n")).await;
        for name in &names {
            env.until_ready(KIND, name).await;
        }
        assert_eq!(env.statements("both", None).await, [STATEMENT]);
        assert_eq!(env.aws_proxy().count(env.account(), "AddPermission"), 1);

        env.kubectl(&["delete", KIND, "--all", "--wait=false"], "").await.expect("kubectl delete");
        for name in &names {
            env.until_gone(KIND, name).await;
        }
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("both", None).await, NOBODY);
    });
}

#[test]
fn one_that_comes_while_the_other_goes_has_its_statement() {
    env::test("come-and-go", async |env| {
        let function = env.function("both").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&on_one_function("one0")).await;
        env.until_ready(KIND, "one0").await;
        for number in 0..5 {
            let (old, new) = (format!("one{number}"), format!("one{}", number + 1));
            env.delete(KIND, &old).await;
            env.apply(&on_one_function(&new)).await;
            env.until_ready(KIND, &new).await;
            env.until_gone(KIND, &old).await;
            assert_eq!(
                policy(&env, "both").await,
                json!([statement(&env, &function)]),
                "after {new} took the place of {old}"
            );
        }
    });
}
