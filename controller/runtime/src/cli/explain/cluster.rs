//! The resources of the cluster that have entries in buckets.

use kube::api::ListParams;
use kube::{Api, Client};

use crate::error_chain;
use crate::network::Network;
use crate::objects::{RawS3TriggeredFunction, list_all};
use crate::operator::StartError;

/// Lists the `S3TriggeredFunction`s of all namespaces.
pub async fn list_triggers(context: Option<&str>) -> Result<Vec<RawS3TriggeredFunction>, StartError> {
    let client = Client::try_from(Network::from_env()?.kube_config(context).await?)?;
    let listed = list_all(&Api::all(client), ListParams::default()).await;
    Ok(listed.map_err(|error| {
        format!(
            "cannot list s3triggeredfunctions in the cluster: {}; allow list in all namespaces",
            error_chain(&error)
        )
    })?)
}
