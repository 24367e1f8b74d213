//! Resources on one function share a statement. The operator removes the statement with the last resource.

use lambda_triggers_tests::env;
use serde_json::json;

use super::view::{KIND, Rules, STATEMENT, plain_rule, policy, rule_name, rules, statement};
use crate::objects::{NO_RESYNC, RESYNC_1S};
use crate::support::{AwsView, LIMIT, scheduled};

const NOTHING: [&str; 0] = [];

fn on_one_function(name: &str) -> String {
    scheduled(name, "both", "schedule: rate(1 hour)")
}

#[test]
fn the_shared_statement_is_removed_with_the_last_resource() {
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
        assert_eq!(env.statements("both", None).await, NOTHING);
        assert_eq!(rules(&env).await, Rules::new());
    });
}

#[test]
fn a_resync_lists_all_rules_at_once() {
    env::test("listed", async |env| {
        env.function("both").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&[on_one_function("first"), on_one_function("second")].join("---\n")).await;
        for name in ["first", "second"] {
            env.until_ready(KIND, name).await;
        }
        let count = |operation: &str| env.aws_proxy().count(env.account(), operation);
        // The first reads after the creation are not part of a resync.
        let reads_after_creation = count("ListTargetsByRule");
        env.until(LIMIT, "a resync", async || {
            (count("ListTargetsByRule") > reads_after_creation + 2).then_some(())
        })
        .await;
        env.aws_proxy().clear_calls(env.account());
        env.until(LIMIT, "three resyncs", async || (count("ListTargetsByRule") >= 6).then_some(())).await;
        assert!(count("ListRules") > 0);
        assert_eq!(count("DescribeRule"), 0);
        assert_eq!(env.aws_writes(), []);
    });
}

#[test]
fn ten_simultaneous_deletions_leave_nothing() {
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
        assert_eq!(env.statements("both", None).await, NOTHING);
    });
}

#[test]
fn a_resource_created_during_a_deletion_has_its_statement() {
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
