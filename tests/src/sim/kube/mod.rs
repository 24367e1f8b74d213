//! Kubernetes in memory: what the operator uses of an API server, behind a real client, in virtual time.
//!
//! Versions are counted, UIDs are made from the cluster's name, and times from tokio's clock: the same calls give the same
//! cluster.

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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambda_triggers::reconcile::Clock;
use serde_json::{Value, json};
use tokio::sync::watch as channel;

use super::fault_injector::CallInterceptor;
pub use faults::WatchFault;
pub use history::{Change, Event};
use object::{Check, Component};
pub use refused::Refused;
pub use resource::{Key, Resource};
use store::{Preconditions, Store, Write};

/// A cluster. Clones are the same one.
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
    /// A cluster with the namespaces `default` and `kube-system`. To be made where tokio's time is paused.
    pub fn new() -> Self {
        Self::named("cluster")
    }

    /// The same with a name, which gives it other UIDs than those of clusters with other names.
    pub fn named(name: &str) -> Self {
        let cluster =
            Self { store: Arc::new(Mutex::new(Store::new(name))), changed: channel::Sender::new(()) };
        for namespace in ["default", "kube-system"] {
            cluster.create_namespace(namespace);
        }
        cluster
    }

    /// A client whose calls pass this interceptor. To be made within a runtime.
    pub fn client(&self, interceptor: CallInterceptor) -> ::kube::Client {
        let cluster = self.clone();
        let service =
            tower::service_fn(move |request| service::answer(cluster.clone(), interceptor.clone(), request));
        ::kube::Client::new(service, "default")
    }

    /// The cluster's clock, by which operators tell the time of day.
    pub fn clock(&self) -> Clock {
        let cluster = self.clone();
        Clock::new(move || cluster.lock().time_of_day())
    }

    /// Creates a namespace, where there is none of this name.
    pub fn create_namespace(&self, name: &str) {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        // It is there already, which is what was asked for.
        let _ = self.apply(&manifest);
    }

    /// Creates an object, or gives it this spec, these labels and annotations, as `kubectl apply` does. Without a
    /// namespace, it is in `default`.
    ///
    /// # Errors
    /// As the API server refuses it.
    pub fn apply(&self, manifest: &Value) -> Result<Value, Refused> {
        self.apply_with(manifest, Check::Strict)
    }

    /// The same with an object that the definitions of our resources refuse, as if older ones had let it in.
    ///
    /// # Errors
    /// As the API server refuses it.
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

    /// Gives an object this status, as an operator before this one has left it.
    ///
    /// # Errors
    /// As the API server refuses it.
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

    /// Deletes an object; while it has finalizers, it is marked only.
    ///
    /// # Errors
    /// As the API server refuses it.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> Result<(), Refused> {
        let resource = resource(kind)?;
        let key = Key::new(resource, namespace, name);
        let operation = format!("test:delete {resource}");
        self.write(|store| store.delete(&operation, &key, &Preconditions::default())).map(|_| ())
    }

    /// Deletes a namespace and all that is in it. It goes when the last finalizer in it is gone.
    ///
    /// # Errors
    /// As the API server refuses it.
    pub fn delete_namespace(&self, name: &str) -> Result<(), Refused> {
        self.delete("Namespace", "", name)
    }

    /// An object; `kind` as in a manifest.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.lock().get(&Key::new(Resource::of_kind(kind)?, namespace, name)).cloned()
    }

    /// All objects of a kind, by namespace and name.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let store = self.lock();
        Resource::of_kind(kind).into_iter().flat_map(|resource| store.objects(resource)).cloned().collect()
    }

    /// All events, in the order in which they came or were last repeated.
    pub fn events(&self) -> Vec<Value> {
        let mut events = self.objects("Event");
        events.sort_by_key(version);
        events
    }

    /// Every write that changed something, oldest first.
    pub fn journal(&self) -> Vec<Change> {
        self.lock().history.clone()
    }

    /// The same from this number on, with those before it left out.
    pub fn journal_from(&self, number: usize) -> Vec<Change> {
        self.lock().history.get(number..).unwrap_or_default().to_vec()
    }

    /// Forgets all events, and of each object all but its last change. To be called when no watch is behind.
    pub fn forget(&self) {
        self.lock().forget();
    }

    /// How many writes changed a status.
    pub fn status_writes(&self) -> usize {
        self.lock().history.iter().filter(|change| change.of_status()).count()
    }

    /// From here on, a watch lasts so many times longer than its client asks for: in runs of hours, most calls would be
    /// watches that begin again.
    pub fn let_watches_last(&self, times: u32) {
        self.lock().patience = times;
    }

    /// From here on, this befalls all watches.
    pub fn fault_watches(&self, fault: WatchFault) {
        self.write(|store| store.fault = fault);
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, write: impl FnOnce(&mut Store) -> T) -> T {
        let written = write(&mut self.lock());
        self.changed.send_replace(());
        written
    }

    /// Tells of each write, before any time passes.
    pub fn changed(&self) -> channel::Receiver<()> {
        self.changed.subscribe()
    }
}

fn resource(kind: &str) -> Result<Resource, Refused> {
    Resource::of_kind(kind).ok_or_else(|| Refused::bad_request(format!("no matches for kind \"{kind}\"")))
}

/// The object as a manifest has it, with what a manifest does not say of the metadata and the status.
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
