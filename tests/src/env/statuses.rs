//! Watches an environment's objects, and checks every status that an operator writes by the rules of
//! [`crate::kstatus`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::api::{ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::kstatus::StatusCache;

const KINDS: [&str; 2] = ["ScheduledFunction", "S3TriggeredFunction"];
/// Pause before the next watch after an error.
const PAUSE: Duration = Duration::from_millis(100);
/// Time limit for the watch to reach the API server's state.
const BEHIND: Duration = Duration::from_secs(20);

/// A watch that runs until dropped.
#[derive(Debug)]
pub(super) struct StatusWatch {
    apis: Vec<Api<DynamicObject>>,
    seen: Arc<Mutex<Seen>>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    statuses: StatusCache,
    /// The newest version of each object, by UID.
    versions: HashMap<String, u64>,
    findings: Vec<String>,
}

impl StatusWatch {
    /// Watches changes after a resource version, in a namespace or in all namespaces.
    pub fn start(client: &Client, namespace: Option<&str>, after: &str) -> Self {
        let api = |kind| {
            let resource =
                ApiResource::from_gvk(&GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", kind));
            match namespace {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                None => Api::all_with(client.clone(), &resource),
            }
        };
        let apis: Vec<Api<DynamicObject>> = KINDS.map(api).into();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let tasks = apis.iter().map(|api| tokio::spawn(watch(api.clone(), after.to_owned(), seen.clone())));
        let tasks = tasks.collect();
        Self { apis, seen, tasks }
    }

    /// Violations in the statuses so far.
    pub async fn findings(&self) -> Vec<String> {
        for api in &self.apis {
            // A test may have deleted the CRD or stopped the API server.
            let Ok(objects) = api.list(&ListParams::default()).await else { continue };
            for object in objects {
                self.catch_up(&object).await;
            }
        }
        self.seen.lock().findings.clone()
    }

    /// Waits until the watch has seen this version of an object.
    async fn catch_up(&self, object: &DynamicObject) {
        let uid = object.uid().unwrap_or_default();
        let seen = || self.seen.lock().versions.get(&uid).is_some_and(|seen| *seen >= version(object));
        super::until(BEHIND, "the watch of the statuses", async || seen().then_some(())).await;
    }
}

impl Drop for StatusWatch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Checks each version of each object. A watch that ends continues at its last version. After an error, for example
/// because the API server dropped old versions, the watch starts from a new list. A deletion between the last status and the
/// list changes the generation, so the statuses of listed objects are not checked.
async fn watch(api: Api<DynamicObject>, mut from: String, seen: Arc<Mutex<Seen>>) {
    loop {
        if watch_once(&api, &mut from, &seen).await.is_err() {
            sleep(PAUSE).await;
            if let Ok(list) = api.list(&ListParams::default()).await {
                from = list.metadata.resource_version.unwrap_or_default();
                list.items.iter().for_each(|object| drop(seen.lock().next(object)));
            }
        }
    }
}

async fn watch_once(api: &Api<DynamicObject>, from: &mut String, seen: &Mutex<Seen>) -> kube::Result<()> {
    let mut events = api.watch(&WatchParams::default(), from).await?.boxed();
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                *from = object.resource_version().unwrap_or_default();
                seen.lock().see(&object);
            }
            WatchEvent::Bookmark(bookmark) => from.clone_from(&bookmark.metadata.resource_version),
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}

impl Seen {
    fn see(&mut self, object: &DynamicObject) {
        for wrong in self.next(object) {
            let kind = object.types.as_ref().map_or("", |types| types.kind.as_str());
            let (name, status) = (object.name_any(), &object.data["status"]);
            self.findings.push(format!("{kind} {name}: {wrong}, in the status {status}"));
        }
    }

    /// Notes the next version of an object. Returns the violations in its status.
    fn next(&mut self, object: &DynamicObject) -> Vec<String> {
        // A list may contain versions that the watch has seen.
        let known = self.versions.entry(object.uid().unwrap_or_default()).or_default();
        if *known >= version(object) {
            return vec![];
        }
        *known = version(object);
        self.statuses.see(&serde_json::to_value(object).expect("an object is JSON"))
    }
}

/// Resource versions are increasing numbers
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).
fn version(object: &DynamicObject) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}
