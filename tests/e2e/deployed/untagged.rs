//! Functions without the operator's tags. The operator tags or deletes a function if the status proves ownership;
//! otherwise the deletion is blocked and names the function.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use super::view::{
    SCHEDULED, apply, arn, definition, function, function_names, handler_with, plain, scheduled,
    wait_for_function, with,
};
use crate::objects::{
    NO_RESYNC, OWNER, RESYNC_1S, assert_no_writes_at_rest, condition, event, events_of, wait_for_conditions,
    wait_for_events,
};
use crate::support::AwsView;

const NOTHING: [&str; 0] = [];

async fn untag(env: &TestEnv, name: &str) {
    let tags = function(env, name).await.unwrap()["tags"].clone();
    let keys = tags.as_object().unwrap().keys().cloned().collect();
    env.lambda().untag_resource().resource(arn(env, name)).set_tag_keys(Some(keys)).send().await.unwrap();
}

/// Deploys other code, as another tool would.
async fn change_code(env: &TestEnv, name: &str) {
    let files = BTreeMap::from([("index.py".to_owned(), handler_with("theirs").into_bytes())]);
    let archive = Blob::new(archive(&files).unwrap().bytes);
    let update = env.lambda().update_function_code().function_name(name).zip_file(archive);
    update.send().await.unwrap();
}

#[test]
fn removed_tags_of_a_function_are_restored() {
    env::test("function-retagged", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let definition = with(definition(&env, "app"), json!({"functionName": "payroll"}));
        apply(&env, &scheduled("app", &definition)).await;
        env.until_ready(SCHEDULED, "app").await;
        let events = events_of(&env, "app").await;
        untag(&env, "payroll").await;
        wait_for_function(&env, "payroll", &plain(&env, SCHEDULED, "app", "payroll").await).await;
        let note = "reverted a change of the function payroll: tags";
        let repaired = event("Warning", "DriftRepaired", note);
        wait_for_events(&env, "app", &[&events[..], &[repaired]].concat()).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}

#[test]
fn an_untagged_function_is_deleted_with_its_resource() {
    env::test("function-untagged", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let definition = with(definition(&env, "app"), json!({"functionName": "payroll"}));
        apply(&env, &scheduled("app", &definition)).await;
        env.until_ready(SCHEDULED, "app").await;
        untag(&env, "payroll").await;
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&env).await, NOTHING);
        assert_eq!(env.rule_names().await, NOTHING);
    });
}

#[test]
fn an_untagged_function_with_foreign_code_blocks_the_deletion() {
    env::test("function-unknown", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        let definition = with(definition(&env, "app"), json!({"functionName": "payroll"}));
        apply(&env, &scheduled("app", &definition)).await;
        env.until_ready(SCHEDULED, "app").await;
        untag(&env, "payroll").await;
        change_code(&env, "payroll").await;
        let foreign = function(&env, "payroll").await.unwrap();
        env.delete(SCHEDULED, "app").await;
        let message = format!(
            "the function payroll in eu-west-1 is not deleted: it may belong to this resource, but its \
             ownership tags are missing. If it does, set its tags lambda-triggers.dev/kind={SCHEDULED}, \
             lambda-triggers.dev/name=app, lambda-triggers.dev/namespace={}, \
             lambda-triggers.dev/owner={OWNER}; if not, set its tag lambda-triggers.dev/owner=none",
            env.namespace()
        );
        let blocked = [("Ready", "False"), ("Stalled", "True"), ("FunctionReady", "False")];
        let blocked = blocked.map(|(kind, status)| condition(kind, status, "ConflictingFunction", &message));
        wait_for_conditions(&env, SCHEDULED, "app", &blocked).await;
        assert_eq!(events_of(&env, "app").await.pop(), Some(event("Warning", "DeletionBlocked", message)));

        controller.stop().await;
        let tags = [("lambda-triggers.dev/owner".to_owned(), "none".to_owned())].into();
        let tag = env.lambda().tag_resource().resource(arn(&env, "payroll")).set_tags(Some(tags));
        tag.send().await.unwrap();
        controller.start();
        env.until_gone(SCHEDULED, "app").await;
        let kept = with(foreign, json!({"tags": {"lambda-triggers.dev/owner": "none"}}));
        assert_eq!(function(&env, "payroll").await, Some(kept));
        assert_eq!(env.rule_names().await, NOTHING);
    });
}
