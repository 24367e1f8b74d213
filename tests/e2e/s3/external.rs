//! Bucket triggers with an external permission.

use lambda_triggers_core::iam::Scope;
use lambda_triggers_core::status::Reason;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use super::view::{
    Condition, KIND, NO_RESYNC, RESYNC_1S, allow, conditions, deny, entry, in_place, own, owner, policy,
    stalled, wait_for_conditions,
};
use crate::objects::{assert_no_writes_at_rest, failed};
use crate::support::{AwsView, LIMIT, s3};

/// The calls that change a function's policy.
const WRITES: [&str; 2] = ["AddPermission", "RemovePermission"];

/// The conditions of a ready object with an external permission.
fn in_place_with_external_permission(bucket: &str, message: &str) -> Vec<Condition> {
    let mut conditions = in_place("Applied", &format!("1 entry is in bucket {bucket}"));
    conditions[2] =
        ["PermissionReady", "True", Reason::ExternalPermission.as_str(), message].map(ToOwned::to_owned);
    conditions
}

fn external(env: &TestEnv, function: &str, bucket: &str) -> String {
    let manifest = s3(function, function, bucket, "");
    assert!(manifest.contains(&format!("{{name: {function}}}")), "{}", env.namespace());
    manifest.replace(&format!("{{name: {function}}}"), &format!("{{name: {function}, permission: External}}"))
}

#[test]
fn a_foreign_statement_is_enough_if_adding_one_is_denied() {
    env::test("by-others", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("thumbs", &bucket).await;
        WRITES.iter().for_each(|operation| deny(&env, operation));
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let sid = format!("bucket-{}", bucket.replace('.', "-"));
        let message = format!(
            "AWS denies the operator a change of the policy of thumbs, whose statement {sid} permits bucket {bucket} to invoke it"
        );
        wait_for_conditions(&env, "thumbs", &in_place_with_external_permission(&bucket, &message)).await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        // The denied call is not repeated.
        assert_no_writes_at_rest(&env, KIND, &["thumbs"]).await;

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(env.statements("thumbs", None).await, [sid]);
    });
}

#[test]
fn a_removed_foreign_statement_is_replaced_once_allowed() {
    env::test("by-others-gone", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("thumbs", &bucket).await;
        deny(&env, "AddPermission");
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        allow(&env);
        let [sid] = &env.statements("thumbs", None).await[..] else { panic!("one statement") };
        env.lambda().remove_permission().function_name("thumbs").statement_id(sid).send().await.unwrap();
        wait_for_conditions(&env, "thumbs", &in_place("Applied", &format!("1 entry is in bucket {bucket}")))
            .await;
        let own_statements = policy(&env, "thumbs", None).await;
        assert_eq!(own_statements.len(), 1);
        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn an_external_permission_needs_no_access_to_the_policy() {
    env::test("external", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("thumbs", &bucket).await;
        let statements = env.statements("thumbs", None).await;
        WRITES.iter().chain(&["GetPolicy"]).for_each(|operation| deny(&env, operation));
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let denied = "AWS denies lambda:AddPermission on function thumbs: allow lambda:AddPermission in the IAM \
                      policy of the operator's role; if another tool manages the function's policy, set \
                      spec.function.permission to External";
        let expected = stalled("AccessDenied", denied, &[], "PermissionReady");
        wait_for_conditions(&env, "thumbs", &expected).await;

        env.apply(&external(&env, "thumbs", &bucket)).await;
        let message = format!(
            "spec.function.permission is External: the operator neither adds nor checks the permission of bucket {bucket} to \
             invoke thumbs"
        );
        wait_for_conditions(&env, "thumbs", &in_place_with_external_permission(&bucket, &message)).await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
        assert_no_writes_at_rest(&env, KIND, &["thumbs"]).await;

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        allow(&env);
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(env.statements("thumbs", None).await, statements);
    });
}

#[test]
fn a_missing_external_permission_blocks_no_other_resource() {
    env::test("external-missing", async |env| {
        let function = env.function("thumbs").await;
        let report = env.function("report").await;
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(
            &external(&env, "thumbs", &bucket).replace("  bucket:", "  filters: [{prefix: a/}]\n  bucket:"),
        )
        .await;
        let message = format!(
            "S3 refuses entries for the function thumbs, whose policy does not permit bucket {bucket} to \
             invoke it; spec.function.permission is External, so the operator does not add the permission: ask \
             the owner of the policy to permit lambda:InvokeFunction to s3.amazonaws.com with AWS:SourceArn \
             arn:aws:s3:::{bucket} and AWS:SourceAccount {}, or set spec.function.permission to Managed",
            env.account()
        );
        let mut refused = failed(
            "Reconciling",
            "DestinationRefused",
            &message,
            &["FunctionReady", "PermissionReady"],
            "NotificationReady",
        );
        let message_start = "spec.function.permission is External: the operator neither adds nor checks the permission of bucket ";
        refused[3] = [
            "PermissionReady",
            "True",
            "ExternalPermission",
            &format!("{message_start}{bucket} to invoke thumbs"),
        ]
        .map(ToOwned::to_owned);
        wait_for_conditions(&env, "thumbs", &refused).await;

        env.apply(&s3("report", "report", &bucket, "filters: [{prefix: b/}]")).await;
        env.until_ready(KIND, "report").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "report", &report, "b/", "")]);

        env.permit_bucket("thumbs", &bucket).await;
        env.until_ready(KIND, "thumbs").await;
        let both = [entry(&env, "report", &report, "b/", ""), entry(&env, "thumbs", &function, "a/", "")];
        assert_eq!(own(&env.document(&bucket).await), both);
    });
}

#[test]
fn a_bucket_triggers_a_function_of_another_account() {
    env::test("other-account", async |env| {
        let account = format!("6{}", &env.account()[1..]);
        let function = env.create_function(&env.lambda_of(&account).await, "thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let scope = Scope {
            functions: vec!["*".into(), function.clone()],
            ..Scope::for_account(env.account(), Some(owner()))
        };
        env.aws_proxy().expect_operator(env.account(), scope);
        let _controller = env.controller(&NO_RESYNC);
        let manifest = s3("thumbs", "thumbs", &bucket, &format!("bucketOwner: '{}'", env.account()));
        env.apply(
            &manifest.replace("{name: thumbs}", &format!("{{arn: '{function}', permission: External}}")),
        )
        .await;
        env.until(LIMIT, "S3 to refuse the function", async || {
            let conditions = conditions(&env, "thumbs").await;
            let ready = conditions
                .iter()
                .find(|condition| condition[0] == "Ready")
                .cloned()
                .ok_or("no conditions")?;
            if ready[2] == "DestinationRefused" { Ok(()) } else { Err(format!("{ready:?}")) }
        })
        .await;
        env.permit_bucket_in(&account, "thumbs", &bucket).await;
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);

        env.delete(KIND, "thumbs").await;
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
    });
}
