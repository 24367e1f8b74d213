//! The status subresource, and server-side apply of the status.

use ::kube::Api;
use ::kube::api::{Patch, PatchParams, PostParams};
use ::kube::core::DynamicObject;
use lambda_triggers_core::api::S3TriggeredFunction;
use serde_json::{Value, json};

use super::*;

async fn apply(
    api: &Api<S3TriggeredFunction>,
    manager: &str,
    uid: &Value,
    status: Value,
) -> Result<Value, Error> {
    let patch = json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND, "metadata": {"uid": uid}, "status": status,
    });
    let params = PatchParams::apply(manager).force();
    api.patch_status("a", &params, &Patch::Apply(patch)).await.map(|object| json_of(&object))
}

fn condition(kind: &str, status: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": "Because", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

#[tokio::test(start_paused = true)]
async fn fields_that_a_manager_omits_are_removed() {
    let (cluster, client) = cluster();
    let uid = cluster.apply(&manifest("a", "photos")).expect("apply")["metadata"]["uid"].clone();
    let api = functions(&client);
    let first = json!({"observedGeneration": 1, "conditions": [condition("Ready", "True"), condition("Old", "True")]});
    apply(&api, "us", &uid, first).await.expect("apply");
    let theirs = json!({"conditions": [condition("Theirs", "True")]});
    apply(&api, "them", &uid, theirs).await.expect("apply");
    let second = json!({"conditions": [condition("Ready", "False")]});
    apply(&api, "us", &uid, second.clone()).await.expect("apply");
    let object = cluster.get(KIND, "default", "a").expect("the object exists");
    let status = json!({"conditions": [condition("Ready", "False"), condition("Theirs", "True")]});
    assert_eq!(object["status"], status);
    assert_eq!(object["metadata"]["generation"], 1);
    assert_eq!(cluster.status_writes(), 3);

    apply(&api, "us", &uid, second).await.expect("apply");
    assert_eq!(cluster.status_writes(), 3, "a write without a change makes no version");
    let last = cluster.journal().pop().expect("the journal has writes");
    assert_eq!(
        (last.operation.as_str(), &last.object["status"]),
        ("kube:patch s3triggeredfunctions/status", &status)
    );
}

#[tokio::test(start_paused = true)]
async fn only_a_patch_of_the_status_ignores_the_uid() {
    let (cluster, client) = cluster();
    let object = cluster.apply(&manifest("a", "photos")).expect("apply");
    let api = functions(&client);
    let status = json!({"observedGeneration": 1});
    let written = apply(&api, "us", &json!("another"), status.clone()).await.expect("apply");
    assert_eq!((&written["status"], &written["metadata"]["uid"]), (&status, &object["metadata"]["uid"]));

    let params = PatchParams::default();
    let test = json!([
        {"op": "test", "path": "/metadata/uid", "value": "another"},
        {"op": "replace", "path": "/status/observedGeneration", "value": 2},
    ]);
    let refused = api.patch_status("a", &params, &Patch::<()>::Json(typed(test))).await;
    assert_eq!(refusal(refused), (422, "Invalid".into()));
    let other = json!({"metadata": {"uid": "another"}});
    assert_eq!(refusal(api.patch("a", &params, &Patch::Merge(other)).await), (422, "Invalid".into()));
    let mut other = api.get("a").await.expect("get");
    other.metadata.uid = Some("another".into());
    let params = PostParams::default();
    assert_eq!(refusal(api.replace("a", &params, &other).await), (409, "Conflict".into()));
    assert_eq!(refusal(api.replace_status("a", &params, &other).await), (409, "Conflict".into()));
    assert_eq!(cluster.status_writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_status_of_an_old_version_or_a_missing_object_is_refused() {
    let (cluster, client) = cluster();
    let api = functions(&client);
    let refused = apply(&api, "us", &json!("another"), json!({})).await;
    assert_eq!(refusal(refused), (404, "NotFound".into()));
    cluster.apply(&manifest("a", "photos")).expect("apply");
    let old = json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND, "metadata": {"resourceVersion": "3"},
        "status": {"observedGeneration": 1},
    });
    let refused = api.patch_status("a", &PatchParams::apply("us").force(), &Patch::Apply(old)).await;
    assert_eq!(refusal(refused), (409, "Conflict".into()));
    assert_eq!(cluster.status_writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_status_write_changes_only_the_status() {
    let (cluster, client) = cluster();
    let before = cluster.apply(&manifest("a", "photos")).expect("apply");
    let patch = json!({"spec": {"bucket": "films"}, "metadata": {"labels": {"a": "b"}}, "status": {"observedGeneration": 1}});
    let params = PatchParams::default();
    functions(&client).patch_status("a", &params, &Patch::Merge(patch)).await.expect("patch");
    let mut expected = before;
    expected["status"] = json!({"observedGeneration": 1});
    expected["metadata"]["resourceVersion"] = "5".into();
    assert_eq!(cluster.get(KIND, "default", "a"), Some(expected));
    let none: Result<DynamicObject, _> = client
        .request(
            hyper::Request::get("/api/v1/namespaces/default/configmaps/a/status")
                .body(vec![])
                .expect("a request"),
        )
        .await;
    assert_eq!(refusal(none), (404, "NotFound".into()));
}
