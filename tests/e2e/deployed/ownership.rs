//! Whose a function is: found, taken over, shared, renamed, retained.

use lambda_triggers_core::plan::identity::bucket_statement_id;
use lambda_triggers_tests::aws_proxy::Call;
use lambda_triggers_tests::world::{self, World};
use serde_json::{Value, json};

use super::view::{
    S3, SCHEDULED, apply, arn, definition, function, function_name, function_names, plain, resource, s3,
    scheduled, until_functions, with,
};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, event, failed, nothing_is_written_at_rest, owner, until_conditions, until_told,
};
use crate::support::{AwsView, LIMIT, own, rule};

const NOTHING: [&str; 0] = [];

fn named(w: &World, function: &str) -> Value {
    with(definition(w, "app"), json!({"functionName": function}))
}

fn of_function(calls: Vec<Call>, function: &str) -> Vec<String> {
    calls.into_iter().filter(|call| call.resource == function).map(|call| call.operation).collect()
}

#[test]
fn somebody_elses_function_is_not_touched_and_not_deleted() {
    world::test("conflict", async |w| {
        w.function("payroll").await;
        let before = function(&w, "payroll").await;
        let _controller = w.controller(&RESYNC_1S);
        w.aws_proxy().clear_calls(w.account());
        apply(&w, &scheduled("app", &named(&w, "payroll"))).await;
        let message = format!(
            "the function payroll in eu-west-1 exists and is not touched: its tags do not say that it was made for \
             {}/app by the operator with owner id 0a1b2c3d; write another functionName, or adoptFunction: true to \
             take it over",
            w.namespace()
        );
        let conflict = failed("Stalled", "ConflictingFunction", &message, &[], "FunctionReady");
        until_conditions(&w, SCHEDULED, "app", &conflict).await;
        until_told(&w, "app", &[event("Warning", "ConflictingFunction", &message)]).await;
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        w.delete(SCHEDULED, "app").await;
        w.until_gone(SCHEDULED, "app").await;
        assert_eq!(function(&w, "payroll").await, before);
        assert_eq!(w.aws_writes(), vec![]);
    });
}

#[test]
fn a_function_is_taken_over_where_the_definition_says_so() {
    world::test("adopt", async |w| {
        w.function("payroll").await;
        let foreign = [("made-by".to_owned(), "chalice".to_owned())].into();
        let tag = w.lambda().tag_resource().resource(arn(&w, "payroll")).set_tags(Some(foreign));
        tag.send().await.unwrap();
        let _controller = w.controller(&RESYNC_1S);
        let adopting = with(named(&w, "payroll"), json!({"adoptFunction": true}));
        apply(&w, &scheduled("app", &adopting)).await;
        w.until_ready(SCHEDULED, "app").await;
        let mut expected = plain(&w, SCHEDULED, "app", "payroll").await;
        // A tag of somebody else's stays.
        expected["tags"]["made-by"] = json!("chalice");
        assert_eq!(function(&w, "payroll").await, Some(expected));
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        w.delete(SCHEDULED, "app").await;
        w.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&w).await, NOTHING);
    });
}

/// Two operators that take a function over from each other would do so for ever.
#[test]
fn a_function_of_another_operator_is_not_taken_over() {
    world::test("other-operator", async |w| {
        w.function("payroll").await;
        let tags = [("lambda-triggers.dev/owner".to_owned(), "ffffffff".to_owned())].into();
        let tag = w.lambda().tag_resource().resource(arn(&w, "payroll")).set_tags(Some(tags));
        tag.send().await.unwrap();
        let before = function(&w, "payroll").await;
        let _controller = w.controller(&RESYNC_1S);
        let adopting = with(named(&w, "payroll"), json!({"adoptFunction": true}));
        apply(&w, &scheduled("app", &adopting)).await;
        let message = "the function payroll in eu-west-1 exists and is not touched: the operator with owner id ffffffff made \
                       it; write another functionName, delete the resource there, or, if that operator runs no more, remove \
                       the tag lambda-triggers.dev/owner from the function and write adoptFunction: true";
        let conflict = failed("Stalled", "ConflictingFunction", message, &[], "FunctionReady");
        until_conditions(&w, SCHEDULED, "app", &conflict).await;
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        assert_eq!(function(&w, "payroll").await, before);

        let untag = w.lambda().untag_resource().resource(arn(&w, "payroll"));
        untag.tag_keys("lambda-triggers.dev/owner").send().await.unwrap();
        w.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn under_another_name_a_schedule_moves_before_the_old_function_goes() {
    world::test("rename", async |w| {
        let _controller = w.controller(&NO_RESYNC);
        apply(&w, &scheduled("app", &named(&w, "old"))).await;
        w.until_ready(SCHEDULED, "app").await;
        w.aws_proxy().clear_calls(w.account());
        apply(&w, &scheduled("app", &named(&w, "new"))).await;
        w.until_ready(SCHEDULED, "app").await;
        assert_eq!(function_names(&w).await, ["new"]);
        assert_eq!(function(&w, "new").await, Some(plain(&w, SCHEDULED, "app", "new").await));
        let rules = w.rule_names().await;
        assert_eq!(rules.len(), 1, "{rules:?}");
        let targets = rule(w.events(), &rules[0]).await.unwrap().targets;
        assert_eq!(targets.into_iter().map(|target| target.arn).collect::<Vec<_>>(), [arn(&w, "new")]);
        assert_eq!(w.statements("new", None).await, ["lt-0a1b2c3d-rules"]);
        let writes = w.aws_writes().into_iter().map(|call| format!("{} {}", call.operation, call.resource));
        assert_eq!(
            writes.collect::<Vec<_>>(),
            [
                "CreateFunction new".to_owned(),
                "AddPermission new".to_owned(),
                format!("PutTargets {}", rules[0]),
                "RemovePermission old".to_owned(),
                "DeleteFunction old".to_owned(),
            ]
        );
        let object = w.object(SCHEDULED, "app").await.unwrap();
        assert_eq!(object["status"]["applied"]["functions"][0]["name"], "new");
        assert_eq!(object["status"]["applied"]["functions"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn under_another_name_a_buckets_entries_move_before_the_old_function_goes() {
    world::test("rename-s3", async |w| {
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        apply(&w, &s3("app", &bucket, &named(&w, "old"))).await;
        w.until_ready(S3, "app").await;
        w.aws_proxy().clear_calls(w.account());
        apply(&w, &s3("app", &bucket, &named(&w, "new"))).await;
        w.until_ready(S3, "app").await;
        assert_eq!(function_names(&w).await, ["new"]);
        let entries = own(&w.document(&bucket).await);
        assert_eq!(entries.into_iter().map(|entry| entry.arn).collect::<Vec<_>>(), [arn(&w, "new")]);
        assert_eq!(w.statements("new", None).await, [bucket_statement_id(&owner(), &bucket)]);
        let writes = w.aws_writes().into_iter().map(|call| format!("{} {}", call.operation, call.resource));
        assert_eq!(
            writes.collect::<Vec<_>>(),
            [
                "CreateFunction new".to_owned(),
                "AddPermission new".to_owned(),
                format!("PutBucketNotificationConfiguration {bucket}"),
                "RemovePermission old".to_owned(),
                "DeleteFunction old".to_owned(),
            ]
        );
    });
}

#[test]
fn a_retained_function_stays_as_it_is() {
    world::test("retain", async |w| {
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&NO_RESYNC);
        let mut manifests =
            [scheduled("app", &named(&w, "ticks")), s3("app", &bucket, &named(&w, "uploads"))];
        for manifest in &mut manifests {
            manifest["spec"]["deletionPolicy"] = json!("Retain");
            apply(&w, manifest).await;
        }
        for kind in [SCHEDULED, S3] {
            w.until_ready(kind, "app").await;
        }
        let before = (function(&w, "ticks").await, function(&w, "uploads").await);
        w.aws_proxy().clear_calls(w.account());
        for kind in [SCHEDULED, S3] {
            w.delete(kind, "app").await;
            w.until_gone(kind, "app").await;
        }
        assert_eq!((function(&w, "ticks").await, function(&w, "uploads").await), before);
        assert_eq!(w.aws_writes(), vec![]);
        // An object of that name owns what its predecessor left.
        let mut again = scheduled("app", &named(&w, "ticks"));
        again["spec"]["description"] = json!("again");
        apply(&w, &again).await;
        w.until_ready(SCHEDULED, "app").await;
        assert_eq!(function(&w, "ticks").await, Some(plain(&w, SCHEDULED, "app", "ticks").await));
        w.delete(SCHEDULED, "app").await;
        w.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&w).await, ["uploads"]);
    });
}

#[test]
fn two_resources_share_a_function_that_one_of_them_defines() {
    world::test("shared-function", async |w| {
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &scheduled("ticks", &named(&w, "shared"))).await;
        apply(&w, &resource(S3, "uploads", json!({"function": {"name": "shared"}, "bucket": bucket}))).await;
        w.until_ready(SCHEDULED, "ticks").await;
        w.until_ready(S3, "uploads").await;
        let both = [bucket_statement_id(&owner(), &bucket), "lt-0a1b2c3d-rules".to_owned()];
        assert_eq!(w.statements("shared", None).await, both);
        nothing_is_written_at_rest(&w, SCHEDULED, &["ticks"]).await;

        // The one that names it leaves it; the one that defines it takes it along, and the other says so.
        w.delete(S3, "uploads").await;
        w.until_gone(S3, "uploads").await;
        assert_eq!(w.statements("shared", None).await, ["lt-0a1b2c3d-rules"]);
        assert_eq!(
            function(&w, "shared").await,
            Some(with_record(plain(&w, SCHEDULED, "ticks", "shared").await, &w))
        );
        apply(&w, &resource(S3, "uploads", json!({"function": {"name": "shared"}, "bucket": bucket}))).await;
        w.until_ready(S3, "uploads").await;
        w.delete(SCHEDULED, "ticks").await;
        w.until_gone(SCHEDULED, "ticks").await;
        assert_eq!(function_names(&w).await, NOTHING);
        let gone = w.until_condition(S3, "uploads", "Ready", "False").await;
        assert_eq!(gone["reason"], "FunctionNotFound");
        w.until(LIMIT, "the bucket to be without entries", async || {
            let entries = own(&w.document(&bucket).await);
            if entries.is_empty() { Ok(()) } else { Err(format!("{entries:?}")) }
        })
        .await;
    });
}

/// [`named`] records under one name, whatever the object's is.
fn with_record(function: Value, w: &World) -> Value {
    with(function, json!({"environment": definition(w, "app")["environment"]}))
}

#[test]
fn objects_of_both_kinds_and_one_name_have_a_function_each() {
    world::test("one-name", async |w| {
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        apply(&w, &scheduled("app", &definition(&w, "app"))).await;
        apply(&w, &s3("app", &bucket, &definition(&w, "app"))).await;
        let (ticks, uploads) = (function_name(&w, SCHEDULED, "app"), function_name(&w, S3, "app"));
        for (kind, name) in [(SCHEDULED, &ticks), (S3, &uploads)] {
            w.until_ready(kind, "app").await;
            assert_eq!(function(&w, name).await, Some(plain(&w, kind, "app", name).await));
        }
        nothing_is_written_at_rest(&w, SCHEDULED, &["app"]).await;
        w.delete(SCHEDULED, "app").await;
        w.until_gone(SCHEDULED, "app").await;
        assert_eq!(function_names(&w).await, std::slice::from_ref(&uploads));
        nothing_is_written_at_rest(&w, S3, &["app"]).await;
        assert_eq!(w.statements(&uploads, None).await, [bucket_statement_id(&owner(), &bucket)]);
    });
}

#[test]
fn one_kind_in_place_of_the_other_leaves_no_permission_behind() {
    world::test("other-kind", async |w| {
        let bucket = w.new_bucket("photos").await;
        let _controller = w.controller(&RESYNC_1S);
        let bucket_statement = bucket_statement_id(&owner(), &bucket);
        for _ in 0..2 {
            apply(&w, &scheduled("app", &named(&w, "app"))).await;
            w.until_ready(SCHEDULED, "app").await;
            assert_eq!(w.statements("app", None).await, ["lt-0a1b2c3d-rules"]);
            // The new one is there before the old one has gone.
            w.delete(SCHEDULED, "app").await;
            apply(&w, &s3("app", &bucket, &named(&w, "app"))).await;
            w.until_gone(SCHEDULED, "app").await;
            w.until_ready(S3, "app").await;
            assert_eq!(w.statements("app", None).await, std::slice::from_ref(&bucket_statement));
            assert_eq!(w.rule_names().await, NOTHING);
            w.delete(S3, "app").await;
            w.until_gone(S3, "app").await;
            until_functions(&w, &[]).await;
            assert_eq!(own(&w.document(&bucket).await), vec![]);
        }
    });
}

#[test]
fn a_definition_in_place_of_a_name_and_back() {
    world::test("name-to-definition", async |w| {
        w.function("existing").await;
        let before = function(&w, "existing").await;
        let _controller = w.controller(&NO_RESYNC);
        let by_name =
            resource(SCHEDULED, "app", json!({"function": {"name": "existing"}, "schedule": "rate(1 hour)"}));
        let deployed = function_name(&w, SCHEDULED, "app");
        w.aws_proxy().clear_calls(w.account());
        for _ in 0..2 {
            apply(&w, &by_name).await;
            w.until_ready(SCHEDULED, "app").await;
            assert_eq!(function_names(&w).await, ["existing"]);
            assert_eq!(w.statements("existing", None).await, ["lt-0a1b2c3d-rules"]);
            apply(&w, &scheduled("app", &definition(&w, "app"))).await;
            w.until_ready(SCHEDULED, "app").await;
            let mut names = vec!["existing".to_owned(), deployed.clone()];
            names.sort();
            assert_eq!(function_names(&w).await, names);
            assert_eq!(w.statements("existing", None).await, NOTHING);
            assert_eq!(w.statements(&deployed, None).await, ["lt-0a1b2c3d-rules"]);
        }
        assert_eq!(function(&w, "existing").await, before);
        let touched = of_function(w.aws_writes(), "existing");
        assert!(touched.iter().all(|operation| operation.ends_with("Permission")), "{touched:?}");
    });
}
