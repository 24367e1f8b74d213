//! The ConfigMap with the pending checks for orphans.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::reconcile::context::Context;

/// All rows.
pub async fn read(context: &Context) -> Result<BTreeMap<String, String>, kube::Error> {
    Ok(api(context).get_opt(&name(context)).await?.and_then(|map| map.data).unwrap_or_default())
}

/// Inserts a row, and creates the ConfigMap if necessary.
pub async fn insert(context: &Context, key: &str, what: &Value) -> Result<(), kube::Error> {
    let data = json!({key: what.to_string()});
    match change(context, &data).await {
        Err(error) if has_code(&error, 404) => {}
        other => return other,
    }
    let empty: ConfigMap = named(context, &json!({}))?;
    match api(context).create(&PostParams::default(), &empty).await {
        // The namespace is being deleted, and the operator with the namespace.
        Err(error) if is_terminating(&error) => return Ok(()),
        Err(error) if !has_code(&error, 409) => return Err(error),
        _ => {}
    }
    change(context, &data).await
}

/// Removes a row.
pub async fn remove(context: &Context, key: &str) -> Result<(), kube::Error> {
    match change(context, &json!({key: null})).await {
        Err(error) if has_code(&error, 404) => Ok(()),
        done => done,
    }
}

/// Patches some rows.
async fn change(context: &Context, data: &Value) -> Result<(), kube::Error> {
    let map: Value = named(context, data)?;
    api(context).patch(&name(context), &PatchParams::default(), &Patch::Merge(&map)).await.map(drop)
}

fn named<T: DeserializeOwned>(context: &Context, data: &Value) -> Result<T, kube::Error> {
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name(context)}, "data": data});
    serde_json::from_value(map).map_err(kube::Error::SerdeError)
}

/// True if the API server answered with this code.
pub fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

fn is_terminating(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

fn api(context: &Context) -> Api<ConfigMap> {
    Api::namespaced(context.client.clone(), &context.namespace)
}

/// Each owner id has its own ConfigMap, since operators with different owner ids may share a namespace.
fn name(context: &Context) -> String {
    format!("lambda-triggers-{}", context.owner.id)
}
