//! Watches without faults.

use ::kube::api::{ListParams, WatchEvent, WatchParams};
use ::kube::core::PartialObjectMeta;
use ::kube::{Api, ResourceExt};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::time::Instant;

use super::*;

fn describe<K: ResourceExt>(event: WatchEvent<K>) -> String {
    match event {
        WatchEvent::Added(object) => format!("added {}", object.name_any()),
        WatchEvent::Modified(object) => format!("modified {}", object.name_any()),
        WatchEvent::Deleted(object) => {
            format!("deleted {} at {}", object.name_any(), object.resource_version().unwrap_or_default())
        }
        WatchEvent::Bookmark(bookmark) => format!("bookmark {}", bookmark.metadata.resource_version),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

async fn watch(api: &Api<ConfigMap>, params: &WatchParams, version: &str) -> Vec<String> {
    let stream = api.watch(params, version).await.expect("watch");
    stream.map(|event| describe(event.expect("an event"))).collect().await
}

#[tokio::test(start_paused = true)]
async fn a_watch_sends_the_changes_since_its_version_until_the_timeout() {
    let (cluster, client) = cluster();
    let api = config_maps(&client);
    cluster.apply(&config_map("old", "1")).expect("apply");
    let version =
        api.list(&ListParams::default()).await.expect("list").metadata.resource_version.expect("a version");
    cluster.apply(&config_map("a", "1")).expect("apply");
    cluster.apply(&config_map("a", "1")).expect("apply");
    let later = cluster.clone();
    tokio::spawn(async move {
        pass(10).await;
        later.apply(&config_map("a", "2")).expect("apply");
        later.apply(&manifest("b", "photos")).expect("apply");
        later.delete("ConfigMap", "default", "a").expect("delete");
        later.apply(&manifest("c", "films")).expect("apply");
    });
    let start = Instant::now();
    let events = watch(&api, &WatchParams::default().timeout(100), &version).await;
    assert_eq!(events, ["added a", "modified a", "deleted a at 8", "bookmark 9"]);
    assert_eq!(start.elapsed().as_secs(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_a_version_sends_existing_objects_first() {
    let (cluster, client) = cluster();
    let api = config_maps(&client);
    cluster.apply(&config_map("a", "1")).expect("apply");
    cluster.apply(&config_map("b", "1")).expect("apply");
    let params = WatchParams::default().timeout(5);
    assert_eq!(watch(&api, &params, "0").await, ["added a", "added b"]);
    let params = params.initial_events();
    assert_eq!(watch(&api, &params, "0").await, ["added a", "added b", "bookmark 5"]);
    let one = WatchParams::default().timeout(5).fields("metadata.name=b");
    assert_eq!(watch(&api, &one, "0").await, ["added b"]);
}

#[tokio::test(start_paused = true)]
async fn a_metadata_watch_sends_metadata() {
    let (cluster, client) = cluster();
    let api: Api<PartialObjectMeta<ConfigMap>> = Api::all(client);
    cluster.apply(&config_map("a", "1")).expect("apply");
    let stream = api.watch_metadata(&WatchParams::default().timeout(5), "1").await.expect("watch");
    let kinds: Vec<String> = stream
        .map(|event| match event.expect("an event") {
            WatchEvent::Added(object) => object.types.map(|types| types.kind).unwrap_or_default(),
            other => describe(other),
        })
        .collect()
        .await;
    assert_eq!(kinds, ["PartialObjectMetadata"]);
}
