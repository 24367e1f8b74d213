//! The objects of a cluster. The handle has no method that changes anything.

use std::collections::{BTreeMap, BTreeSet};

use http::Request;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use lambda_triggers_core::api::{Applied, DeletionPolicy, TriggerStatus};
use lambda_triggers_core::ownership::{ObjectKey, Owner, OwnerId};
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::plan::function::{files_of_config_map, no_config_map};
use lambda_triggers_core::preview::Creation;
use lambda_triggers_core::status::{Component, Failure, Reason};
use serde_json::Value;

use crate::error_chain;
use crate::manifests::Manifest;
use crate::objects::{
    Identity, KINDS, RawS3TriggeredFunction, RawScheduledFunction, Trigger, deletion_policy, is_paused,
    list_all, read_status,
};

/// The documentation of the permissions.
const HINT: &str = "docs/plan.md has the RBAC rules";

/// A cluster without its writes.
pub struct Cluster {
    client: Client,
    /// The owner of the operator's resources in AWS.
    pub owner: Owner,
    /// The objects of both kinds.
    pub objects: BTreeMap<(&'static str, ObjectKey), Existing>,
    /// The schema of the spec of each kind; empty if the API server does not show the schemas.
    schemas: BTreeMap<&'static str, JSONSchemaProps>,
}

/// An object of the cluster.
#[derive(Clone)]
pub struct Existing {
    /// The object as a manifest.
    pub manifest: Manifest,
    /// The creation of the object.
    pub creation: Creation,
    /// The status.
    pub status: TriggerStatus,
    /// True if somebody has deleted the object.
    pub is_deleted: bool,
    /// True if the resources in AWS stay after the deletion of the object.
    pub is_retained: bool,
    /// True if the annotation pauses the object.
    pub is_paused: bool,
    /// True if the object matches the selector of the objects to prune.
    pub is_selected: bool,
    generation: Option<i64>,
}

/// An object of the cluster without a manifest.
pub type Other<'a> = (&'static str, &'a ObjectKey, &'a Existing);

impl Existing {
    fn new<K: Trigger>(object: &K) -> Self {
        let Identity { uid, created: at, generation, .. } = Identity::from_object(object);
        Self {
            manifest: Manifest::of_object(object),
            creation: Creation { at, uid },
            status: read_status(object),
            is_deleted: object.meta().deletion_timestamp.is_some(),
            is_retained: deletion_policy(object) == DeletionPolicy::Retain,
            is_paused: is_paused(object),
            is_selected: false,
            generation,
        }
    }

    /// True if the status describes the present spec.
    pub fn is_observed(&self) -> bool {
        self.status.observed_generation == self.generation
    }

    /// True if AWS matched the present spec at the last check.
    pub fn is_ready(&self) -> bool {
        self.is_observed() && self.status.is_ready()
    }
}

/// True if the record has entries in the bucket.
pub fn has_entries(applied: &Applied, bucket: &Bucket) -> bool {
    applied.notifications.iter().any(|one| !one.ids.is_empty() && Bucket::from(one) == *bucket)
}

impl Cluster {
    /// Reads all objects of both kinds. `prune` is the label selector of the objects to prune.
    ///
    /// # Errors
    ///
    /// The API server refuses a list.
    pub async fn read(client: Client, owner: Owner, prune: Option<&str>) -> Result<Self, String> {
        let schemas = served_schemas(&client).await.unwrap_or_default();
        let mut cluster = Self { client, owner, objects: BTreeMap::new(), schemas };
        cluster.list::<RawScheduledFunction>(prune).await?;
        cluster.list::<RawS3TriggeredFunction>(prune).await?;
        Ok(cluster)
    }

    async fn list<K: Trigger>(&mut self, prune: Option<&str>) -> Result<(), String> {
        let api: Api<K> = Api::all(self.client.clone());
        let list = async |parameters: ListParams| {
            let plural = K::plural(&());
            let failed =
                |error| format!("cannot list {plural} in the cluster: {}; {HINT}", error_chain(&error));
            list_all(&api, parameters).await.map_err(failed)
        };
        for object in list(ListParams::default()).await? {
            let key = Identity::from_object(&object).key;
            self.objects.insert((K::NAME, key), Existing::new(&object));
        }
        if let Some(selector) = prune {
            for object in list(ListParams::default().labels(selector)).await? {
                if let Some(found) = self.objects.get_mut(&(K::NAME, Identity::from_object(&object).key)) {
                    found.is_selected = true;
                }
            }
        }
        Ok(())
    }

    /// The owner ids that the status of the objects records.
    pub fn recorded_owners(&self) -> BTreeSet<OwnerId> {
        self.objects.values().flat_map(|existing| OwnerId::recorded(&existing.status.applied)).collect()
    }

    /// The schema of the spec that the API server has for a kind.
    pub fn schema(&self, kind: &str) -> Option<&JSONSchemaProps> {
        self.schemas.get(kind)
    }

    /// The files of a ConfigMap.
    pub async fn files(&self, namespace: &str, name: &str) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let found = api.get_opt(name).await.map_err(|error| {
            let why = error_chain(&error);
            let message =
                format!("cannot read the ConfigMap {name} in the namespace {namespace}: {why}; {HINT}");
            Failure::new(Component::Function, Reason::AccessDenied, message)
        })?;
        let files = files_of_config_map(found.unwrap_or_default());
        if files.is_empty() { Err(no_config_map(name, namespace)) } else { Ok(files) }
    }
}

/// The schemas in the OpenAPI document of the API server, which every user may read. CRDs need a permission of their own
/// (<https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3>).
async fn served_schemas(client: &Client) -> Option<BTreeMap<&'static str, JSONSchemaProps>> {
    let path = format!("/openapi/v3/apis/{}", RawScheduledFunction::api_version(&()));
    let document: Value = client.request(Request::get(path).body(vec![]).ok()?).await.ok()?;
    let served = document["components"]["schemas"].as_object()?.values();
    let kind_of = |schema: &Value| schema["x-kubernetes-group-version-kind"][0]["kind"].clone();
    let of_kind = |kind: &'static str| {
        let schema = served.clone().find(|schema| kind_of(schema) == kind)?;
        Some((kind, serde_json::from_value(schema["properties"]["spec"].clone()).ok()?))
    };
    Some(KINDS.into_iter().filter_map(of_kind).collect())
}
