//! Rights that the operator lacks: each is named by its action, and what waits for it goes on when it is given.

use lambda_triggers_tests::aws_proxy::Call;
use lambda_triggers_tests::env;
use serde_json::Value;

use super::view::{
    GET, KIND, PUT, RESYNC_1S, allow, deny, entry, event, events_of, forget_calls, own, policy, stalled,
    until_conditions, until_events,
};
use crate::support::{AwsView, LIMIT, s3};

/// What the operator says of a call to Lambda that it may not make.
fn lambda(action: &str) -> String {
    format!("AWS denies {action} on function thumbs: allow {action} in the IAM policy of the operator's role")
}

/// What the operator says of a call for a function's policy that it may not make.
fn of_policy(action: &str) -> String {
    format!(
        "{}; where others manage the function's policy, set spec.function.permission to External",
        lambda(action)
    )
}

/// What the operator says of a call to S3 that it may not make.
fn s3_denied(action: &str, bucket: &str) -> String {
    format!(
        "AWS denies {action} on bucket {bucket}: allow {action} in the IAM policy of the operator's role, and see that \
         the bucket's policy does not deny it and that spec.bucketOwner is the account that owns the bucket"
    )
}

/// An object whose first reconcile may not call `operation` is stalled at `part`, and ready once it may.
fn denied_while_made(operation: &str, message: impl Fn(&str) -> String, fine: &[&str], part: &str) {
    env::test("denied", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let message = message(&bucket);
        deny(&env, operation);
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        until_conditions(&env, "thumbs", &stalled("AccessDenied", &message, fine, part)).await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "AccessDenied", message)]);

        allow(&env);
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
    });
}

#[test]
fn get_function() {
    denied_while_made("GetFunction", |_| lambda("lambda:GetFunction"), &[], "FunctionReady");
}

#[test]
fn get_policy() {
    denied_while_made("GetPolicy", |_| of_policy("lambda:GetPolicy"), &["FunctionReady"], "PermissionReady");
}

#[test]
fn add_permission() {
    denied_while_made(
        "AddPermission",
        |_| of_policy("lambda:AddPermission"),
        &["FunctionReady"],
        "PermissionReady",
    );
}

#[test]
fn get_notification_configuration() {
    let message = |bucket: &str| s3_denied("s3:GetBucketNotification", bucket);
    denied_while_made(GET, message, &["FunctionReady", "PermissionReady"], "NotificationReady");
}

#[test]
fn put_notification_configuration() {
    let message = |bucket: &str| s3_denied("s3:PutBucketNotification", bucket);
    denied_while_made(PUT, message, &["FunctionReady", "PermissionReady"], "NotificationReady");
}

/// The deletion of an object waits for the right to call `operation`, and says so.
fn denied_while_deleted(operation: &str, message: impl Fn(&str) -> String, part: &str) {
    env::test("denied-deletion", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let message = message(&bucket);
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        deny(&env, operation);
        forget_calls(&env);
        env.delete(KIND, "thumbs").await;
        until_conditions(&env, "thumbs", &stalled("AccessDenied", &message, &[], part)).await;
        let blocked = event("Warning", "DeletionBlocked", message);
        assert_eq!(until_events(&env, "thumbs", "DeletionBlocked").await, blocked);

        // Denied again and again, it is still not taken for done.
        let denied =
            |calls: &[Call]| calls.iter().filter(|c| c.operation == operation && c.status == 403).count() > 3;
        env.aws_proxy().wait_for_calls(env.account(), LIMIT, denied).await.expect("it is tried again");
        assert!(env.object(KIND, "thumbs").await.is_some());
        allow(&env);
        env.until_gone(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        assert_eq!(policy(&env, "thumbs", None).await, Vec::<Value>::new());
    });
}

#[test]
fn get_notification_configuration_on_deletion() {
    denied_while_deleted(GET, |bucket| s3_denied("s3:GetBucketNotification", bucket), "NotificationReady");
}

#[test]
fn put_notification_configuration_on_deletion() {
    denied_while_deleted(PUT, |bucket| s3_denied("s3:PutBucketNotification", bucket), "NotificationReady");
}

#[test]
fn get_policy_on_deletion() {
    denied_while_deleted("GetPolicy", |_| lambda("lambda:GetPolicy"), "PermissionReady");
}

#[test]
fn remove_permission_on_deletion() {
    denied_while_deleted("RemovePermission", |_| lambda("lambda:RemovePermission"), "PermissionReady");
}
