//! Schedules with an external permission.

use lambda_triggers_tests::world;

use super::view::{KIND, in_place, rules};
use crate::objects::{RESYNC_1S, allow, condition, deny, nothing_is_written_at_rest, until_conditions};
use crate::support::{AwsView, scheduled};

#[test]
fn an_external_permission_leaves_the_policy_alone() {
    world::test("external-rule", async |w| {
        w.function("hourly").await;
        for operation in ["GetPolicy", "AddPermission", "RemovePermission"] {
            deny(&w, operation, "hourly");
        }
        let _controller = w.controller(&RESYNC_1S);
        let manifest = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        w.apply(&manifest.replace("{name: hourly}", "{name: hourly, permission: External}")).await;
        let message = "spec.function.permission is External: the operator neither adds nor checks the permission of EventBridge to \
                       invoke hourly";
        let mut expected = in_place();
        for found in &mut expected {
            if found[0] == "PermissionReady" {
                *found = condition("PermissionReady", "True", "ExternalPermission", message);
            }
        }
        until_conditions(&w, KIND, "hourly", &expected).await;
        assert_eq!(rules(&w).await.len(), 1);
        nothing_is_written_at_rest(&w, KIND, &["hourly"]).await;
        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        allow(&w);
        assert_eq!(w.statements("hourly", None).await, Vec::<String>::new());
        assert_eq!(w.rule_names().await, Vec::<String>::new());
    });
}

#[test]
fn a_permission_that_becomes_external_goes_with_the_resource() {
    world::test("becomes-external", async |w| {
        w.function("hourly").await;
        let _controller = w.controller(&RESYNC_1S);
        let manifest = scheduled("hourly", "hourly", "schedule: rate(1 hour)");
        w.apply(&manifest).await;
        w.until_ready(KIND, "hourly").await;
        let statements = w.statements("hourly", None).await;
        w.apply(&manifest.replace("{name: hourly}", "{name: hourly, permission: External}")).await;
        w.until_ready(KIND, "hourly").await;
        assert_eq!(w.statements("hourly", None).await, statements);
        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        assert_eq!(w.statements("hourly", None).await, Vec::<String>::new());
    });
}
