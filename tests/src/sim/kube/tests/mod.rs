//! The cluster in memory, as real clients see the cluster.

mod client_faults;
mod controller;
mod deletion;
mod objects;
mod status;
mod watch_faults;
mod watches;

use std::time::Duration;

use ::kube::{Api, Client, Error};
use k8s_openapi::api::core::v1::ConfigMap;
use lambda_triggers_core::api::S3TriggeredFunction;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Cluster;
use crate::sim::fault_injector::{Call, CallFault, FaultInjector};

const KIND: &str = "S3TriggeredFunction";

/// A cluster without faults, and a client.
fn cluster() -> (Cluster, Client) {
    let (cluster, client, _) = planned(|_| CallFault::Pass);
    (cluster, client)
}

fn planned(plan: impl Fn(&Call) -> CallFault + Send + 'static) -> (Cluster, Client, FaultInjector) {
    let cluster = Cluster::new();
    let injector = FaultInjector::new(1, move |call: &Call| plan(call));
    let client = cluster.client(injector.open());
    (cluster, client, injector)
}

fn functions(client: &Client) -> Api<S3TriggeredFunction> {
    Api::namespaced(client.clone(), "default")
}

fn config_maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

/// A manifest of an `S3TriggeredFunction` for this bucket.
fn manifest(name: &str, bucket: &str) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": KIND, "metadata": {"name": name},
        "spec": {"function": {"name": "resize"}, "bucket": bucket},
    })
}

fn config_map(name: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}})
}

fn typed<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object of this type")
}

fn json_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("an object is JSON")
}

/// Waits for a time, in which all due work happens.
async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

/// The code and the reason of a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, String) {
    match result {
        Err(Error::Api(status)) => (status.code, status.reason),
        other => panic!("not refused: {other:?}"),
    }
}
