//! An edited status: the operator deletes only its own AWS resources, even if the status names other resources.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use lambda_triggers_tests::env::{self, REGION, TestEnv};
use serde_json::{Value, json};

use crate::objects::NO_RESYNC;
use crate::scheduled::view::{KIND, STATEMENT, rules};
use crate::support::{AwsView, scheduled};

/// Replaces the list of AWS resources in the status of an object.
async fn edit_applied(env: &TestEnv, name: &str, applied: &Value) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", KIND));
    let api: Api<DynamicObject> = Api::namespaced_with(env.kube().clone(), env.namespace(), &resource);
    let patch = Patch::Merge(json!({"status": {"applied": applied}}));
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

#[test]
fn foreign_resources_in_an_edited_status_are_not_deleted() {
    env::test("edited", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        let function = env.function("report").await;
        env.permit_bucket("report", "photos").await;
        let foreign_statements = env.statements("report", None).await;
        env.events().put_rule().name("theirs").schedule_expression("rate(1 day)").send().await.unwrap();
        let foreign_rules = rules(&env).await;
        env.apply(&scheduled("hourly", "report", "schedule: rate(1 hour)")).await;
        let object = env.until_ready(KIND, "hourly").await;
        assert_eq!(
            env.statements("report", None).await,
            [&foreign_statements[..], &[STATEMENT.to_owned()]].concat()
        );
        controller.stop().await;

        let mut applied = object["status"]["applied"].clone();
        let mut add = |what: &str, resource: Value| match applied[what].as_array_mut() {
            Some(resources) => resources.push(resource),
            None => applied[what] = json!([resource]),
        };
        add("permissions", json!({"functionArn": function, "statementId": foreign_statements[0]}));
        add("rules", json!({"region": REGION, "name": "theirs"}));
        add("functions", json!({"region": REGION, "name": "report"}));
        edit_applied(&env, "hourly", &applied).await;
        controller.start();
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;

        assert_eq!(env.statements("report", None).await, foreign_statements);
        assert_eq!(rules(&env).await, foreign_rules);
        env.lambda().get_function().function_name("report").send().await.unwrap();
    });
}

#[test]
fn a_recorded_permission_without_a_recorded_rule_is_removed() {
    env::test("permission-alone", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        env.function("report").await;
        let previous = env.function("previous").await;
        env.apply(&scheduled("hourly", "report", "schedule: rate(1 hour)")).await;
        let object = env.until_ready(KIND, "hourly").await;
        controller.stop().await;

        let permission = env.lambda().add_permission().function_name("previous").statement_id(STATEMENT);
        let permission = permission.action("lambda:InvokeFunction").principal("events.amazonaws.com");
        permission.send().await.unwrap();
        let mut applied = object["status"]["applied"].clone();
        applied["rules"] = json!([]);
        let permissions = applied["permissions"].as_array_mut().unwrap();
        permissions.push(json!({"functionArn": previous, "statementId": STATEMENT}));
        edit_applied(&env, "hourly", &applied).await;
        controller.start();
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;

        assert_eq!(env.statements("report", None).await, [""; 0]);
        assert_eq!(env.statements("previous", None).await, [""; 0]);
        assert_eq!(rules(&env).await.len(), 0);
    });
}
