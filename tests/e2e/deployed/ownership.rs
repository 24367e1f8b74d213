//! Ownership of functions: conflicts, adoption, sharing, renaming and retention.

use lambda_triggers_core::ownership::bucket_statement_id;
use lambda_triggers_tests::aws_proxy::Call;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{
    S3, SCHEDULED, apply, arn, definition, function, function_name, function_names, plain, resource, s3,
    scheduled, wait_for_functions, with,
};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, assert_no_writes_at_rest, event, failed, owner, wait_for_conditions,
    wait_for_events,
};
use crate::support::{AwsView, LIMIT, own, rule};

const NOTHING: [&str; 0] = [];

fn named(env: &TestEnv, function: &str) -> Value {
    with(definition(env, "app"), json!({"functionName": function}))
}

fn operations_on(calls: Vec<Call>, function: &str) -> Vec<String> {
    calls.into_iter().filter(|call| call.resource == function).map(|call| call.operation).collect()
}

#[test]
fn a_foreign_function_is_neither_changed_nor_deleted() {
    env::test("conflict", async |env| {
        env.function("payroll").await;
        let before = function(&env, "payroll").await;
        let _controller = env.controller(&RESYNC_1S);
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &scheduled("app", &named(&env, "payroll"))).await;
        let message = format!(
            "the function payroll in eu-west-1 exists and is not touched: its tags do not name {}/app and the \
             owner id 0a1b2c3d; choose another functionName, or set adoptionPolicy: Always to adopt it",
            env.namespace()
        );
        let conflict = failed("Stalled", "ConflictingFunction", &message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &conflict).await;
        wait_for_events(&env, "app", &[event("Warning", "ConflictingFunction", &message)]).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function(&env, "payroll").await, before);
        assert_eq!(env.aws_writes(), vec![]);
    });
}

#[test]
fn adopt_function_adopts_a_foreign_function() {
    env::test("adopt", async |env| {
        env.function("payroll").await;
        let foreign = [("made-by".to_owned(), "chalice".to_owned())].into();
        let tag = env.lambda().tag_resource().resource(arn(&env, "payroll")).set_tags(Some(foreign));
        tag.send().await.unwrap();
        let _controller = env.controller(&RESYNC_1S);
        let adopting = with(named(&env, "payroll"), json!({"adoptionPolicy": "Always"}));
        apply(&env, &scheduled("app", &adopting)).await;
        env.until_ready(SCHEDULED, "app").await;
        let mut expected = plain(&env, SCHEDULED, "app", "payroll").await;
        // A foreign tag stays.
        expected["tags"]["made-by"] = json!("chalice");
        assert_eq!(function(&env, "payroll").await, Some(expected));
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&env).await, NOTHING);
    });
}

/// Two operators that adopt a function from each other would never stop.
#[test]
fn a_function_of_another_operator_is_not_adopted() {
    env::test("other-operator", async |env| {
        env.function("payroll").await;
        let tags = [("lambda-triggers.dev/owner".to_owned(), "ffffffff".to_owned())].into();
        let tag = env.lambda().tag_resource().resource(arn(&env, "payroll")).set_tags(Some(tags));
        tag.send().await.unwrap();
        let before = function(&env, "payroll").await;
        let _controller = env.controller(&RESYNC_1S);
        let adopting = with(named(&env, "payroll"), json!({"adoptionPolicy": "Always"}));
        apply(&env, &scheduled("app", &adopting)).await;
        let message = "the function payroll in eu-west-1 exists and is not touched: it belongs to the operator \
                       with owner id ffffffff; choose another functionName, or delete the resource there. If \
                       that operator no longer runs, remove the tag lambda-triggers.dev/owner from the \
                       function and set adoptionPolicy: Always";
        let conflict = failed("Stalled", "ConflictingFunction", message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &conflict).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        assert_eq!(function(&env, "payroll").await, before);

        let untag = env.lambda().untag_resource().resource(arn(&env, "payroll"));
        untag.tag_keys("lambda-triggers.dev/owner").send().await.unwrap();
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn a_rename_moves_the_schedule_before_deleting_the_function() {
    env::test("rename", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        apply(&env, &scheduled("app", &named(&env, "old"))).await;
        env.until_ready(SCHEDULED, "app").await;
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &scheduled("app", &named(&env, "new"))).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function_names(&env).await, ["new"]);
        assert_eq!(function(&env, "new").await, Some(plain(&env, SCHEDULED, "app", "new").await));
        let rules = env.rule_names().await;
        assert_eq!(rules.len(), 1, "{rules:?}");
        let targets = rule(env.events(), &rules[0]).await.unwrap().targets;
        assert_eq!(targets.into_iter().map(|target| target.arn).collect::<Vec<_>>(), [arn(&env, "new")]);
        assert_eq!(env.statements("new", None).await, ["lt-0a1b2c3d-rules"]);
        let writes = env.aws_writes().into_iter().map(|call| format!("{} {}", call.operation, call.resource));
        assert_eq!(
            writes.collect::<Vec<_>>(),
            [
                "CreateFunction new".to_owned(),
                "AddPermission new".to_owned(),
                format!("PutTargets {}", rules[0]),
                "DeleteFunction old".to_owned(),
            ]
        );
        let object = env.object(SCHEDULED, "app").await.unwrap();
        assert_eq!(object["status"]["applied"]["functions"][0]["name"], "new");
        assert_eq!(object["status"]["applied"]["functions"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn a_rename_moves_the_entries_before_deleting_the_function() {
    env::test("rename-s3", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        apply(&env, &s3("app", &bucket, &named(&env, "old"))).await;
        env.until_ready(S3, "app").await;
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &s3("app", &bucket, &named(&env, "new"))).await;
        env.until_ready(S3, "app").await;
        assert_eq!(function_names(&env).await, ["new"]);
        let entries = own(&env.document(&bucket).await);
        assert_eq!(entries.into_iter().map(|entry| entry.arn).collect::<Vec<_>>(), [arn(&env, "new")]);
        assert_eq!(env.statements("new", None).await, [bucket_statement_id(&owner(), &bucket)]);
        let writes = env.aws_writes().into_iter().map(|call| format!("{} {}", call.operation, call.resource));
        assert_eq!(
            writes.collect::<Vec<_>>(),
            [
                "CreateFunction new".to_owned(),
                "AddPermission new".to_owned(),
                format!("PutBucketNotificationConfiguration {bucket}"),
                "DeleteFunction old".to_owned(),
            ]
        );
    });
}

#[test]
fn a_retained_function_stays_unchanged() {
    env::test("retain", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        let mut manifests =
            [scheduled("app", &named(&env, "ticks")), s3("app", &bucket, &named(&env, "uploads"))];
        for manifest in &mut manifests {
            manifest["spec"]["deletionPolicy"] = json!("Retain");
            apply(&env, manifest).await;
        }
        for kind in [SCHEDULED, S3] {
            env.until_ready(kind, "app").await;
        }
        let before = (function(&env, "ticks").await, function(&env, "uploads").await);
        env.aws_proxy().clear_calls(env.account());
        for kind in [SCHEDULED, S3] {
            env.delete(kind, "app").await;
            env.until_gone(kind, "app").await;
        }
        assert_eq!((function(&env, "ticks").await, function(&env, "uploads").await), before);
        assert_eq!(env.aws_writes(), vec![]);
        // An object with the same name owns the retained function.
        let mut again = scheduled("app", &named(&env, "ticks"));
        again["spec"]["description"] = json!("again");
        apply(&env, &again).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function(&env, "ticks").await, Some(plain(&env, SCHEDULED, "app", "ticks").await));
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&env).await, ["uploads"]);
    });
}

#[test]
fn two_resources_can_share_a_function() {
    env::test("shared-function", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("ticks", &named(&env, "shared"))).await;
        apply(&env, &resource(S3, "uploads", json!({"function": {"name": "shared"}, "bucket": bucket})))
            .await;
        env.until_ready(SCHEDULED, "ticks").await;
        env.until_ready(S3, "uploads").await;
        let both = [bucket_statement_id(&owner(), &bucket), "lt-0a1b2c3d-rules".to_owned()];
        assert_eq!(env.statements("shared", None).await, both);
        assert_no_writes_at_rest(&env, SCHEDULED, &["ticks"]).await;

        // The deletion of the resource that names the function keeps the function. The deletion of the resource that
        // defines the function deletes it, and the other resource reports the missing function.
        env.delete(S3, "uploads").await;
        env.until_gone(S3, "uploads").await;
        assert_eq!(env.statements("shared", None).await, ["lt-0a1b2c3d-rules"]);
        assert_eq!(
            function(&env, "shared").await,
            Some(with_record(plain(&env, SCHEDULED, "ticks", "shared").await, &env))
        );
        apply(&env, &resource(S3, "uploads", json!({"function": {"name": "shared"}, "bucket": bucket})))
            .await;
        env.until_ready(S3, "uploads").await;
        env.delete(SCHEDULED, "ticks").await;
        env.until_gone(SCHEDULED, "ticks").await;
        assert_eq!(function_names(&env).await, NOTHING);
        let missing = env.until_condition(S3, "uploads", "Ready", "False").await;
        assert_eq!(missing["reason"], "FunctionNotFound");
        env.until(LIMIT, "the bucket to be without entries", async || {
            let entries = own(&env.document(&bucket).await);
            if entries.is_empty() { Ok(()) } else { Err(format!("{entries:?}")) }
        })
        .await;
    });
}

/// Sets the environment of [`named`], which records under one name for all objects.
fn with_record(function: Value, env: &TestEnv) -> Value {
    with(function, json!({"environment": definition(env, "app")["environment"]}))
}

#[test]
fn objects_of_both_kinds_with_one_name_have_separate_functions() {
    env::test("one-name", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        apply(&env, &s3("app", &bucket, &definition(&env, "app"))).await;
        let (ticks, uploads) = (function_name(&env, SCHEDULED, "app"), function_name(&env, S3, "app"));
        for (kind, name) in [(SCHEDULED, &ticks), (S3, &uploads)] {
            env.until_ready(kind, "app").await;
            assert_eq!(function(&env, name).await, Some(plain(&env, kind, "app", name).await));
        }
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&env).await, std::slice::from_ref(&uploads));
        assert_no_writes_at_rest(&env, S3, &["app"]).await;
        assert_eq!(env.statements(&uploads, None).await, [bucket_statement_id(&owner(), &bucket)]);
    });
}

#[test]
fn replacing_one_kind_by_the_other_leaves_no_permission() {
    env::test("other-kind", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        let bucket_statement = bucket_statement_id(&owner(), &bucket);
        for _ in 0..2 {
            apply(&env, &scheduled("app", &named(&env, "app"))).await;
            env.until_ready(SCHEDULED, "app").await;
            assert_eq!(env.statements("app", None).await, ["lt-0a1b2c3d-rules"]);
            // The new object exists before the operator has cleaned up the old object.
            env.delete(SCHEDULED, "app").await;
            apply(&env, &s3("app", &bucket, &named(&env, "app"))).await;
            env.until_gone(SCHEDULED, "app").await;
            env.until_ready(S3, "app").await;
            assert_eq!(env.statements("app", None).await, std::slice::from_ref(&bucket_statement));
            assert_eq!(env.rule_names().await, NOTHING);
            env.delete(S3, "app").await;
            env.until_gone(S3, "app").await;
            wait_for_functions(&env, &[]).await;
            assert_eq!(own(&env.document(&bucket).await), vec![]);
        }
    });
}

#[test]
fn switching_between_name_and_definition_keeps_the_named_function() {
    env::test("name-to-definition", async |env| {
        env.function("existing").await;
        let before = function(&env, "existing").await;
        let _controller = env.controller(&NO_RESYNC);
        let by_name =
            resource(SCHEDULED, "app", json!({"function": {"name": "existing"}, "schedule": "rate(1 hour)"}));
        let deployed = function_name(&env, SCHEDULED, "app");
        env.aws_proxy().clear_calls(env.account());
        for _ in 0..2 {
            apply(&env, &by_name).await;
            env.until_ready(SCHEDULED, "app").await;
            assert_eq!(function_names(&env).await, ["existing"]);
            assert_eq!(env.statements("existing", None).await, ["lt-0a1b2c3d-rules"]);
            apply(&env, &scheduled("app", &definition(&env, "app"))).await;
            env.until_ready(SCHEDULED, "app").await;
            let mut names = vec!["existing".to_owned(), deployed.clone()];
            names.sort();
            assert_eq!(function_names(&env).await, names);
            assert_eq!(env.statements("existing", None).await, NOTHING);
            assert_eq!(env.statements(&deployed, None).await, ["lt-0a1b2c3d-rules"]);
        }
        assert_eq!(function(&env, "existing").await, before);
        let operations = operations_on(env.aws_writes(), "existing");
        assert!(operations.iter().all(|operation| operation.ends_with("Permission")), "{operations:?}");
    });
}
