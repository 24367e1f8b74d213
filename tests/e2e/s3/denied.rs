//! Missing IAM permissions: the status names each denied action, and the object is reconciled once the action is
//! allowed.

use lambda_triggers_tests::aws_proxy::Call;
use lambda_triggers_tests::env;
use serde_json::Value;

use super::view::{
    GET, KIND, PUT, RESYNC_1S, allow, clear_calls, deny, entry, event, events_of, own, policy, stalled,
    wait_for_conditions, wait_for_events,
};
use crate::support::{AwsView, LIMIT, s3};

/// The operator's message about a denied Lambda call.
fn lambda(action: &str) -> String {
    format!("AWS denies {action} on function thumbs: allow {action} in the IAM policy of the operator's role")
}

/// The operator's message about a denied call for a function's policy.
fn lambda_policy(action: &str) -> String {
    format!(
        "{}; if another tool manages the function's policy, set spec.function.permission to External",
        lambda(action)
    )
}

/// The operator's message about a denied S3 call.
fn s3_denied(action: &str, bucket: &str) -> String {
    format!(
        "AWS denies {action} on bucket {bucket}: allow {action} in the IAM policy of the operator's role, and \
         make sure that the bucket's policy does not deny it and that spec.bucketOwner is the account that \
         owns the bucket"
    )
}

/// Denies `operation` before the first reconcile. The object must be stalled at `part`, and become ready once the
/// operation is allowed.
fn test_denied_on_creation(operation: &str, message: impl Fn(&str) -> String, fine: &[&str], part: &str) {
    env::test("denied", async |env| {
        let function = env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let message = message(&bucket);
        deny(&env, operation);
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        wait_for_conditions(&env, "thumbs", &stalled("AccessDenied", &message, fine, part)).await;
        assert_eq!(events_of(&env, "thumbs").await, [event("Warning", "AccessDenied", message)]);

        allow(&env);
        env.until_ready(KIND, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), [entry(&env, "thumbs", &function, "", "")]);
    });
}

/// A new permission needs no read. The next resync reads the policy.
#[test]
fn denied_get_policy_is_reported_at_a_resync() {
    env::test("denied-resync", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        deny(&env, "GetPolicy");
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        let denied = stalled("AccessDenied", &lambda_policy("lambda:GetPolicy"), &[], "PermissionReady");
        wait_for_conditions(&env, "thumbs", &denied).await;
        allow(&env);
        env.until_ready(KIND, "thumbs").await;
    });
}

#[test]
fn denied_add_permission_is_reported() {
    test_denied_on_creation(
        "AddPermission",
        |_| lambda_policy("lambda:AddPermission"),
        &[],
        "PermissionReady",
    );
}

#[test]
fn denied_bucket_read_is_reported() {
    let message = |bucket: &str| s3_denied("s3:GetBucketNotification", bucket);
    test_denied_on_creation(GET, message, &[], "NotificationReady");
}

#[test]
fn denied_bucket_write_is_reported() {
    let message = |bucket: &str| s3_denied("s3:PutBucketNotification", bucket);
    test_denied_on_creation(PUT, message, &["FunctionReady", "PermissionReady"], "NotificationReady");
}

/// Denies `operation` during the deletion. The deletion must be blocked with a message, and complete once the operation
/// is allowed.
fn test_denied_on_deletion(operation: &str, message: impl Fn(&str) -> String, part: &str) {
    env::test("denied-deletion", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let message = message(&bucket);
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(KIND, "thumbs").await;
        deny(&env, operation);
        clear_calls(&env);
        env.delete(KIND, "thumbs").await;
        wait_for_conditions(&env, "thumbs", &stalled("AccessDenied", &message, &[], part)).await;
        let blocked = event("Warning", "DeletionBlocked", message);
        assert_eq!(wait_for_events(&env, "thumbs", "DeletionBlocked").await, blocked);

        // Repeated denials must not complete the deletion.
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
fn denied_bucket_read_blocks_the_deletion() {
    test_denied_on_deletion(GET, |bucket| s3_denied("s3:GetBucketNotification", bucket), "NotificationReady");
}

#[test]
fn denied_bucket_write_blocks_the_deletion() {
    test_denied_on_deletion(PUT, |bucket| s3_denied("s3:PutBucketNotification", bucket), "NotificationReady");
}

#[test]
fn denied_remove_permission_blocks_the_deletion() {
    test_denied_on_deletion("RemovePermission", |_| lambda("lambda:RemovePermission"), "PermissionReady");
}
