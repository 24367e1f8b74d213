//! A status that somebody edited: it says what the operator has to take away, and gets nothing taken away that is not the
//! operator's own.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use lambda_triggers_tests::env::{self, REGION, TestEnv};
use serde_json::{Value, json};

use crate::objects::NO_RESYNC;
use crate::scheduled::view::{KIND, STATEMENT, rules};
use crate::support::{AwsView, scheduled};

/// Replaces what the status of an object says was made.
async fn edit(env: &TestEnv, name: &str, applied: &Value) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", KIND));
    let api: Api<DynamicObject> = Api::namespaced_with(env.kube().clone(), env.namespace(), &resource);
    let patch = Patch::Merge(json!({"status": {"applied": applied}}));
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

#[test]
fn what_an_edited_status_names_is_left_alone_where_it_is_not_ours() {
    env::test("edited", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        let function = env.function("report").await;
        env.permit_bucket("report", "photos").await;
        let foreign = env.statements("report", None).await;
        env.events().put_rule().name("theirs").schedule_expression("rate(1 day)").send().await.unwrap();
        let theirs = rules(&env).await;
        env.apply(&scheduled("hourly", "report", "schedule: rate(1 hour)")).await;
        let object = env.until_ready(KIND, "hourly").await;
        assert_eq!(env.statements("report", None).await, [&foreign[..], &[STATEMENT.to_owned()]].concat());
        controller.stop().await;

        let mut applied = object["status"]["applied"].clone();
        let mut name_too = |what: &str, thing: Value| match applied[what].as_array_mut() {
            Some(things) => things.push(thing),
            None => applied[what] = json!([thing]),
        };
        name_too("permissions", json!({"functionArn": function, "statementId": foreign[0]}));
        name_too("rules", json!({"region": REGION, "name": "theirs"}));
        name_too("functions", json!({"region": REGION, "name": "report"}));
        edit(&env, "hourly", &applied).await;
        controller.start();
        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;

        assert_eq!(env.statements("report", None).await, foreign);
        assert_eq!(rules(&env).await, theirs);
        env.lambda().get_function().function_name("report").send().await.unwrap();
    });
}
