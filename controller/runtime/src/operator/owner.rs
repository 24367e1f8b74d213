//! Finds out whose things in AWS are ours.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use lambda_triggers_core::plan::identity::{Owner, OwnerId};

use super::StartError;

/// The owner: by the id given, else by the UID of the namespace that stands for this operator. That is kube-system,
/// or the one that is watched where it is one alone, so that two operators in one cluster never share an id.
pub async fn find(
    client: &Client,
    watched: Option<&str>,
    given: Option<OwnerId>,
) -> Result<Owner, StartError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let uid = async |name: &str| -> Result<String, StartError> {
        let namespace = namespaces.get(name).await.map_err(|error| {
            format!(
                "cannot read the namespace {name}, whose UID tells clusters apart: {error}; allow `get` on it"
            )
        })?;
        Ok(namespace.uid().unwrap_or_default())
    };
    let cluster = uid("kube-system").await?;
    let id = match (given, watched) {
        (Some(id), _) => id,
        (None, Some(namespace)) => OwnerId::from_uid(&uid(namespace).await?)?,
        (None, None) => OwnerId::from_uid(&cluster)?,
    };
    Ok(Owner { id, cluster })
}
