//! Watches a env's objects, and judges every status that an operator writes to them by the rules of [`crate::kstatus`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::api::{ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::kstatus::StatusCache;

const KINDS: [&str; 2] = ["ScheduledFunction", "S3TriggeredFunction"];
/// Between two attempts at a watch that the API server has ended.
const PAUSE: Duration = Duration::from_millis(100);
/// A watch is behind the API server for no longer.
const BEHIND: Duration = Duration::from_secs(20);

/// Watches until it is dropped.
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
    /// Watches what happens after a version, in one namespace or in all.
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

    /// What was wrong with the statuses that were written until now.
    pub async fn findings(&self) -> Vec<String> {
        for api in &self.apis {
            // A test may have taken the kind, or the API server, away.
            let Ok(objects) = api.list(&ListParams::default()).await else { continue };
            for object in objects {
                self.catch_up(&object).await;
            }
        }
        lock(&self.seen).findings.clone()
    }

    /// Waits until the watch has come to this version of an object.
    async fn catch_up(&self, object: &DynamicObject) {
        let uid = object.uid().unwrap_or_default();
        let seen = || lock(&self.seen).versions.get(&uid).is_some_and(|seen| *seen >= version(object));
        super::until(BEHIND, "the watch of the statuses", async || seen().then_some(())).await;
    }
}

impl Drop for StatusWatch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Looks at each version of each object: from the last one on where the watch ends, and at what is there where the API
/// server has forgotten that one.
async fn watch(api: Api<DynamicObject>, mut from: String, seen: Arc<Mutex<Seen>>) {
    loop {
        if watch_once(&api, &mut from, &seen).await.is_err() {
            sleep(PAUSE).await;
            if let Ok(list) = api.list(&ListParams::default()).await {
                from = list.metadata.resource_version.unwrap_or_default();
                list.items.iter().for_each(|object| lock(&seen).see(object));
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
                lock(seen).see(&object);
            }
            WatchEvent::Bookmark(bookmark) => from.clone_from(&bookmark.metadata.resource_version),
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}

impl Seen {
    fn see(&mut self, object: &DynamicObject) {
        // What is there already may be listed once more.
        let known = self.versions.entry(object.uid().unwrap_or_default()).or_default();
        if *known >= version(object) {
            return;
        }
        *known = version(object);
        let value = serde_json::to_value(object).expect("an object is JSON");
        for wrong in self.statuses.see(&value) {
            let kind = object.types.as_ref().map_or("", |types| types.kind.as_str());
            let name = object.name_any();
            self.findings.push(format!("{kind} {name}: {wrong}, in the status {}", value["status"]));
        }
    }
}

/// Versions are numbers that grow
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).
fn version(object: &DynamicObject) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
