//! Schedules with an external permission.

use lambda_triggers_tests::env;

use super::view::{KIND, in_place, rules};
use crate::objects::{RESYNC_1S, allow, assert_no_writes_at_rest, condition, deny, wait_for_conditions};
use crate::support::{AwsView, scheduled};

#[test]
fn an_external_permission_makes_no_policy_calls() {
    env::test("external-rule", async |env| {
        env.function("hourly").await;
        for operation in ["GetPolicy", "AddPermission", "RemovePermission"] {
            deny(&env, operation, "hourly");
        }
        let _controller = env.controller(&RESYNC_1S);
        let manifest = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        env.apply(&manifest.replace("{name: hourly}", "{name: hourly, permission: External}")).await;
        let message = "spec.function.permission is External: the operator neither adds nor checks the permission of EventBridge to \
                       invoke hourly";
        let mut expected = in_place();
        for permission in &mut expected {
            if permission[0] == "PermissionReady" {
                *permission = condition("PermissionReady", "True", "ExternalPermission", message);
            }
        }
        wait_for_conditions(&env, KIND, "hourly", &expected).await;
        assert_eq!(rules(&env).await.len(), 1);
        assert_no_writes_at_rest(&env, KIND, &["hourly"]).await;
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        allow(&env);
        assert_eq!(env.statements("hourly", None).await, Vec::<String>::new());
        assert_eq!(env.rule_names().await, Vec::<String>::new());
    });
}

#[test]
fn a_permission_changed_to_external_is_removed_on_deletion() {
    env::test("becomes-external", async |env| {
        env.function("hourly").await;
        let _controller = env.controller(&RESYNC_1S);
        let manifest = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        env.apply(&manifest).await;
        env.until_ready(KIND, "hourly").await;
        let statements = env.statements("hourly", None).await;
        env.apply(&manifest.replace("{name: hourly}", "{name: hourly, permission: External}")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(env.statements("hourly", None).await, statements);
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(env.statements("hourly", None).await, Vec::<String>::new());
    });
}
