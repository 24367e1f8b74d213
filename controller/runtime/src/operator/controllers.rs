//! The kube Controller of each kind: watches, predicates, and triggers of reconciles.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, Predicate, WatchStreamExt, predicates, watcher};
use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::pacing::queue::Priority;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::backoff::{Backoff, WatchBackoff};
use super::namespaces;
use super::workqueue::{self, WorkQueue};
use crate::error_chain;
use crate::objects::{IndexKey, IndexedStore, IndexedWriter, is_paused};
use crate::reconcile::{Error, Hindrance, ReconcileKind, Reconciler, Requests, object_of, reconcile};

/// Runs the controller of one kind, and sets `synced` after the first list.
pub async fn run_controller<K: ReconcileKind>(
    watched: &[String],
    mut writer: IndexedWriter<K>,
    synced: watch::Sender<bool>,
    requests: Requests,
    (workqueue, reconciler, stop): (Arc<WorkQueue>, Arc<Reconciler>, CancellationToken),
) {
    let context = reconciler.context.clone();
    let reader = writer.store().objects().clone();
    let store = writer.store().clone();
    let raising = workqueue.clone();
    let (seeing, deleting) = (context.clone(), context.clone());
    // Own status writes do not match these predicates, so do not trigger a reconcile. The wakes repair a status that
    // another writer has changed.
    let relevant_change =
        predicates::generation.combine(predicates::finalizers).combine(reconcile_requested).combine(paused);
    let watch_objects = |(namespace, api)| {
        let events = watcher(api, watcher::Config::default().any_semantic());
        (namespace, events.backoff(WatchBackoff::new(&context.jitter)).boxed())
    };
    let watches = namespaces::apis(&context.client, watched).into_iter().map(watch_objects).collect();
    let objects = namespaces::merged(watches, reader.clone())
        .modify(strip_unused_fields)
        .inspect_ok(move |event| {
            writer.apply(event);
            if matches!(event, watcher::Event::InitDone) {
                synced.send_replace(true);
            }
            if let watcher::Event::Delete(object) = event {
                deleting.status_cache.forget_object(object);
                deleting.wakes.wake_all(&holder(object));
            }
        })
        .applied_objects()
        .inspect_ok(move |object| {
            seeing.wakes.wake_all(&holder(object));
            if seeing.status_cache.is_foreign(object) {
                seeing.wakes.repair((K::NAME, workqueue::key(object).1.clone()));
            }
            seeing.status_cache.forget_seen(object);
            if workqueue::priority(object) == Priority::High {
                raising.raise_priority(&workqueue::key(object));
            }
        })
        .predicate_filter(relevant_change, Default::default());
    let backoff = Arc::new(Backoff::new(context.settings.resync));
    let (succeeded, failed) = (backoff.clone(), backoff);
    let (cache, taking) = (store.clone(), workqueue.clone());
    let reconcile = move |object: Arc<K>, reconciler: Arc<Reconciler>| {
        let (workqueue, cache, backoff) = (taking.clone(), cache.clone(), succeeded.clone());
        async move { reconcile_with_permit(object.as_ref(), &workqueue, &cache, reconciler, &backoff).await }
    };
    let retry = move |object: Arc<K>, error: &Error, reconciler: Arc<Reconciler>| {
        let generation = object.meta().generation;
        let wait = failed.next(&object.uid().unwrap_or_default(), generation, error.class());
        Action::requeue(reconciler.context.jitter.vary(wait))
    };
    let apis = namespaces::apis::<PartialObjectMeta<ConfigMap>>(&context.client, watched);
    let unlisted = Arc::new(AtomicUsize::new(apis.len()));
    let watch_config_maps = |(_, api)| {
        let mut first = Some(unlisted.clone());
        let events = watcher(api, watcher::Config::default()).backoff(WatchBackoff::new(&context.jitter));
        let events = events.inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone)
                && let Some(unlisted) = first.take()
            {
                unlisted.fetch_sub(1, Ordering::Release);
            }
        });
        events.boxed()
    };
    let config_maps = stream::select_all(apis.into_iter().map(watch_config_maps))
        .touched_objects()
        .predicate_filter(predicates::resource_version, Default::default());
    let (cache, raising) = (store, workqueue.clone());
    let users = move |config_map: PartialObjectMeta<ConfigMap>| {
        let users = users_of_config_map(&cache, &config_map);
        // ConfigMaps of the first list have not changed just now.
        if unlisted.load(Ordering::Acquire) == 0 {
            users.iter().for_each(|user| raising.raise_priority_next(workqueue::key_of(user)));
        }
        users
    };
    let raising = workqueue.clone();
    let woken =
        stream::unfold(requests, async |mut requests: Requests| Some((requests.recv().await?, requests)))
            .map(|key| object_of::<K>(&key))
            .inspect(move |object| raising.raise_priority_next(workqueue::key_of(object)));
    let permitted = context.credentials.changes().map_or_else(|| stream::pending().boxed(), changes);
    Controller::for_stream(objects, reader)
        .watches_stream(config_maps, users)
        .reconcile_on(woken)
        // A new tenancy file may permit a reference that was refused, and the reverse.
        .reconcile_all_on(permitted)
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(reconcile, retry, reconciler)
        .for_each(|result| async {
            if let Err(error) = result {
                log_queue_failure(&error);
            }
        })
        .await;
}

/// The hindrance of objects that wait for this object.
fn holder<K: ReconcileKind>(object: &K) -> Hindrance {
    Hindrance::Holder(K::NAME.into(), workqueue::key(object).1.clone())
}

/// Waits for a permit, then reconciles the latest version of the object.
async fn reconcile_with_permit<K: ReconcileKind>(
    object: &K,
    workqueue: &Arc<WorkQueue>,
    cache: &IndexedStore<K>,
    reconciler: Arc<Reconciler>,
    backoff: &Backoff,
) -> Result<Action, Error> {
    let permit = workqueue
        .acquire(&workqueue::key(object), workqueue::priority(object))
        .await
        .ok_or(Error::Stopping)?;
    let Some(object) = cache.get(&workqueue::key(object).1) else { return Ok(Action::await_change()) };
    let uid = object.uid().unwrap_or_default();
    // Spawned: kube's Controller polls every pending reconcile whenever one of them wakes.
    let work = async move {
        let result = reconcile(object, permit.call_context.clone(), reconciler).await;
        drop(permit);
        result
    };
    match AbortOnDropHandle::new(tokio::spawn(work)).await {
        Ok(result) => result.inspect(|_| backoff.reset(&uid)),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}

/// A stream with an item for each change.
fn changes<T: Send + Sync + 'static>(receiver: watch::Receiver<T>) -> BoxStream<'static, ()> {
    let next = async |mut receiver: watch::Receiver<T>| {
        receiver.changed().await.ok()?;
        Some(((), receiver))
    };
    stream::unfold(receiver, next).boxed()
}

/// Removes unused fields. The fields would take as much memory as the rest of the object.
fn strip_unused_fields<K: ReconcileKind>(object: &mut K) {
    object.managed_fields_mut().clear();
    object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

/// The requested reconcile, as a predicate: a new annotation value is a new request.
fn reconcile_requested<K: ReconcileKind>(object: &K) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    object.annotations().get(RECONCILE_ANNOTATION)?.hash(&mut hasher);
    Some(hasher.finish())
}

/// The paused state, as a predicate.
fn paused<K: ReconcileKind>(object: &K) -> Option<u64> {
    Some(u64::from(is_paused(object)))
}

/// The objects with function code from this ConfigMap. Only the metadata of ConfigMaps is watched.
fn users_of_config_map<K: ReconcileKind>(
    cache: &IndexedStore<K>,
    config_map: &PartialObjectMeta<ConfigMap>,
) -> Vec<ObjectRef<K>> {
    let key = ObjectKey::new(config_map.namespace().unwrap_or_default(), config_map.name_any());
    let snapshot = cache.snapshot();
    let users = snapshot.by_index(&IndexKey::ConfigMap(key));
    users.map(|object| ObjectRef::from_obj(object.as_ref())).collect()
}

fn log_queue_failure(error: &controller::Error<Error, watcher::Error>) {
    match error {
        // The reconcile has logged the error, or the object was deleted while queued.
        controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_) => {}
        other => warn!(error = error_chain(other), "a watch of the controller failed"),
    }
}
