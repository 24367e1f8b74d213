//! Two resources on one function share one statement, which goes with the last of them.

use lambda_triggers_tests::world;
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
    world::test("shared", async |w| {
        let function = w.function("both").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&[on_one_function("first"), on_one_function("second")].join("---\n")).await;
        w.until_ready(KIND, "first").await;
        w.until_ready(KIND, "second").await;
        assert_eq!(policy(&w, "both").await, json!([statement(&w, &function)]));
        assert_eq!(w.aws_proxy().count(w.account(), "AddPermission"), 1);

        w.delete(KIND, "first").await;
        w.until_gone(KIND, "first").await;
        assert_eq!(policy(&w, "both").await, json!([statement(&w, &function)]));
        let second = Rules::from([(rule_name(&w, "second"), plain_rule(&w, "second", &function).await)]);
        assert_eq!(rules(&w).await, second);

        w.delete(KIND, "second").await;
        w.until_gone(KIND, "second").await;
        assert_eq!(w.statements("both", None).await, NOBODY);
        assert_eq!(rules(&w).await, Rules::new());
    });
}

#[test]
fn at_rest_rules_are_listed_together() {
    world::test("listed", async |w| {
        w.function("both").await;
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&[on_one_function("first"), on_one_function("second")].join("---\n")).await;
        for name in ["first", "second"] {
            w.until_ready(KIND, name).await;
        }
        let count = |operation: &str| w.aws_proxy().count(w.account(), operation);
        // The first look at what was just made is no resync.
        let made = count("ListTargetsByRule");
        w.until(LIMIT, "a resync", async || (count("ListTargetsByRule") > made + 2).then_some(())).await;
        w.aws_proxy().clear_calls(w.account());
        w.until(LIMIT, "three resyncs", async || (count("ListTargetsByRule") >= 6).then_some(())).await;
        assert!(count("ListRules") > 0);
        assert_eq!(count("DescribeRule"), 0);
        assert_eq!(w.aws_writes(), []);
    });
}

#[test]
fn ten_deleted_at_once_leave_nothing() {
    world::test("at-once", async |w| {
        w.function("both").await;
        let _controller = w.controller(&NO_RESYNC);
        let names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
        let manifests: Vec<String> = names.iter().map(|name| on_one_function(name)).collect();
        w.apply(&manifests.join("---\n")).await;
        for name in &names {
            w.until_ready(KIND, name).await;
        }
        assert_eq!(w.statements("both", None).await, [STATEMENT]);
        assert_eq!(w.aws_proxy().count(w.account(), "AddPermission"), 1);

        w.kubectl(&["delete", KIND, "--all", "--wait=false"], "").await.expect("kubectl delete");
        for name in &names {
            w.until_gone(KIND, name).await;
        }
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(w.statements("both", None).await, NOBODY);
    });
}

#[test]
fn one_that_comes_while_the_other_goes_has_its_statement() {
    world::test("come-and-go", async |w| {
        let function = w.function("both").await;
        let _controller = w.controller(&NO_RESYNC);
        w.apply(&on_one_function("one0")).await;
        w.until_ready(KIND, "one0").await;
        for number in 0..5 {
            let (old, new) = (format!("one{number}"), format!("one{}", number + 1));
            w.delete(KIND, &old).await;
            w.apply(&on_one_function(&new)).await;
            w.until_ready(KIND, &new).await;
            w.until_gone(KIND, &old).await;
            assert_eq!(
                policy(&w, "both").await,
                json!([statement(&w, &function)]),
                "after {new} took the place of {old}"
            );
        }
    });
}
