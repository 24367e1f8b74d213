//! Replacement of a function by another function, release of a function, and recreated objects.

use aws_sdk_lambda::config::Region;
use lambda_triggers_core::ownership::bucket_statement_id;
use lambda_triggers_tests::aws_proxy::{Failure, Pace};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{
    S3, SCHEDULED, apply, arn, definition, function, function_name, function_names, plain, resource, s3,
    scheduled, with,
};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, assert_no_writes_at_rest, event, events_of, failed, owner, wait_for_conditions,
};
use crate::support::{AwsView, LIMIT, own, rule};

const NOTHING: [&str; 0] = [];

fn named(env: &TestEnv, function: &str) -> Value {
    with(definition(env, "app"), json!({"functionName": function}))
}

/// The functions in the operator's entries of a bucket, in the order of the entries.
async fn invoked_by(env: &TestEnv, bucket: &str) -> Vec<String> {
    own(&env.document(bucket).await).into_iter().map(|entry| entry.arn).collect()
}

#[test]
fn the_old_function_is_invoked_until_its_replacement_is_ready() {
    env::test("rename-slowly", async |env| {
        let bucket = env.new_bucket("photos").await;
        env.function("other").await;
        let _controller = env.controller(&RESYNC_1S);
        let mut app = s3("app", &bucket, &named(&env, "old"));
        app["spec"]["filters"] = json!([{"prefix": "mine/"}]);
        apply(&env, &app).await;
        env.until_ready(S3, "app").await;
        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        app["spec"]["function"]["definition"] = named(&env, "new");
        apply(&env, &app).await;
        env.until(LIMIT, "the new function", async || function(&env, "new").await).await;
        // Another resource's trigger causes a write of the bucket's document.
        let other =
            json!({"function": {"name": "other"}, "bucket": bucket, "filters": [{"prefix": "other/"}]});
        apply(&env, &resource(S3, "other", other)).await;
        env.until_ready(S3, "other").await;
        assert_eq!(invoked_by(&env, &bucket).await, [arn(&env, "old"), arn(&env, "other")]);
        env.aws_proxy().finish_functions(env.account());
        env.until_ready(S3, "app").await;
        let mut invoked = invoked_by(&env, &bucket).await;
        invoked.sort();
        assert_eq!(invoked, [arn(&env, "new"), arn(&env, "other")]);
        assert_eq!(function_names(&env).await, ["new", "other"]);
    });
}

#[test]
fn a_failed_replacement_keeps_the_old_function() {
    env::test("rename-fails", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("app", &named(&env, "old"))).await;
        env.until_ready(SCHEDULED, "app").await;
        let [name] = &env.rule_names().await[..] else { panic!("one rule") };
        let before = rule(env.events(), name).await;
        env.aws_proxy().fail_function(
            env.account(),
            "new",
            Failure::new("InvalidSubnet", "The subnet is gone."),
        );
        apply(&env, &scheduled("app", &named(&env, "new"))).await;
        let broken = env.until_condition(SCHEDULED, "app", "FunctionReady", "False").await;
        assert_eq!(broken["reason"], "FunctionFailed");
        assert_eq!(rule(env.events(), name).await, before);
        assert_eq!(env.statements("old", None).await, ["lt-0a1b2c3d-rules"]);
        apply(&env, &scheduled("app", &named(&env, "third"))).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function_names(&env).await, ["third"]);
    });
}

#[test]
fn a_function_named_instead_of_defined_is_kept() {
    env::test("defined-to-named", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("app", &named(&env, "payroll"))).await;
        env.until_ready(SCHEDULED, "app").await;
        let mut before = function(&env, "payroll").await;
        let by_name = json!({"function": {"name": "payroll"}, "schedule": "rate(1 hour)"});
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &resource(SCHEDULED, "app", by_name)).await;
        let object = env.until_ready(SCHEDULED, "app").await;
        assert_eq!(object["status"]["applied"]["functions"], Value::Null);
        let writes: Vec<String> = env.aws_writes().into_iter().map(|call| call.operation).collect();
        assert_eq!(writes, ["UntagResource"]);
        // The tags are removed, so that no operator owns the function later.
        before.as_mut().unwrap()["tags"] = json!({});
        let expected = event(
            "Normal",
            "FunctionReleased",
            "kept the function payroll and removed the operator's tags, because spec.function no longer \
             defines the function but names it. The operator no longer updates or deletes the function",
        );
        assert_eq!(events_of(&env, "app").await.pop(), Some(expected));
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function(&env, "payroll").await, before);
        assert_eq!(env.statements("payroll", None).await, NOTHING);
    });
}

#[test]
fn a_function_named_before_the_deletion_is_kept() {
    env::test("named-and-deleted", async |env| {
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&NO_RESYNC);
        let by_arn = json!({"function": {"arn": arn(&env, "uploads")}, "bucket": bucket});
        let by_name = json!({"function": {"name": "ticks"}, "schedule": "rate(1 hour)"});
        let both = [(SCHEDULED, "ticks", by_name), (S3, "uploads", by_arn)];
        apply(&env, &scheduled("app", &named(&env, "ticks"))).await;
        apply(&env, &s3("app", &bucket, &named(&env, "uploads"))).await;
        for (kind, _, _) in &both {
            env.until_ready(kind, "app").await;
        }
        controller.stop().await;
        for (kind, _, spec) in &both {
            apply(&env, &resource(kind, "app", spec.clone())).await;
            env.delete(kind, "app").await;
        }
        controller.start();
        for (kind, name, _) in &both {
            env.until_gone(kind, "app").await;
            assert_eq!(function(&env, name).await.unwrap()["tags"], json!({}), "{name}");
            assert_eq!(env.statements(name, None).await, NOTHING, "{name}");
        }
        assert_eq!(env.rule_names().await, NOTHING);
        assert_eq!(invoked_by(&env, &bucket).await, NOTHING);
    });
}

#[test]
fn a_new_region_recreates_the_function() {
    env::test("function-region", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let mut manifest = scheduled("app", &definition(&env, "app"));
        apply(&env, &manifest).await;
        env.until_ready(SCHEDULED, "app").await;
        manifest["spec"]["region"] = json!("us-east-1");
        apply(&env, &manifest).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function_names(&env).await, NOTHING);
        assert_eq!(env.rule_names().await, NOTHING);
        let region = env.lambda().config().to_builder().region(Region::new("us-east-1")).build();
        let lambda_there = aws_sdk_lambda::Client::from_conf(region);
        let functions = lambda_there.list_functions().send().await.unwrap();
        let names: Vec<_> =
            functions.functions().iter().filter_map(|function| function.function_name()).collect();
        assert_eq!(names, [function_name(&env, SCHEDULED, "app")]);
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(lambda_there.list_functions().send().await.unwrap().functions(), []);
    });
}

#[test]
fn a_recreated_object_owns_the_function_of_its_predecessor() {
    env::test("function-again", async |env| {
        let bucket = env.new_bucket("photos").await;
        let mut controller = env.controller(&RESYNC_1S);
        let manifests = [
            (SCHEDULED, scheduled("app", &named(&env, "ticks"))),
            (S3, s3("app", &bucket, &named(&env, "uploads"))),
        ];
        for (kind, manifest) in &manifests {
            apply(&env, manifest).await;
            env.until_ready(kind, "app").await;
        }
        let recreate_objects = async |env: &TestEnv| {
            for (kind, manifest) in &manifests {
                let without = r#"{"metadata":{"finalizers":null}}"#;
                let patch = ["patch", kind, "app", "--type=merge", "--patch", without];
                env.kubectl(&patch, "").await.expect("kubectl patch");
                env.delete(kind, "app").await;
                env.until_gone(kind, "app").await;
                apply(env, manifest).await;
            }
        };
        controller.stop().await;
        recreate_objects(&env).await;
        env.aws_proxy().clear_calls(env.account());
        controller.start();
        for ((kind, _), name) in manifests.iter().zip(["ticks", "uploads"]) {
            env.until_ready(kind, "app").await;
            assert_eq!(function(&env, name).await, Some(plain(&env, kind, "app", name).await));
        }
        let writes: Vec<String> = env.applied_writes().into_iter().map(|call| call.operation).collect();
        assert_eq!(writes, ["TagResource"; 3], "the UIDs on two functions and a rule, for people to read");
        assert_eq!(env.statements("uploads", None).await, [bucket_statement_id(&owner(), &bucket)]);

        // The recreated objects have no status and were never deployed. The operator must find the AWS resources by the
        // spec alone.
        controller.stop().await;
        recreate_objects(&env).await;
        for (kind, _) in &manifests {
            let finalizer = r#"{"metadata":{"finalizers":["lambda-triggers.dev/aws-cleanup"]}}"#;
            let patch = ["patch", kind, "app", "--type=merge", "--patch", finalizer];
            env.kubectl(&patch, "").await.expect("kubectl patch");
            env.delete(kind, "app").await;
        }
        controller.start();
        for (kind, _) in &manifests {
            env.until_gone(kind, "app").await;
        }
        assert_eq!(function_names(&env).await, NOTHING);
        assert_eq!(env.rule_names().await, NOTHING);
        assert_eq!(invoked_by(&env, &bucket).await, NOTHING);
    });
}

#[test]
fn the_first_of_two_objects_owns_a_common_function() {
    env::test("two-definitions", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        apply(&env, &scheduled("first", &named(&env, "one"))).await;
        env.until_ready(SCHEDULED, "first").await;
        let before = function(&env, "one").await;
        let message = format!(
            "the function one in eu-west-1 exists and is not touched: it is deployed for the ScheduledFunction \
             {}/first; choose another functionName, or remove the definition there",
            env.namespace()
        );
        let conflict = failed("Stalled", "ConflictingFunction", &message, &[], "FunctionReady");
        // `adoptionPolicy` does not apply to a function with an owner.
        for settings in
            [json!({"timeoutSeconds": 5}), json!({"timeoutSeconds": 5, "adoptionPolicy": "Always"})]
        {
            apply(&env, &scheduled("second", &with(named(&env, "one"), settings))).await;
            // Wait for the new generation: the previous generation had the same conditions.
            env.until_condition(SCHEDULED, "second", "Stalled", "True").await;
            wait_for_conditions(&env, SCHEDULED, "second", &conflict).await;
            assert_no_writes_at_rest(&env, SCHEDULED, &["first", "second"]).await;
        }
        assert_eq!(function(&env, "one").await, before);
        env.delete(SCHEDULED, "first").await;
        env.until_gone(SCHEDULED, "first").await;
        env.until_ready(SCHEDULED, "second").await;
        let timeout = function(&env, "one").await.unwrap()["timeoutSeconds"].clone();
        assert_eq!(timeout, 5);
    });
}
