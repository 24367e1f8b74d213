//! Reads, creations and changes of objects.

use ::kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use ::kube::core::PartialObjectMeta;
use ::kube::runtime::events::{Event, EventType, Recorder, Reporter};
use ::kube::{Api, ResourceExt};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ObjectReference};
use lambda_triggers_core::api::S3TriggeredFunction;
use serde_json::{Value, json};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_new_object_gets_metadata_and_the_defaults_of_the_schema() {
    let (cluster, client) = cluster();
    pass(90).await;
    let mut wanted = manifest("a", "photos");
    wanted["spec"]["unknown"] = 1.into();
    wanted["status"] = json!({"observedGeneration": 7});
    cluster.apply(&wanted).expect("apply");
    let object = functions(&client).get("a").await.expect("get");
    let meta = &object.metadata;
    assert_eq!((meta.generation, meta.resource_version.as_deref()), (Some(1), Some("4")));
    assert_eq!(json_of(&meta.creation_timestamp), "2026-01-01T00:01:30Z");
    let stored = cluster.get(KIND, "default", "a").expect("the object exists");
    assert_eq!(
        stored["spec"],
        json!({
            "function": {"name": "resize", "permission": "Managed"}, "bucket": "photos", "events": ["s3:ObjectCreated:*"],
            "deletionPolicy": "Delete", "suspend": false,
        })
    );
    assert_eq!(stored["status"], json!({"observedGeneration": -1}));
}

#[tokio::test(start_paused = true)]
async fn uids_depend_on_the_name_of_the_cluster() {
    let uid = |cluster: &Cluster, name| {
        cluster.get("Namespace", "", name).map(|object| object["metadata"]["uid"].clone())
    };
    let (cluster, client) = cluster();
    let again = Cluster::new();
    let other = Cluster::named("other");
    let namespaces: Api<Namespace> = Api::all(client);
    let seen = namespaces.get("kube-system").await.expect("get").uid().map(Value::from);
    assert_eq!((uid(&again, "kube-system"), uid(&cluster, "kube-system")), (seen.clone(), seen.clone()));
    assert_ne!(uid(&other, "kube-system"), seen);
    assert_ne!(uid(&cluster, "default"), seen);
}

#[tokio::test(start_paused = true)]
async fn only_a_changed_spec_increments_the_generation() {
    let (cluster, client) = cluster();
    cluster.apply(&manifest("a", "photos")).expect("apply");
    let api = functions(&client);
    let versions = async |patch: Value| {
        let object = api.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await.expect("patch");
        (object.metadata.generation, object.metadata.resource_version)
    };
    let version = |version: &str| Some(version.to_owned());
    assert_eq!(versions(json!({"metadata": {"labels": {"a": "b"}}})).await, (Some(1), version("5")));
    assert_eq!(versions(json!({"metadata": {"labels": {"a": "b"}}})).await, (Some(1), version("5")));
    assert_eq!(versions(json!({"status": {"observedGeneration": 3}})).await, (Some(1), version("5")));
    assert_eq!(versions(json!({"spec": {"bucket": "films"}})).await, (Some(2), version("6")));
    let operations: Vec<String> = cluster.journal().into_iter().map(|change| change.operation).collect();
    let patch = "kube:patch s3triggeredfunctions";
    assert_eq!(operations[2..], ["test:apply s3triggeredfunctions", patch, patch]);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_an_old_version_conflicts() {
    let (_, client) = cluster();
    let leases: Api<Lease> = Api::namespaced(client, "kube-system");
    let new: Lease = typed(json!({"metadata": {"name": "leader"}, "spec": {"holderIdentity": "a"}}));
    let lease = leases.create(&PostParams::default(), &new).await.expect("create");
    assert_eq!(refusal(leases.create(&PostParams::default(), &new).await), (409, "AlreadyExists".into()));
    let mut mine = lease.clone();
    mine.spec.get_or_insert_default().holder_identity = Some("b".into());
    let written = leases.replace("leader", &PostParams::default(), &mine).await.expect("replace");
    assert_eq!(written.spec, mine.spec);
    assert_eq!(
        refusal(leases.replace("leader", &PostParams::default(), &lease).await),
        (409, "Conflict".into())
    );
    assert_eq!(
        refusal(leases.replace("leader", &PostParams::default(), &new).await),
        (422, "Invalid".into())
    );
    mine.metadata = ObjectMeta { name: Some("nobody".into()), ..ObjectMeta::default() };
    assert_eq!(
        refusal(leases.replace("nobody", &PostParams::default(), &mine).await),
        (404, "NotFound".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_json_patch_test_changes_nothing() {
    let (cluster, client) = cluster();
    let before = cluster.apply(&config_map("a", "old")).expect("apply");
    let patch = async |patch: Value| {
        let patch = Patch::<ConfigMap>::Json(typed(patch));
        config_maps(&client).patch("a", &PatchParams::default(), &patch).await
    };
    let wrong = json!([
        {"op": "replace", "path": "/data/text", "value": "new"},
        {"op": "test", "path": "/metadata/finalizers", "value": ["x"]},
    ]);
    assert_eq!(refusal(patch(wrong).await), (422, "Invalid".into()));
    assert_eq!(cluster.get("ConfigMap", "default", "a"), Some(before));
    let right = json!([
        {"op": "test", "path": "/metadata/finalizers", "value": null},
        {"op": "add", "path": "/metadata/finalizers", "value": ["x/y"]},
    ]);
    assert_eq!(patch(right).await.expect("patch").metadata.finalizers, Some(vec!["x/y".into()]));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_spec_is_refused_only_when_the_spec_changes() {
    let (cluster, client) = cluster();
    let api = functions(&client);
    let mut bad = manifest("a", "photos");
    bad["spec"]["bucket"] = "No Bucket".into();
    let refused = api.create(&PostParams::default(), &typed(bad.clone())).await;
    assert_eq!(refusal(refused), (422, "Invalid".into()));
    let refused = cluster.apply(&bad).expect_err("the spec is invalid");
    assert!(refused.message.contains("spec.bucket"), "{refused}");
    cluster.apply_unchecked(&bad).expect("apply");
    let patch = async |patch: Value| api.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await;
    patch(json!({"metadata": {"finalizers": ["x/y"]}})).await.expect("an unchanged spec is not checked");
    assert_eq!(refusal(patch(json!({"spec": {"suspend": true}})).await), (422, "Invalid".into()));
}

#[tokio::test(start_paused = true)]
async fn applying_again_keeps_status_and_finalizers() {
    let (cluster, client) = cluster();
    cluster.apply(&manifest("a", "photos")).expect("apply");
    let both = json!({"metadata": {"finalizers": ["x/y"]}, "status": {"observedGeneration": 1}});
    let api = functions(&client);
    api.patch("a", &PatchParams::default(), &Patch::Merge(&both)).await.expect("patch");
    api.patch_status("a", &PatchParams::default(), &Patch::Merge(&both)).await.expect("patch");
    let applied = cluster.apply(&manifest("a", "films")).expect("apply");
    assert_eq!(applied["metadata"]["finalizers"], json!(["x/y"]));
    assert_eq!(applied["status"]["observedGeneration"], 1);
    assert_eq!(applied["spec"]["bucket"], "films");
}

#[tokio::test(start_paused = true)]
async fn lists_select_by_namespace_and_name_and_can_be_metadata_only() {
    let (cluster, client) = cluster();
    cluster.create_namespace("team");
    cluster.apply(&config_map("a", "1")).expect("apply");
    let mut other = config_map("b", "2");
    other["metadata"]["namespace"] = "team".into();
    cluster.apply(&other).expect("apply");
    let list = config_maps(&client).list(&ListParams::default()).await.expect("list");
    assert_eq!(list.metadata.resource_version.as_deref(), Some("6"));
    assert_eq!(list.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["a"]);
    let metadata: Api<PartialObjectMeta<ConfigMap>> = Api::all(client.clone());
    let list = metadata.list_metadata(&ListParams::default()).await.expect("list");
    assert_eq!(list.types.kind, "PartialObjectMetadataList");
    assert_eq!(list.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["a", "b"]);
    let kinds = list.items.iter().map(|item| item.types.as_ref().map(|types| types.kind.as_str()));
    assert_eq!(kinds.collect::<Vec<_>>(), [Some("PartialObjectMetadata"); 2]);
    let selected = ListParams::default().fields("metadata.name=b");
    let list = Api::<ConfigMap>::all(client.clone()).list(&selected).await.expect("list");
    assert_eq!(list.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["b"]);
    assert_eq!(refusal(config_maps(&client).list(&ListParams::default().labels("a=b")).await).0, 400);
    assert!(functions(&client).get_opt("nobody").await.expect("get").is_none());
}

#[tokio::test(start_paused = true)]
async fn repeated_events_are_counted() {
    let (cluster, client) = cluster();
    let object: S3TriggeredFunction = typed(cluster.apply(&manifest("a", "photos")).expect("apply"));
    let recorder = Recorder::new(client, Reporter { controller: "lambda-triggers".into(), instance: None });
    let event = Event {
        type_: EventType::Warning,
        reason: "Denied".into(),
        note: Some("allow it".into()),
        action: "Reconcile".into(),
        secondary: None,
    };
    let about: ObjectReference = ::kube::Resource::object_ref(&object, &());
    for _ in 0..2 {
        recorder.publish(&event, &about).await.expect("publish");
    }
    let events = cluster.events();
    let emitted: Vec<_> =
        events.iter().map(|event| (&event["reason"], &event["note"], &event["series"]["count"])).collect();
    assert_eq!(emitted, [(&json!("Denied"), &json!("allow it"), &json!(2))]);
}
