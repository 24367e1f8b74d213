//! Schedules with an external permission.

use lambda_triggers_tests::env;

use super::view::{KIND, in_place, rules};
use crate::objects::{RESYNC_1S, allow, condition, deny, nothing_is_written_at_rest, until_conditions};
use crate::support::{AwsView, scheduled};

#[test]
fn an_external_permission_leaves_the_policy_alone() {
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
        for found in &mut expected {
            if found[0] == "PermissionReady" {
                *found = condition("PermissionReady", "True", "ExternalPermission", message);
            }
        }
        until_conditions(&env, KIND, "hourly", &expected).await;
        assert_eq!(rules(&env).await.len(), 1);
        nothing_is_written_at_rest(&env, KIND, &["hourly"]).await;
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        allow(&env);
        assert_eq!(env.statements("hourly", None).await, Vec::<String>::new());
        assert_eq!(env.rule_names().await, Vec::<String>::new());
    });
}

#[test]
fn a_permission_that_becomes_external_goes_with_the_resource() {
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
