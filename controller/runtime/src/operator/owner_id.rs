//! The owner id of this operator.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use lambda_triggers_core::ownership::{Owner, OwnerId};

use super::start_error::StartError;
use crate::error_chain;

/// The namespace with the UID that identifies the cluster.
pub const CLUSTER: &str = "kube-system";

/// The namespace that identifies an operator: kube-system, or the operator's own namespace if the operator watches
/// only some namespaces. Two operators of one cluster never share an ID, and a change of the list keeps the ID.
pub fn identity<'a>(watched: &[String], own: &'a str) -> &'a str {
    if watched.is_empty() { CLUSTER } else { own }
}

/// The owner of the operator's resources: the given ID, or else an ID from the UID of the [`identity`] namespace.
pub async fn find(client: &Client, watched: &[String], given: Option<OwnerId>) -> Result<Owner, StartError> {
    find_in(client, identity(watched, client.default_namespace()), given).await
}

/// Like [`find`], with the UID of the namespace `name`.
pub async fn find_in(client: &Client, name: &str, given: Option<OwnerId>) -> Result<Owner, StartError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = namespaces.get(name).await.map_err(|error| {
        format!(
            "cannot read the namespace {name}, whose UID identifies the operator: {}; allow `get` on the namespace",
            error_chain(&error)
        )
    })?;
    let uid = namespace.uid().unwrap_or_default();
    let id = match given {
        Some(id) => id,
        None => OwnerId::from_uid(&uid)?,
    };
    Ok(Owner { id, cluster: uid })
}
