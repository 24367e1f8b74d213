//! The owner id of the operator in a cluster, checked against the status of the resources.

use kube::Client;
use lambda_triggers_core::diagnosis::{Check, check_owner_id};
use lambda_triggers_core::ownership::OwnerId;

use super::Options;
use super::resources::Resources;
use crate::error_chain;
use crate::network::Network;
use crate::operator::{StartError, find_owner, identity};

/// The flag of an operator that watches only some namespaces.
const SCOPE_FLAG: &str = "--namespace, with the operator's namespace in the kubeconfig";

/// The owner ID of the flag, or of the cluster. The recorded owner IDs of `resources` must contain the cluster's.
pub async fn check_owner(
    options: &Options,
    client: &Client,
    own: &str,
    resources: Option<&Resources>,
) -> (Check, Option<OwnerId>) {
    const NAME: &str = "owner id";
    let given = options.owner_id.clone();
    let owner = match find_owner(client, identity(&options.namespaces, own), given.clone()).await {
        Ok(owner) => owner.id,
        Err(error) => return (Check::failed(NAME, error_chain(&*error)), given),
    };
    let recorded = resources.filter(|_| given.is_none()).map(Resources::recorded_owners).unwrap_or_default();
    match check_owner_id(&owner, &recorded, Some(SCOPE_FLAG)) {
        Ok(()) => {
            let message = format!("{owner}; names in AWS begin with {}", owner.prefix());
            (Check::ok(NAME, message), Some(owner))
        }
        Err(why) => (Check::failed(NAME, why), None),
    }
}

/// The operator's owner ID in the cluster of the kubeconfig.
///
/// # Errors
///
/// The cluster cannot be reached, or [`owner_id_in`] fails.
pub async fn owner_id(namespaces: &[String]) -> Result<OwnerId, String> {
    let connect = async || Ok(Client::try_from(Network::from_env()?.kube_config(None).await?)?);
    owner_id_in(&connect().await.map_err(unknown)?, namespaces, Some(SCOPE_FLAG)).await
}

/// The owner ID of the operator that watches `namespaces`, or all namespaces. `flag` is that of [`check_owner_id`].
///
/// # Errors
///
/// RBAC denies `get` on the namespace, or the resources record only other owner IDs.
pub async fn owner_id_in(
    client: &Client,
    namespaces: &[String],
    flag: Option<&str>,
) -> Result<OwnerId, String> {
    let owner = find_owner(client, identity(namespaces, client.default_namespace()), None).await;
    let owner = owner.map_err(unknown)?.id;
    // A user who may not list the resources gets the owner id without the check.
    if let Ok(resources) = Resources::list(client, namespaces).await {
        check_owner_id(&owner, &resources.recorded_owners(), flag)?;
    }
    Ok(owner)
}

fn unknown(error: StartError) -> String {
    let why = error_chain(&*error);
    format!("the owner id is not known, because it cannot be read from the cluster ({why}); give --owner-id")
}
