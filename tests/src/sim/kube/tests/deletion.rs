//! The deletion of objects with finalizers, and of namespaces.

use ::kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use ::kube::{Api, ResourceExt};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::*;

fn held(mut manifest: Value) -> Value {
    manifest["metadata"]["finalizers"] = json!(["x/y"]);
    manifest
}

#[tokio::test(start_paused = true)]
async fn an_object_disappears_with_its_last_finalizer() {
    let (cluster, client) = cluster();
    cluster.apply(&held(manifest("a", "photos"))).expect("apply");
    pass(60).await;
    let api = functions(&client);
    for _ in 0..2 {
        let object = api
            .delete("a", &DeleteParams::default())
            .await
            .expect("delete")
            .left()
            .expect("a finalizer holds the object");
        assert_eq!(json_of(&object.metadata.deletion_timestamp), "2026-01-01T00:01:00Z");
        assert_eq!((object.metadata.generation, object.resource_version().as_deref()), (Some(2), Some("5")));
    }
    let more = Patch::Merge(json!({"metadata": {"finalizers": ["x/y", "x/z"]}}));
    let refused = api.patch("a", &PatchParams::default(), &more).await;
    assert_eq!(refusal(refused), (422, "Invalid".into()));
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let last = api.patch("a", &PatchParams::default(), &none).await.expect("patch");
    assert_eq!((last.resource_version().as_deref(), last.finalizers()), (Some("5"), &[] as &[String]));
    let change = cluster.journal().pop().expect("the journal has writes");
    assert_eq!((change.version, &change.object["metadata"]["finalizers"]), (6, &json!(["x/y"])));
    assert_eq!(cluster.get(KIND, "default", "a"), None);
    assert_eq!(refusal(api.delete("a", &DeleteParams::default()).await), (404, "NotFound".into()));
}

#[tokio::test(start_paused = true)]
async fn deletion_without_finalizers_checks_the_preconditions() {
    let (cluster, client) = cluster();
    cluster.apply(&config_map("a", "1")).expect("apply");
    let other = Preconditions { uid: Some("another".into()), resource_version: None };
    let api = config_maps(&client);
    let refused = api.delete("a", &DeleteParams::default().preconditions(other)).await;
    assert_eq!(refusal(refused), (409, "Conflict".into()));
    assert!(api.delete("a", &DeleteParams::default()).await.expect("delete").is_right());
    assert_eq!(cluster.objects("ConfigMap"), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn a_terminating_namespace_waits_for_finalizers_and_refuses_new_objects() {
    let (cluster, client) = cluster();
    cluster.create_namespace("team");
    let within = |mut manifest: Value| {
        manifest["metadata"]["namespace"] = "team".into();
        manifest
    };
    cluster.apply(&within(held(manifest("a", "photos")))).expect("apply");
    cluster.apply(&within(config_map("code", "1"))).expect("apply");
    cluster.delete_namespace("team").expect("delete");
    assert_eq!(cluster.get("ConfigMap", "team", "code"), None);
    let namespace = cluster.get("Namespace", "", "team").expect("a finalizer holds the object");
    assert_eq!(namespace["status"]["phase"], "Terminating");
    let team: Api<ConfigMap> = Api::namespaced(client.clone(), "team");
    let new: ConfigMap = typed(config_map("new", "1"));
    assert_eq!(refusal(team.create(&PostParams::default(), &new).await), (403, "Forbidden".into()));

    let held: Api<lambda_triggers_core::api::S3TriggeredFunction> = Api::namespaced(client, "team");
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    held.patch("a", &PatchParams::default(), &none).await.expect("patch");
    assert_eq!(cluster.get("Namespace", "", "team"), None);
    assert_eq!(refusal(team.create(&PostParams::default(), &new).await), (404, "NotFound".into()));
}
