//! The controllers of both kinds: watches and wakes add objects to the workqueue, and workers reconcile the objects.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::select_all;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, predicates, watcher};
use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use lambda_triggers_core::pacing::queue::Priority;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

use super::backoff::{Backoff, WatchBackoff};
use super::namespaces;
use super::workqueue::{self, Key, Permit, WorkQueue};
use crate::error_chain;
use crate::objects::{
    Change, IndexKey, IndexedStore, IndexedWriter, RawScheduledFunction, Stores, Trigger, is_paused, key_of,
};
use crate::reconcile::{Context, Hindrance, ReconcileKind, Reconciler, Requests, reconcile};

/// The workers and the watches share these.
#[derive(Clone)]
pub struct Controllers {
    pub reconciler: Arc<Reconciler>,
    pub workqueue: Arc<WorkQueue>,
    /// The watched namespaces; empty for all.
    pub namespaces: Vec<String>,
}

impl Controllers {
    fn context(&self) -> &Arc<Context> {
        &self.reconciler.context
    }

    /// Reconciles the objects of the workqueue until the queue is closed and the reconciles in flight have ended. Starts
    /// when both stores are synced: without all objects, no claim is known.
    pub async fn run_workers(&self) {
        let stores = &self.context().stores;
        if stores.wait_for_sync().await.is_err() {
            return;
        }
        let backoff = Arc::new(Backoff::new(self.context().settings.resync));
        let mut workers = JoinSet::new();
        let mut is_open = true;
        while is_open || !workers.is_empty() {
            tokio::select! {
                biased;
                permit = self.workqueue.get(|key| priority(stores, key)), if is_open => match permit {
                    Some(permit) => drop(workers.spawn(work(permit, self.reconciler.clone(), backoff.clone()))),
                    None => is_open = false,
                },
                Some(ended) = workers.join_next() => if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                },
            }
        }
    }

    /// Watches one kind, and sets `synced` after the first list. Never ends.
    pub async fn watch_objects<K: ReconcileKind>(
        &self,
        mut writer: IndexedWriter<K>,
        synced: watch::Sender<bool>,
    ) -> Infallible {
        let watch = |(namespace, api)| {
            let events = watcher(api, watcher::Config::default().any_semantic());
            (namespace, events.backoff(WatchBackoff::new(&self.context().jitter)).boxed())
        };
        let watches =
            namespaces::apis(&self.context().client, &self.namespaces).into_iter().map(watch).collect();
        let mut events =
            namespaces::merged(watches, writer.store().objects().clone()).modify(strip_unused_fields).boxed();
        loop {
            match events.next().await {
                Some(Ok(event)) => {
                    for change in writer.apply(&event) {
                        self.changed(&change);
                    }
                    if matches!(event, watcher::Event::InitDone) {
                        synced.send_replace(true);
                    }
                }
                Some(Err(error)) => log_watch_failure(&error),
                None => std::future::pending().await,
            }
        }
    }

    /// Adds a changed object to the workqueue. Own status writes are no relevant changes. The wakes repair a status that
    /// another writer has changed.
    fn changed<K: ReconcileKind>(&self, Change { old, new }: &Change<K>) {
        let context = self.context();
        let Some(new) = new.as_deref() else {
            if let Some(old) = old.as_deref() {
                context.status_cache.forget_object(old);
                context.wakes.wake_all(&holder(old));
            }
            return;
        };
        context.wakes.wake_all(&holder(new));
        let key = workqueue::key(new);
        if context.status_cache.is_foreign(new) {
            context.wakes.repair((K::NAME, key.1.clone()));
        }
        context.status_cache.forget_seen(new);
        let priority = workqueue::priority(new);
        if is_relevant(old.as_deref(), new) {
            self.workqueue.add(key, priority);
        } else if priority == Priority::High {
            self.workqueue.raise_priority(&key);
        }
    }

    /// Adds the users of a changed ConfigMap to the workqueue. Only the metadata of ConfigMaps is watched. Never ends.
    pub async fn watch_config_maps(&self) -> Infallible {
        let apis = namespaces::apis::<PartialObjectMeta<ConfigMap>>(&self.context().client, &self.namespaces);
        let unlisted = Arc::new(AtomicUsize::new(apis.len()));
        let watch = |(_, api)| {
            let mut first = Some(unlisted.clone());
            let events = watcher(api, watcher::Config::default());
            let events = events.backoff(WatchBackoff::new(&self.context().jitter)).inspect_ok(move |event| {
                if matches!(event, watcher::Event::InitDone)
                    && let Some(unlisted) = first.take()
                {
                    unlisted.fetch_sub(1, Ordering::Release);
                }
            });
            events.boxed()
        };
        let mut config_maps = select_all(apis.into_iter().map(watch))
            .touched_objects()
            .predicate_filter(predicates::resource_version, Default::default());
        while let Some(config_map) = config_maps.next().await {
            match config_map {
                // ConfigMaps of the first list have not changed just now.
                Ok(config_map) => self.add_users(&config_map, unlisted.load(Ordering::Acquire) == 0),
                Err(error) => log_watch_failure(&error),
            }
        }
        std::future::pending().await
    }

    fn add_users(&self, config_map: &PartialObjectMeta<ConfigMap>, is_change: bool) {
        let key = key_of(config_map);
        let index_key = IndexKey::ConfigMap(key);
        let Stores { scheduled, s3, synced: _ } = &self.context().stores;
        self.add_all(scheduled.snapshot().by_index(&index_key), is_change);
        self.add_all(s3.snapshot().by_index(&index_key), is_change);
    }

    /// Adds all objects when the tenancy file changes: a new file may permit a reference that was refused, and the
    /// reverse. Never ends.
    pub async fn follow_tenancy(&self) -> Infallible {
        if let Some(mut tenancy) = self.context().credentials.changes() {
            while tenancy.changed().await.is_ok() {
                let Stores { scheduled, s3, synced: _ } = &self.context().stores;
                self.add_all(&scheduled.objects().state(), false);
                self.add_all(&s3.objects().state(), false);
            }
        }
        std::future::pending().await
    }

    fn add_all<'a, K: Trigger>(&self, objects: impl IntoIterator<Item = &'a Arc<K>>, is_urgent: bool) {
        for object in objects {
            let priority = if is_urgent { Priority::High } else { workqueue::priority(&**object) };
            self.workqueue.add(workqueue::key(&**object), priority);
        }
    }

    /// Adds the objects whose hindrance ended. Never ends.
    pub async fn follow_wakes(&self, mut requests: Requests) -> Infallible {
        while let Some(waiter) = requests.recv().await {
            self.workqueue.add(Arc::new(waiter), Priority::High);
        }
        std::future::pending().await
    }
}

/// The hindrance of objects that wait for this object.
fn holder<K: ReconcileKind>(object: &K) -> Hindrance {
    Hindrance::Holder(K::NAME.into(), workqueue::key(object).1.clone())
}

/// The current priority of an object; `None` if the object was deleted.
fn priority(stores: &Stores, key: &Key) -> Option<Priority> {
    let (kind, key) = &**key;
    match *kind {
        RawScheduledFunction::NAME => stores.scheduled.get(key).map(|object| workqueue::priority(&*object)),
        _ => stores.s3.get(key).map(|object| workqueue::priority(&*object)),
    }
}

/// Reconciles the object of a permit.
async fn work(permit: Permit, reconciler: Arc<Reconciler>, backoff: Arc<Backoff>) {
    let Stores { scheduled, s3, synced: _ } = &reconciler.context.stores;
    match permit.key.0 {
        RawScheduledFunction::NAME => reconcile_latest(scheduled, permit, &reconciler, &backoff).await,
        _ => reconcile_latest(s3, permit, &reconciler, &backoff).await,
    }
}

/// Reconciles the latest version of the object, and sets the time of the next reconcile.
async fn reconcile_latest<K: ReconcileKind>(
    store: &IndexedStore<K>,
    mut permit: Permit,
    reconciler: &Arc<Reconciler>,
    backoff: &Backoff,
) {
    let Some(object) = store.get(&permit.key.1) else { return };
    let (uid, generation) = (object.uid().unwrap_or_default(), object.meta().generation);
    let result = reconcile(object, permit.call_context.clone(), reconciler.clone()).await;
    permit.requeue_after = match result {
        Ok(requeue_after) => {
            backoff.reset(&uid);
            requeue_after
        }
        Err(error) => {
            let wait = backoff.next(&uid, generation, error.class());
            Some(reconciler.context.jitter.vary(wait))
        }
    };
}

/// Removes unused fields. The fields would take as much memory as the rest of the object.
fn strip_unused_fields<K: ReconcileKind>(object: &mut K) {
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

/// The predicate for changes that need a reconcile. An own status write needs no reconcile.
fn is_relevant<K: Trigger>(old: Option<&K>, new: &K) -> bool {
    let view = |object: &K| {
        let meta = object.meta();
        let request = object.annotations().get(RECONCILE_ANNOTATION).cloned();
        (meta.uid.clone(), meta.generation, meta.finalizers.clone(), request, is_paused(object))
    };
    old.is_none_or(|old| view(old) != view(new))
}

fn log_watch_failure(error: &watcher::Error) {
    warn!(error = error_chain(error), "a watch of the controller failed");
}

#[cfg(test)]
mod tests {
    use lambda_triggers_core::api::PAUSED_ANNOTATION;
    use serde_json::{Value, json};

    use super::*;

    fn object(meta: Value) -> RawScheduledFunction {
        serde_json::from_value(json!({"metadata": meta})).unwrap()
    }

    #[test]
    fn changes_of_the_spec_or_by_users_are_relevant() {
        let old =
            json!({"name": "a", "uid": "1", "generation": 1, "finalizers": ["x"], "resourceVersion": "1"});
        let cases = [
            ("status", "resourceVersion", json!("2"), false),
            ("labels", "labels", json!({"a": "b"}), false),
            ("spec", "generation", json!(2), true),
            ("finalizers", "finalizers", json!([]), true),
            ("successor", "uid", json!("2"), true),
            ("request", "annotations", json!({RECONCILE_ANNOTATION: "now"}), true),
            ("pause", "annotations", json!({PAUSED_ANNOTATION: "true"}), true),
            ("other annotation", "annotations", json!({"a": "b"}), false),
        ];
        for (case, field, value, expected) in cases {
            let mut new = old.clone();
            new[field] = value;
            assert_eq!(is_relevant(Some(&object(old.clone())), &object(new)), expected, "{case}");
        }
        assert!(is_relevant(None, &object(old)));
    }
}
