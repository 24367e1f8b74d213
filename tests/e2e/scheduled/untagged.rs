//! Rules without the operator's tags. The operator deletes a rule if the status proves ownership; otherwise the
//! deletion is blocked and names the rule.

use lambda_triggers_tests::env::{self, TestEnv};

use super::drift::{put_target, tag, untag_all};
use super::view::{KIND, Rules, STATEMENT, functions, plain_rules, rule_name, rules};
use crate::objects::{
    Condition, NO_RESYNC, OWNER, RESYNC_1S, assert_no_writes_at_rest, condition, event, events_of, failed,
    wait_for_conditions,
};
use crate::support::{AwsView, scheduled};

const NOTHING: [&str; 0] = [];
const OWNER_TAG: &str = "lambda-triggers.dev/owner";
const TARGET: &str = "lt-0a1b2c3d-function";

/// Creates the object `hourly` with its own function, and returns the name of its rule.
async fn create_in_place(env: &TestEnv) -> String {
    functions(env, &["hourly"]).await;
    env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
    env.until_ready(KIND, "hourly").await;
    assert_eq!(rules(env).await, plain_rules(env, &["hourly"]).await);
    rule_name(env, "hourly")
}

async fn untag(env: &TestEnv, rule: &str) {
    let tags = rules(env).await[rule].tags.clone();
    untag_all(env, rule, &tags.keys().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn delete_rule(env: &TestEnv, rule: &str) {
    env.events().remove_targets().rule(rule).ids(TARGET).send().await.unwrap();
    env.events().delete_rule().name(rule).send().await.unwrap();
}

fn unknown_ownership(env: &TestEnv) -> String {
    format!(
        "it may belong to this resource, but its ownership tags are missing. If it does, set its tags \
         lambda-triggers.dev/kind={KIND}, lambda-triggers.dev/name=hourly, lambda-triggers.dev/namespace={}, \
         {OWNER_TAG}={OWNER}; if not, set its tag {OWNER_TAG}=none",
        env.namespace()
    )
}

/// The conditions of an object whose deletion is blocked by a rule of unknown ownership.
fn blocked(env: &TestEnv) -> Vec<Condition> {
    let message = format!(
        "the rule {} in eu-west-1 is not deleted: {}",
        rule_name(env, "hourly"),
        unknown_ownership(env)
    );
    let all = [("Ready", "False"), ("Stalled", "True"), ("RuleReady", "False")];
    all.map(|(kind, status)| condition(kind, status, "ConflictingRule", &message)).to_vec()
}

/// Waits until the deletion is blocked and the event is emitted.
async fn wait_until_blocked(env: &TestEnv) {
    let blocked = blocked(env);
    wait_for_conditions(env, KIND, "hourly", &blocked).await;
    let last = events_of(env, "hourly").await.pop();
    assert_eq!(last, Some(event("Warning", "DeletionBlocked", blocked[0][3].clone())));
}

#[test]
fn an_untagged_rule_is_deleted_with_its_resource() {
    env::test("unmarked-deleted", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let rule = create_in_place(&env).await;
        untag(&env, &rule).await;
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("hourly", None).await, NOTHING);
    });
}

#[test]
fn a_foreign_rule_with_the_same_name_blocks_the_deletion() {
    env::test("unmarked-by-hand", async |env| {
        let mut controller = env.controller(&RESYNC_1S);
        functions(&env, &["other"]).await;
        let rule = create_in_place(&env).await;
        let other = format!("arn:aws:lambda:eu-west-1:{}:function:other", env.account());
        // The operator must not reconcile between these calls.
        controller.stop().await;
        delete_rule(&env, &rule).await;
        env.events().put_rule().name(&rule).schedule_expression("rate(7 days)").send().await.unwrap();
        put_target(&env, &rule, "1", &other, None).await;
        controller.start();
        let foreign = rules(&env).await;
        let message = format!(
            "the rule {rule} in eu-west-1 exists and is not touched: {}; delete that rule, or give this resource another \
             name",
            unknown_ownership(&env)
        );
        let stalled = failed("Stalled", "ConflictingRule", &message, &[], "RuleReady");
        wait_for_conditions(&env, KIND, "hourly", &stalled).await;
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;

        env.delete(KIND, "hourly").await;
        wait_until_blocked(&env).await;
        assert_eq!(rules(&env).await, foreign);
        assert_eq!(env.statements("hourly", None).await, [STATEMENT]);

        tag(&env, &rule, OWNER_TAG, "none").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&env).await.into_keys().collect::<Vec<_>>(), [rule]);
        assert_eq!(env.statements("hourly", None).await, NOTHING);
    });
}

#[test]
fn an_untagged_rule_blocks_the_deletion_of_a_restored_object() {
    env::test("unmarked-restored", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        let rule = create_in_place(&env).await;
        let original_tags = rules(&env).await[&rule].tags.clone();
        untag(&env, &rule).await;
        controller.stop().await;
        // The object is restored from a backup without status, and deleted before the operator reconciles it.
        let patch = |finalizers: &str| format!(r#"{{"metadata":{{"finalizers":{finalizers}}}}}"#);
        let set_finalizers = async |finalizers: &str| {
            let patch = patch(finalizers);
            let patch = ["patch", KIND, "hourly", "--type=merge", "--patch", &patch];
            env.kubectl(&patch, "").await.expect("kubectl patch");
        };
        set_finalizers("null").await;
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        set_finalizers(r#"["lambda-triggers.dev/aws-cleanup"]"#).await;
        env.delete(KIND, "hourly").await;
        controller.start();
        wait_until_blocked(&env).await;

        for (key, value) in original_tags.iter().filter(|(key, _)| !key.ends_with("/uid")) {
            tag(&env, &rule, key, value).await;
        }
        controller.stop().await;
        controller.start();
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("hourly", None).await, NOTHING);
    });
}
