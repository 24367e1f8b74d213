//! A function that gives way to another one, and an object that comes back.

use aws_sdk_lambda::config::Region;
use lambda_triggers_core::plan::identity::bucket_statement_id;
use lambda_triggers_tests::aws_proxy::{Failure, Pace};
use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{
    S3, SCHEDULED, apply, arn, definition, function, function_name, function_names, plain, resource, s3,
    scheduled, with,
};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, event, failed, nothing_is_written_at_rest, owner, told, until_conditions,
};
use crate::support::{AwsView, LIMIT, own, rule};

const NOTHING: [&str; 0] = [];

fn named(w: &World, function: &str) -> Value {
    with(definition(w, "app"), json!({"functionName": function}))
}

/// The functions in the operator's entries of a bucket, in their order.
async fn invoked_by(w: &World, bucket: &str) -> Vec<String> {
    own(&w.document(bucket).await).into_iter().map(|entry| entry.arn).collect()
}

#[test]
fn while_the_new_function_is_made_the_old_one_is_invoked() {
    world::test("rename-slowly", async |w| {
        let bucket = w.new_bucket("photos").await;
        w.function("other").await;
        let _controller = w.controller(&RESYNC_1S);
        let mut mine = s3("app", &bucket, &named(&w, "old"));
        mine["spec"]["filters"] = json!([{"prefix": "mine/"}]);
        apply(&w, &mine).await;
        w.until_ready(S3, "app").await;
        w.aws_proxy().slow_functions(w.account(), Pace::Held);
        mine["spec"]["function"]["definition"] = named(&w, "new");
        apply(&w, &mine).await;
        w.until(LIMIT, "the new function", async || function(&w, "new").await).await;
        // Somebody else's trigger has the bucket's document written.
        let other =
            json!({"function": {"name": "other"}, "bucket": bucket, "filters": [{"prefix": "other/"}]});
        apply(&w, &resource(S3, "other", other)).await;
        w.until_ready(S3, "other").await;
        assert_eq!(invoked_by(&w, &bucket).await, [arn(&w, "old"), arn(&w, "other")]);
        w.aws_proxy().finish_functions(w.account());
        w.until_ready(S3, "app").await;
        let mut invoked = invoked_by(&w, &bucket).await;
        invoked.sort();
        assert_eq!(invoked, [arn(&w, "new"), arn(&w, "other")]);
        assert_eq!(function_names(&w).await, ["new", "other"]);
    });
}

#[test]
fn a_new_function_that_cannot_be_made_leaves_the_old_one_in_place() {
    world::test("rename-fails", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &scheduled("app", &named(&w, "old"))).await;
        w.until_ready(SCHEDULED, "app").await;
        let [name] = &w.rule_names().await[..] else { panic!("one rule") };
        let before = rule(w.events(), name).await;
        w.aws_proxy().fail_function(w.account(), "new", Failure::new("InvalidSubnet", "The subnet is gone."));
        apply(&w, &scheduled("app", &named(&w, "new"))).await;
        let broken = w.until_condition(SCHEDULED, "app", "FunctionReady", "False").await;
        assert_eq!(broken["reason"], "FunctionFailed");
        assert_eq!(rule(w.events(), name).await, before);
        assert_eq!(w.statements("old", None).await, ["lt-0a1b2c3d-rules"]);
        apply(&w, &scheduled("app", &named(&w, "third"))).await;
        w.until_ready(SCHEDULED, "app").await;
        assert_eq!(function_names(&w).await, ["third"]);
    });
}

#[test]
fn a_function_that_is_named_where_it_was_defined_stays() {
    world::test("defined-to-named", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &scheduled("app", &named(&w, "payroll"))).await;
        w.until_ready(SCHEDULED, "app").await;
        let mut before = function(&w, "payroll").await;
        let by_name = json!({"function": {"name": "payroll"}, "schedule": "rate(1 hour)"});
        w.aws_proxy().clear_calls(w.account());
        apply(&w, &resource(SCHEDULED, "app", by_name)).await;
        let object = w.until_ready(SCHEDULED, "app").await;
        assert_eq!(object["status"]["applied"]["functions"], Value::Null);
        let writes: Vec<String> = w.aws_writes().into_iter().map(|call| call.operation).collect();
        assert_eq!(writes, ["UntagResource"]);
        // Nothing takes it for the operator's later.
        before.as_mut().unwrap()["tags"] = json!({});
        let left = event(
            "Normal",
            "FunctionReleased",
            "left the function payroll as it is and removed the operator's tags, since spec.function names it and \
             defines it no more: nobody updates or deletes it from here on",
        );
        assert_eq!(told(&w, "app").await.pop(), Some(left));
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        w.delete(SCHEDULED, "app").await;
        w.until_gone(SCHEDULED, "app").await;
        assert_eq!(function(&w, "payroll").await, before);
        assert_eq!(w.statements("payroll", None).await, NOTHING);
    });
}

#[test]
fn a_function_that_is_named_where_it_was_defined_stays_where_its_resource_is_deleted_at_once() {
    world::test("named-and-deleted", async |w| {
        let bucket = w.new_bucket("photos").await;
        let mut controller = w.controller(&NO_RESYNC);
        let by_arn = json!({"function": {"arn": arn(&w, "uploads")}, "bucket": bucket});
        let by_name = json!({"function": {"name": "ticks"}, "schedule": "rate(1 hour)"});
        let both = [(SCHEDULED, "ticks", by_name), (S3, "uploads", by_arn)];
        apply(&w, &scheduled("app", &named(&w, "ticks"))).await;
        apply(&w, &s3("app", &bucket, &named(&w, "uploads"))).await;
        for (kind, _, _) in &both {
            w.until_ready(kind, "app").await;
        }
        controller.stop().await;
        for (kind, _, spec) in &both {
            apply(&w, &resource(kind, "app", spec.clone())).await;
            w.delete(kind, "app").await;
        }
        controller.start();
        for (kind, name, _) in &both {
            w.until_gone(kind, "app").await;
            assert_eq!(function(&w, name).await.unwrap()["tags"], json!({}), "{name}");
            assert_eq!(w.statements(name, None).await, NOTHING, "{name}");
        }
        assert_eq!(w.rule_names().await, NOTHING);
        assert_eq!(invoked_by(&w, &bucket).await, NOTHING);
    });
}

#[test]
fn in_another_region_the_function_is_made_anew() {
    world::test("function-region", async |w| {
        let _controller = w.controller(&NO_RESYNC);
        let mut manifest = scheduled("app", &definition(&w, "app"));
        apply(&w, &manifest).await;
        w.until_ready(SCHEDULED, "app").await;
        manifest["spec"]["region"] = json!("us-east-1");
        apply(&w, &manifest).await;
        w.until_ready(SCHEDULED, "app").await;
        assert_eq!(function_names(&w).await, NOTHING);
        assert_eq!(w.rule_names().await, NOTHING);
        let region = w.lambda().config().to_builder().region(Region::new("us-east-1")).build();
        let there = aws_sdk_lambda::Client::from_conf(region);
        let functions = there.list_functions().send().await.unwrap();
        let names: Vec<_> =
            functions.functions().iter().filter_map(|function| function.function_name()).collect();
        assert_eq!(names, [function_name(&w, SCHEDULED, "app")]);
        w.delete(SCHEDULED, "app").await;
        w.until_gone(SCHEDULED, "app").await;
        assert_eq!(there.list_functions().send().await.unwrap().functions(), []);
    });
}

#[test]
fn an_object_that_comes_back_owns_the_function_of_its_predecessor() {
    world::test("function-again", async |w| {
        let bucket = w.new_bucket("photos").await;
        let mut controller = w.controller(&RESYNC_1S);
        let manifests = [
            (SCHEDULED, scheduled("app", &named(&w, "ticks"))),
            (S3, s3("app", &bucket, &named(&w, "uploads"))),
        ];
        for (kind, manifest) in &manifests {
            apply(&w, manifest).await;
            w.until_ready(kind, "app").await;
        }
        let come_back = async |w: &World| {
            for (kind, manifest) in &manifests {
                let without = r#"{"metadata":{"finalizers":null}}"#;
                let patch = ["patch", kind, "app", "--type=merge", "--patch", without];
                w.kubectl(&patch, "").await.expect("kubectl patch");
                w.delete(kind, "app").await;
                w.until_gone(kind, "app").await;
                apply(w, manifest).await;
            }
        };
        controller.stop().await;
        come_back(&w).await;
        w.aws_proxy().clear_calls(w.account());
        controller.start();
        for ((kind, _), name) in manifests.iter().zip(["ticks", "uploads"]) {
            w.until_ready(kind, "app").await;
            assert_eq!(function(&w, name).await, Some(plain(&w, kind, "app", name).await));
        }
        let writes: Vec<String> = w.aws_writes().into_iter().map(|call| call.operation).collect();
        assert_eq!(writes, ["TagResource"; 3], "the UIDs on two functions and a rule, for people to read");
        assert_eq!(w.statements("uploads", None).await, [bucket_statement_id(&owner(), &bucket)]);

        // Without a status, and never deployed in this life: the spec alone says what there is.
        controller.stop().await;
        come_back(&w).await;
        for (kind, _) in &manifests {
            let finalizer = r#"{"metadata":{"finalizers":["lambda-triggers.dev/aws-cleanup"]}}"#;
            let patch = ["patch", kind, "app", "--type=merge", "--patch", finalizer];
            w.kubectl(&patch, "").await.expect("kubectl patch");
            w.delete(kind, "app").await;
        }
        controller.start();
        for (kind, _) in &manifests {
            w.until_gone(kind, "app").await;
        }
        assert_eq!(function_names(&w).await, NOTHING);
        assert_eq!(w.rule_names().await, NOTHING);
        assert_eq!(invoked_by(&w, &bucket).await, NOTHING);
    });
}

#[test]
fn of_two_objects_that_define_one_function_the_first_has_it() {
    world::test("two-definitions", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &scheduled("first", &named(&w, "one"))).await;
        w.until_ready(SCHEDULED, "first").await;
        let before = function(&w, "one").await;
        let message = format!(
            "the function one in eu-west-1 exists and is not touched: it is deployed for the ScheduledFunction {}/first; \
             write another functionName, or take the definition out there",
            w.namespace()
        );
        let conflict = failed("Stalled", "ConflictingFunction", &message, &[], "FunctionReady");
        // Adoption is for functions that nobody else looks after.
        for settings in [json!({"timeout": 5}), json!({"timeout": 5, "adoptFunction": true})] {
            apply(&w, &scheduled("second", &with(named(&w, "one"), settings))).await;
            // Of this generation: the one before it was in the same state.
            w.until_condition(SCHEDULED, "second", "Stalled", "True").await;
            until_conditions(&w, SCHEDULED, "second", &conflict).await;
            nothing_is_written_at_rest(&w, SCHEDULED, &["first", "second"]).await;
        }
        assert_eq!(function(&w, "one").await, before);
        w.delete(SCHEDULED, "first").await;
        w.until_gone(SCHEDULED, "first").await;
        w.until_ready(SCHEDULED, "second").await;
        let timeout = function(&w, "one").await.unwrap()["timeout"].clone();
        assert_eq!(timeout, 5);
    });
}
