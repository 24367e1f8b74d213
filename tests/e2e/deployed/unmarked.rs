//! Functions without tags: tagged again or deleted where the status proves ownership, else named in a blocked deletion.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use super::view::{
    SCHEDULED, apply, arn, definition, function, function_names, handler_with, plain, scheduled,
    until_function, with,
};
use crate::objects::{
    NO_RESYNC, OWNER, RESYNC_1S, condition, event, events_of, nothing_is_written_at_rest, until_conditions,
    until_events,
};
use crate::support::AwsView;

const NOTHING: [&str; 0] = [];

async fn untag(env: &TestEnv, name: &str) {
    let tags = function(env, name).await.unwrap()["tags"].clone();
    let keys = tags.as_object().unwrap().keys().cloned().collect();
    env.lambda().untag_resource().resource(arn(env, name)).set_tag_keys(Some(keys)).send().await.unwrap();
}

/// Another person deploys other code.
async fn change_code(env: &TestEnv, name: &str) {
    let files = BTreeMap::from([("index.py".to_owned(), handler_with("theirs").into_bytes())]);
    let archive = Blob::new(archive(&files).unwrap().bytes);
    let update = env.lambda().update_function_code().function_name(name).zip_file(archive);
    update.send().await.unwrap();
}

#[test]
fn a_function_gets_its_tags_back() {
    env::test("function-retagged", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let definition = with(definition(&env, "app"), json!({"functionName": "payroll"}));
        apply(&env, &scheduled("app", &definition)).await;
        env.until_ready(SCHEDULED, "app").await;
        let events = events_of(&env, "app").await;
        untag(&env, "payroll").await;
        until_function(&env, "payroll", &plain(&env, SCHEDULED, "app", "payroll").await).await;
        let note = "put back what was changed on the function payroll: tags";
        let repaired = event("Warning", "DriftRepaired", note);
        until_events(&env, "app", &[&events[..], &[repaired]].concat()).await;
        nothing_is_written_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}

#[test]
fn a_function_without_tags_is_deleted_with_its_resource() {
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
fn a_function_with_other_code_and_without_tags_blocks_the_deletion_until_a_tag_names_its_owner() {
    env::test("function-unknown", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        let definition = with(definition(&env, "app"), json!({"functionName": "payroll"}));
        apply(&env, &scheduled("app", &definition)).await;
        env.until_ready(SCHEDULED, "app").await;
        untag(&env, "payroll").await;
        change_code(&env, "payroll").await;
        let theirs = function(&env, "payroll").await.unwrap();
        env.delete(SCHEDULED, "app").await;
        let message = format!(
            "the function payroll in eu-west-1 is not deleted: it may have been made for this resource, and its tags do \
             not say so any more. If it was, set its tags lambda-triggers.dev/kind={SCHEDULED}, \
             lambda-triggers.dev/name=app, lambda-triggers.dev/namespace={}, lambda-triggers.dev/owner={OWNER}; if it \
             was not, set its tag lambda-triggers.dev/owner=none",
            env.namespace()
        );
        let blocked = [("Ready", "False"), ("Stalled", "True"), ("FunctionReady", "False")];
        let blocked = blocked.map(|(kind, status)| condition(kind, status, "ConflictingFunction", &message));
        until_conditions(&env, SCHEDULED, "app", &blocked).await;
        assert_eq!(events_of(&env, "app").await.pop(), Some(event("Warning", "DeletionBlocked", message)));

        controller.stop().await;
        let tags = [("lambda-triggers.dev/owner".to_owned(), "none".to_owned())].into();
        let tag = env.lambda().tag_resource().resource(arn(&env, "payroll")).set_tags(Some(tags));
        tag.send().await.unwrap();
        controller.start();
        env.until_gone(SCHEDULED, "app").await;
        let kept = with(theirs, json!({"tags": {"lambda-triggers.dev/owner": "none"}}));
        assert_eq!(function(&env, "payroll").await, Some(kept));
        assert_eq!(env.rule_names().await, NOTHING);
    });
}
