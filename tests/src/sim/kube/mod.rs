//! Kubernetes in memory: the part of an API server that the operator uses, behind a real client, in virtual time.
//!
//! Versions are counted, UIDs come from the cluster's name, and times come from tokio's clock. So the same calls
//! produce the same cluster. `tests/e2e/agreement.rs` compares this server with a real API server.

mod faults;
mod history;
mod object;
mod patch;
mod refused;
mod request;
mod resource;
mod schema;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::sync::Arc;

use lambda_triggers::reconcile::Clock;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use tokio::sync::watch as channel;

use super::fault_injector::CallInterceptor;
pub use faults::WatchFault;
pub use history::{Change, Event};
use object::{Check, Component};
pub use refused::Refused;
pub use resource::{Key, Resource};
use store::{Preconditions, Store, Write};

/// A cluster. Clones share the state.
#[derive(Clone)]
pub struct Cluster {
    store: Arc<Mutex<Store>>,
    changed: channel::Sender<()>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster {
    /// Creates a cluster with the namespaces `default` and `kube-system`. Call this function while tokio's time is
    /// paused.
    pub fn new() -> Self {
        Self::named("cluster")
    }

    /// Creates a cluster with a name. Clusters with different names have different UIDs.
    pub fn named(name: &str) -> Self {
        let cluster =
            Self { store: Arc::new(Mutex::new(Store::new(name))), changed: channel::Sender::new(()) };
        for namespace in ["default", "kube-system"] {
            cluster.create_namespace(namespace);
        }
        cluster
    }

    /// Creates a client whose calls pass this interceptor. Call this function within a runtime.
    pub fn client(&self, interceptor: CallInterceptor) -> ::kube::Client {
        let cluster = self.clone();
        let service =
            tower::service_fn(move |request| service::answer(cluster.clone(), interceptor.clone(), request));
        ::kube::Client::new(service, "default")
    }

    /// The cluster's clock, which gives operators the time of day.
    pub fn clock(&self) -> Clock {
        let cluster = self.clone();
        Clock::new(move || cluster.lock().time_of_day())
    }

    /// Creates a namespace. Does nothing if the namespace exists.
    pub fn create_namespace(&self, name: &str) {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        // The namespace may exist already.
        let _ = self.apply(&manifest);
    }

    /// Creates an object, or replaces spec, labels and annotations, as `kubectl apply` does. The default namespace is
    /// `default`.
    ///
    /// # Errors
    /// The refusal of the API server.
    pub fn apply(&self, manifest: &Value) -> Result<Value, Refused> {
        self.apply_with(manifest, Check::Strict)
    }

    /// Applies an object that the current CRDs refuse, as if an older CRD had accepted the object.
    ///
    /// # Errors
    /// The refusal of the API server.
    pub fn apply_unchecked(&self, manifest: &Value) -> Result<Value, Refused> {
        self.apply_with(manifest, Check::Skip)
    }

    fn apply_with(&self, manifest: &Value, check: Check) -> Result<Value, Refused> {
        let resource = resource(manifest["kind"].as_str().unwrap_or_default())?;
        let meta = &manifest["metadata"];
        let namespace = meta["namespace"].as_str().unwrap_or("default");
        let key = Key::new(resource, namespace, meta["name"].as_str().unwrap_or_default());
        let operation = format!("test:apply {resource}");
        let write = Write { operation: &operation, key: &key, part: Component::Main, check };
        self.write(|store| match store.get(&key) {
            None => store.create(write, manifest.clone()),
            Some(live) => store.replace(write, applied(live, manifest)),
        })
    }

    /// Sets the status of an object, as an earlier operator would have left the status.
    ///
    /// # Errors
    /// The refusal of the API server.
    pub fn set_status(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        status: &Value,
    ) -> Result<Value, Refused> {
        let resource = resource(kind)?;
        let key = Key::new(resource, namespace, name);
        let operation = format!("test:status {resource}");
        let write = Write { operation: &operation, key: &key, part: Component::Status, check: Check::Strict };
        self.write(|store| {
            let mut object = store.get(&key).cloned().unwrap_or_default();
            object["status"] = status.clone();
            store.replace(write, object)
        })
    }

    /// Deletes an object. An object with finalizers is only marked.
    ///
    /// # Errors
    /// The refusal of the API server.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> Result<(), Refused> {
        let resource = resource(kind)?;
        let key = Key::new(resource, namespace, name);
        let operation = format!("test:delete {resource}");
        self.write(|store| store.delete(&operation, &key, &Preconditions::default())).map(|_| ())
    }

    /// Deletes a namespace and its objects. The namespace disappears with the last finalizer.
    ///
    /// # Errors
    /// The refusal of the API server.
    pub fn delete_namespace(&self, name: &str) -> Result<(), Refused> {
        self.delete("Namespace", "", name)
    }

    /// An object. `kind` is written as in a manifest.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.lock().get(&Key::new(Resource::of_kind(kind)?, namespace, name)).cloned()
    }

    /// All objects of a kind, by namespace and name.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let store = self.lock();
        Resource::of_kind(kind).into_iter().flat_map(|resource| store.objects(resource)).cloned().collect()
    }

    /// All events, in the order of their last write.
    pub fn events(&self) -> Vec<Value> {
        let mut events = self.objects("Event");
        events.sort_by_key(version);
        events
    }

    /// Every write that changed an object, oldest first.
    pub fn journal(&self) -> Vec<Change> {
        self.lock().history.clone()
    }

    /// The writes from this number on, oldest first.
    pub fn journal_from(&self, number: usize) -> Vec<Change> {
        self.lock().history.get(number..).unwrap_or_default().to_vec()
    }

    /// Forgets all events, and keeps only the last change of each object. Call this function while no watch is behind.
    pub fn forget(&self) {
        self.lock().forget();
    }

    /// The number of writes that changed a status.
    pub fn status_writes(&self) -> usize {
        self.lock().history.iter().filter(|change| change.of_status()).count()
    }

    /// Multiplies the duration of all later watches. Otherwise restarts of watches would be most of the calls in a long
    /// run.
    pub fn let_watches_last(&self, times: u32) {
        self.lock().patience = times;
    }

    /// Applies a fault to all watches from now on.
    pub fn fault_watches(&self, fault: WatchFault) {
        self.write(|store| store.fault = fault);
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock()
    }

    fn write<T>(&self, write: impl FnOnce(&mut Store) -> T) -> T {
        let written = write(&mut self.lock());
        self.changed.send_replace(());
        written
    }

    /// Notifies of each write, before any time passes.
    pub fn changed(&self) -> channel::Receiver<()> {
        self.changed.subscribe()
    }
}

fn resource(kind: &str) -> Result<Resource, Refused> {
    Resource::of_kind(kind).ok_or_else(|| Refused::bad_request(format!("no matches for kind \"{kind}\"")))
}

/// The object of a manifest, with the live status and with the live metadata that the manifest does not set.
fn applied(live: &Value, manifest: &Value) -> Value {
    let mut object = manifest.clone();
    object["metadata"] = live["metadata"].clone();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = manifest["metadata"].get(field) {
            object["metadata"][field] = value.clone();
        }
    }
    if let Some(status) = live.get("status") {
        object["status"] = status.clone();
    }
    object
}

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"]
        .as_str()
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}
