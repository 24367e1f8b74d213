//! Whatever befalls watches, in the end a cache is as the cluster is.

use ::kube::api::{WatchEvent, WatchParams};
use ::kube::runtime::reflector::{self, Store};
use ::kube::runtime::{WatchStreamExt, watcher};
use futures::StreamExt;
use lambda_triggers_core::api::S3TriggeredFunction;
use serde_json::Value;

use super::super::WatchFault;
use super::*;

/// A cache that is kept as in the operator.
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

fn there(cluster: &Cluster) -> Vec<Value> {
    let typed = |object| json_of(&typed::<S3TriggeredFunction>(object));
    cluster.objects(KIND).into_iter().map(typed).collect()
}

/// Lets objects come, change and go under a fault. Whether a cache was up to date then; it is after it.
async fn hears_under(fault: WatchFault) -> bool {
    let (cluster, client) = cluster();
    cluster.apply(&manifest("a", "photos")).expect("apply");
    cluster.apply(&manifest("b", "photos")).expect("apply");
    let cache = cache(&client);
    pass(1).await;
    let before = cached(&cache);
    assert_eq!(before, there(&cluster));

    cluster.fault_watches(fault);
    cluster.apply(&manifest("a", "films")).expect("apply");
    cluster.delete(KIND, "default", "b").expect("delete");
    cluster.apply(&manifest("c", "photos")).expect("apply");
    pass(300).await;
    let hears = cached(&cache) == there(&cluster);
    assert!(hears || cached(&cache) == before, "it hears all or nothing");

    cluster.fault_watches(WatchFault::None);
    pass(100).await;
    assert_eq!(cached(&cache), there(&cluster));
    cluster.apply(&manifest("d", "photos")).expect("apply");
    pass(1).await;
    assert_eq!(cached(&cache), there(&cluster));
    hears
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_it_hears_at_once() {
    assert!(hears_under(WatchFault::None).await);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_made_again() {
    assert!(!hears_under(WatchFault::Drop).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_listed_again() {
    assert!(hears_under(WatchFault::Gone).await);
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_is_there_once() {
    assert!(hears_under(WatchFault::Duplicate).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_found_by_a_list() {
    assert!(!hears_under(WatchFault::Miss).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_late_comes_in_the_end() {
    assert!(!hears_under(WatchFault::Stale(Duration::from_secs(400))).await);
    assert!(hears_under(WatchFault::Stale(Duration::from_secs(299))).await);
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_begins_late_sees_the_past_first() {
    let (cluster, client) = cluster();
    cluster.apply(&manifest("a", "photos")).expect("apply");
    pass(10).await;
    let past = there(&cluster);
    cluster.apply(&manifest("a", "films")).expect("apply");
    cluster.fault_watches(WatchFault::Stale(Duration::from_secs(5)));
    let cache = cache(&client);
    pass(4).await;
    assert_eq!(cached(&cache), past);
    pass(2).await;
    assert_eq!(cached(&cache), there(&cluster));
}

#[tokio::test(start_paused = true)]
async fn each_event_comes_twice() {
    let (cluster, client) = cluster();
    cluster.fault_watches(WatchFault::Duplicate);
    cluster.apply(&manifest("a", "photos")).expect("apply");
    let stream = functions(&client).watch(&WatchParams::default().timeout(5), "1").await.expect("watch");
    let added = stream.filter(|event| std::future::ready(matches!(event, Ok(WatchEvent::Added(_)))));
    assert_eq!(added.count().await, 2);
}
