//! Functions without tags: tagged again or deleted where the status proves ownership, else named in a blocked deletion.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::world::{self, World};
use serde_json::json;

use super::view::{
    SCHEDULED, apply, arn, definition, function, function_names, handler_with, plain, scheduled,
    until_function, with,
};
use crate::objects::{
    NO_RESYNC, OWNER, RESYNC_1S, condition, event, nothing_is_written_at_rest, told, until_conditions,
    until_told,
};
use crate::support::AwsView;

const NOTHING: [&str; 0] = [];

async fn untag(w: &World, name: &str) {
    let tags = function(w, name).await.unwrap()["tags"].clone();
    let keys = tags.as_object().unwrap().keys().cloned().collect();
    w.lambda().untag_resource().resource(arn(w, name)).set_tag_keys(Some(keys)).send().await.unwrap();
}

/// Another person deploys other code.
async fn change_code(w: &World, name: &str) {
    let files = BTreeMap::from([("index.py".to_owned(), handler_with("theirs").into_bytes())]);
    let archive = Blob::new(archive(&files).unwrap().bytes);
    let update = w.lambda().update_function_code().function_name(name).zip_file(archive);
    update.send().await.unwrap();
}

#[test]
fn a_function_gets_its_tags_back() {
    world::test("function-retagged", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        let definition = with(definition(&w, "app"), json!({"functionName": "payroll"}));
        apply(&w, &scheduled("app", &definition)).await;
        w.until_ready(SCHEDULED, "app").await;
        let events = told(&w, "app").await;
        untag(&w, "payroll").await;
        until_function(&w, "payroll", &plain(&w, SCHEDULED, "app", "payroll").await).await;
        let note = "put back what was changed on the function payroll: tags";
        let repaired = event("Warning", "DriftRepaired", note);
        until_told(&w, "app", &[&events[..], &[repaired]].concat()).await;
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
    });
}

#[test]
fn a_function_without_tags_is_deleted_with_its_resource() {
    world::test("function-untagged", async |w| {
        let _controller = w.controller(&NO_RESYNC);
        let definition = with(definition(&w, "app"), json!({"functionName": "payroll"}));
        apply(&w, &scheduled("app", &definition)).await;
        w.until_ready(SCHEDULED, "app").await;
        untag(&w, "payroll").await;
        w.delete(SCHEDULED, "app").await;
        w.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&w).await, NOTHING);
        assert_eq!(w.rule_names().await, NOTHING);
    });
}

#[test]
fn a_function_with_other_code_and_without_tags_blocks_the_deletion_until_a_tag_names_its_owner() {
    world::test("function-unknown", async |w| {
        let mut controller = w.controller(&NO_RESYNC);
        let definition = with(definition(&w, "app"), json!({"functionName": "payroll"}));
        apply(&w, &scheduled("app", &definition)).await;
        w.until_ready(SCHEDULED, "app").await;
        untag(&w, "payroll").await;
        change_code(&w, "payroll").await;
        let theirs = function(&w, "payroll").await.unwrap();
        w.delete(SCHEDULED, "app").await;
        let message = format!(
            "the function payroll in eu-west-1 is not deleted: it may have been made for this resource, and its tags do \
             not say so any more. If it was, set its tags lambda-triggers.dev/kind={SCHEDULED}, \
             lambda-triggers.dev/name=app, lambda-triggers.dev/namespace={}, lambda-triggers.dev/owner={OWNER}; if it \
             was not, set its tag lambda-triggers.dev/owner=none",
            w.namespace()
        );
        let blocked = [("Ready", "False"), ("Stalled", "True"), ("FunctionReady", "False")];
        let blocked = blocked.map(|(kind, status)| condition(kind, status, "ConflictingFunction", &message));
        until_conditions(&w, SCHEDULED, "app", &blocked).await;
        assert_eq!(told(&w, "app").await.pop(), Some(event("Warning", "DeletionBlocked", message)));

        controller.stop().await;
        let tags = [("lambda-triggers.dev/owner".to_owned(), "none".to_owned())].into();
        let tag = w.lambda().tag_resource().resource(arn(&w, "payroll")).set_tags(Some(tags));
        tag.send().await.unwrap();
        controller.start();
        w.until_gone(SCHEDULED, "app").await;
        let kept = with(theirs, json!({"tags": {"lambda-triggers.dev/owner": "none"}}));
        assert_eq!(function(&w, "payroll").await, Some(kept));
        assert_eq!(w.rule_names().await, NOTHING);
    });
}
