//! A cache converges with the cluster after each fault of a watch.

use ::kube::api::{WatchEvent, WatchParams};
use ::kube::runtime::reflector::{self, Store};
use ::kube::runtime::{WatchStreamExt, watcher};
use futures::StreamExt;
use lambda_triggers_core::api::S3TriggeredFunction;
use serde_json::Value;

use super::super::WatchFault;
use super::*;

/// A cache with the same watch as the operator's cache.
fn cache(client: &Client) -> Store<S3TriggeredFunction> {
    let (reader, writer) = reflector::store();
    let stream = watcher(functions(client), watcher::Config::default().any_semantic());
    tokio::spawn(stream.default_backoff().reflect(writer).for_each(|_| std::future::ready(())));
    reader
}

fn cached(cache: &Store<S3TriggeredFunction>) -> Vec<Value> {
    let mut objects = cache.state();
    objects.sort_by_key(|object| object.metadata.name.clone());
    objects.iter().map(|object| json_of(object.as_ref())).collect()
}

fn cluster_objects(cluster: &Cluster) -> Vec<Value> {
    let typed = |object| json_of(&typed::<S3TriggeredFunction>(object));
    cluster.objects(KIND).into_iter().map(typed).collect()
}

/// Creates, changes and deletes objects during a fault. Returns true if a cache converged during the fault; each cache
/// converges after the fault.
async fn converges_during(fault: WatchFault) -> bool {
    let (cluster, client) = cluster();
    cluster.apply(&manifest("a", "photos")).expect("apply");
    cluster.apply(&manifest("b", "photos")).expect("apply");
    let cache = cache(&client);
    pass(1).await;
    let before = cached(&cache);
    assert_eq!(before, cluster_objects(&cluster));

    cluster.fault_watches(fault);
    cluster.apply(&manifest("a", "films")).expect("apply");
    cluster.delete(KIND, "default", "b").expect("delete");
    cluster.apply(&manifest("c", "photos")).expect("apply");
    pass(300).await;
    let converged = cached(&cache) == cluster_objects(&cluster);
    assert!(converged || cached(&cache) == before, "the cache has all changes or none");

    cluster.fault_watches(WatchFault::None);
    pass(100).await;
    assert_eq!(cached(&cache), cluster_objects(&cluster));
    cluster.apply(&manifest("d", "photos")).expect("apply");
    pass(1).await;
    assert_eq!(cached(&cache), cluster_objects(&cluster));
    converged
}

#[tokio::test(start_paused = true)]
async fn without_faults_the_cache_converges_at_once() {
    assert!(converges_during(WatchFault::None).await);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_reopened() {
    assert!(!converges_during(WatchFault::Drop).await);
}

#[tokio::test(start_paused = true)]
async fn an_expired_watch_lists_again() {
    assert!(converges_during(WatchFault::Gone).await);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_event_creates_no_duplicate_object() {
    assert!(converges_during(WatchFault::Duplicate).await);
}

#[tokio::test(start_paused = true)]
async fn missed_events_are_found_by_a_list() {
    assert!(!converges_during(WatchFault::Miss).await);
}

#[tokio::test(start_paused = true)]
async fn late_events_arrive() {
    assert!(!converges_during(WatchFault::Stale(Duration::from_secs(400))).await);
    assert!(converges_during(WatchFault::Stale(Duration::from_secs(299))).await);
}

#[tokio::test(start_paused = true)]
async fn a_new_cache_sees_the_delayed_state_first() {
    let (cluster, client) = cluster();
    cluster.apply(&manifest("a", "photos")).expect("apply");
    pass(10).await;
    let past = cluster_objects(&cluster);
    cluster.apply(&manifest("a", "films")).expect("apply");
    cluster.fault_watches(WatchFault::Stale(Duration::from_secs(5)));
    let cache = cache(&client);
    pass(4).await;
    assert_eq!(cached(&cache), past);
    pass(2).await;
    assert_eq!(cached(&cache), cluster_objects(&cluster));
}

#[tokio::test(start_paused = true)]
async fn a_duplicating_watch_sends_each_event_twice() {
    let (cluster, client) = cluster();
    cluster.fault_watches(WatchFault::Duplicate);
    cluster.apply(&manifest("a", "photos")).expect("apply");
    let stream = functions(&client).watch(&WatchParams::default().timeout(5), "1").await.expect("watch");
    let added = stream.filter(|event| std::future::ready(matches!(event, Ok(WatchEvent::Added(_)))));
    assert_eq!(added.count().await, 2);
}
