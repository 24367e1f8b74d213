//! A status that somebody edited: it says what the operator has to take away, and gets nothing taken away that is not the
//! operator's own.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use lambda_triggers_tests::world::{self, REGION, World};
use serde_json::{Value, json};

use crate::objects::NO_RESYNC;
use crate::scheduled::view::{KIND, STATEMENT, rules};
use crate::support::{AwsView, scheduled};

/// Replaces what the status of an object says was made.
async fn edit(w: &World, name: &str, applied: &Value) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", KIND));
    let api: Api<DynamicObject> = Api::namespaced_with(w.kube().clone(), w.namespace(), &resource);
    let patch = Patch::Merge(json!({"status": {"applied": applied}}));
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

#[test]
fn what_an_edited_status_names_is_left_alone_where_it_is_not_ours() {
    world::test("edited", async |w| {
        let mut controller = w.controller(&NO_RESYNC);
        let function = w.function("report").await;
        w.permit_bucket("report", "photos").await;
        let foreign = w.statements("report", None).await;
        w.events().put_rule().name("theirs").schedule_expression("rate(1 day)").send().await.unwrap();
        let theirs = rules(&w).await;
        w.apply(&scheduled("hourly", "report", "schedule: rate(1 hour)")).await;
        let object = w.until_ready(KIND, "hourly").await;
        assert_eq!(w.statements("report", None).await, [&foreign[..], &[STATEMENT.to_owned()]].concat());
        controller.stop().await;

        let mut applied = object["status"]["applied"].clone();
        let mut name_too = |what: &str, thing: Value| match applied[what].as_array_mut() {
            Some(things) => things.push(thing),
            None => applied[what] = json!([thing]),
        };
        name_too("permissions", json!({"functionArn": function, "statementId": foreign[0]}));
        name_too("rules", json!({"region": REGION, "name": "theirs"}));
        name_too("functions", json!({"region": REGION, "name": "report"}));
        edit(&w, "hourly", &applied).await;
        controller.start();
        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;

        assert_eq!(w.statements("report", None).await, foreign);
        assert_eq!(rules(&w).await, theirs);
        w.lambda().get_function().function_name("report").send().await.unwrap();
    });
}
