//! Rules without tags: deleted where the status proves ownership, else named in a blocked deletion.

use lambda_triggers_tests::world::{self, World};

use super::drift::{put_target, tag, untag_all};
use super::view::{KIND, Rules, STATEMENT, functions, plain_rules, rule_name, rules};
use crate::objects::{
    Condition, NO_RESYNC, OWNER, RESYNC_1S, condition, event, failed, nothing_is_written_at_rest, told,
    until_conditions,
};
use crate::support::{AwsView, scheduled};

const NOBODY: [&str; 0] = [];
const OWNER_TAG: &str = "lambda-triggers.dev/owner";
const TARGET: &str = "lt-0a1b2c3d-function";

/// An object `hourly` with a function of its own, in place.
async fn in_place(w: &World) -> String {
    functions(w, &["hourly"]).await;
    w.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
    w.until_ready(KIND, "hourly").await;
    assert_eq!(rules(w).await, plain_rules(w, &["hourly"]).await);
    rule_name(w, "hourly")
}

async fn untag(w: &World, rule: &str) {
    let tags = rules(w).await[rule].tags.clone();
    untag_all(w, rule, &tags.keys().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn delete_rule(w: &World, rule: &str) {
    w.events().remove_targets().rule(rule).ids(TARGET).send().await.unwrap();
    w.events().delete_rule().name(rule).send().await.unwrap();
}

fn unmarked(w: &World) -> String {
    format!(
        "it may have been made for this resource, and its tags do not say so any more. If it was, set its tags \
         lambda-triggers.dev/kind={KIND}, lambda-triggers.dev/name=hourly, lambda-triggers.dev/namespace={}, \
         {OWNER_TAG}={OWNER}; if it was not, set its tag {OWNER_TAG}=none",
        w.namespace()
    )
}

/// The conditions of an object with a rule of unknown ownership whose deletion waits.
fn blocked(w: &World) -> Vec<Condition> {
    let message = format!("the rule {} in eu-west-1 is not deleted: {}", rule_name(w, "hourly"), unmarked(w));
    let all = [("Ready", "False"), ("Stalled", "True"), ("RuleReady", "False")];
    all.map(|(kind, status)| condition(kind, status, "ConflictingRule", &message)).to_vec()
}

/// Waits until the deletion is blocked, with an event that says the same.
async fn until_blocked(w: &World) {
    let blocked = blocked(w);
    until_conditions(w, KIND, "hourly", &blocked).await;
    let last = told(w, "hourly").await.pop();
    assert_eq!(last, Some(event("Warning", "DeletionBlocked", blocked[0][3].clone())));
}

#[test]
fn a_rule_without_tags_is_deleted_with_its_resource() {
    world::test("unmarked-deleted", async |w| {
        let _controller = w.controller(&NO_RESYNC);
        let rule = in_place(&w).await;
        untag(&w, &rule).await;
        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(w.statements("hourly", None).await, NOBODY);
    });
}

#[test]
fn a_rule_made_by_hand_in_place_of_ours_blocks_the_deletion_until_a_tag_names_its_owner() {
    world::test("unmarked-by-hand", async |w| {
        let mut controller = w.controller(&RESYNC_1S);
        functions(&w, &["other"]).await;
        let rule = in_place(&w).await;
        let other = format!("arn:aws:lambda:eu-west-1:{}:function:other", w.account());
        // The operator must not look between these calls.
        controller.stop().await;
        delete_rule(&w, &rule).await;
        w.events().put_rule().name(&rule).schedule_expression("rate(7 days)").send().await.unwrap();
        put_target(&w, &rule, "1", &other, None).await;
        controller.start();
        let theirs = rules(&w).await;
        let message = format!(
            "the rule {rule} in eu-west-1 exists and is not touched: {}; delete that rule, or give this resource another \
             name",
            unmarked(&w)
        );
        let stalled = failed("Stalled", "ConflictingRule", &message, &["FunctionReady"], "RuleReady");
        until_conditions(&w, KIND, "hourly", &stalled).await;
        nothing_is_written_at_rest(&w, KIND, &["hourly"]).await;

        w.delete(KIND, "hourly").await;
        until_blocked(&w).await;
        assert_eq!(rules(&w).await, theirs);
        assert_eq!(w.statements("hourly", None).await, [STATEMENT]);

        tag(&w, &rule, OWNER_TAG, "none").await;
        w.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&w).await.into_keys().collect::<Vec<_>>(), [rule]);
        assert_eq!(w.statements("hourly", None).await, NOBODY);
    });
}

#[test]
fn a_rule_without_tags_blocks_the_deletion_of_an_object_restored_without_status() {
    world::test("unmarked-restored", async |w| {
        let mut controller = w.controller(&NO_RESYNC);
        let rule = in_place(&w).await;
        let marked = rules(&w).await[&rule].tags.clone();
        untag(&w, &rule).await;
        controller.stop().await;
        // The object is restored from a backup without status, and deleted before the operator looks.
        let patch = |finalizers: &str| format!(r#"{{"metadata":{{"finalizers":{finalizers}}}}}"#);
        let finalizers = async |finalizers: &str| {
            let patch = patch(finalizers);
            let patch = ["patch", KIND, "hourly", "--type=merge", "--patch", &patch];
            w.kubectl(&patch, "").await.expect("kubectl patch");
        };
        finalizers("null").await;
        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        w.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        finalizers(r#"["lambda-triggers.dev/aws-cleanup"]"#).await;
        w.delete(KIND, "hourly").await;
        controller.start();
        until_blocked(&w).await;

        for (key, value) in marked.iter().filter(|(key, _)| !key.ends_with("/uid")) {
            tag(&w, &rule, key, value).await;
        }
        controller.stop().await;
        controller.start();
        w.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(w.statements("hourly", None).await, NOBODY);
    });
}
