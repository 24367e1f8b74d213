//! `lambda-triggers doctor`: checks all requirements of the operator, and names the fix for each failed check. The
//! doctor only reads, and changes nothing.

mod aws;
mod check;
mod kubernetes;
mod scheduler;
mod tenancy;

use std::path::PathBuf;

use lambda_triggers_core::ownership::OwnerId;

use crate::error_chain;
use crate::network::Network;
pub use check::{Check, CheckState};

/// The options of the doctor.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The namespaces that the operator watches; empty for all.
    pub namespaces: Vec<String>,
    /// The owner ID of the operator; `None` for the ID from the cluster.
    pub owner_id: Option<OwnerId>,
    /// The default Region of the operator.
    pub region: Option<String>,
    /// The user to impersonate at the API server, such as the operator's service account.
    pub as_user: Option<String>,
    /// The functions to check, by name or ARN, with or without an alias or a version.
    pub functions: Vec<String>,
    /// The buckets to check.
    pub buckets: Vec<String>,
    /// The account that owns the buckets; `None` for the operator's account.
    pub bucket_owner: Option<String>,
    /// The tenancy file of the operator.
    pub tenancy_file: Option<PathBuf>,
    /// The ARN of the operator's role for EventBridge Scheduler.
    pub scheduler_role: Option<String>,
}

/// Runs all checks, and passes each finished check to `report`. Returns true if no check has failed.
pub async fn examine(options: &Options, mut report: impl FnMut(&Check)) -> bool {
    let mut healthy = true;
    let mut record = |checks: Vec<Check>| {
        for check in &checks {
            healthy &= check.state != CheckState::Failed;
            report(check);
        }
    };
    let network = match Network::from_env() {
        Ok(network) => network,
        Err(error) => {
            let skipped =
                ["Kubernetes", "AWS"].map(|what| Check::skipped(what, "the network cannot be used"));
            record([Check::failed("network", error_chain(&error))].into_iter().chain(skipped).collect());
            return healthy;
        }
    };
    record(network.shown().into_iter().map(|(variable, value)| Check::ok(variable, value)).collect());
    let (checks, owner) = kubernetes::examine(options, &network).await;
    record(checks);
    let (checks, tenancy) = tenancy::examine(options.tenancy_file.as_deref());
    record(checks);
    record(aws::examine(options, network, owner.as_ref(), tenancy.as_ref()).await);
    healthy
}

/// The account of the credentials, and the account's partition.
///
/// # Errors
/// No credentials, or AWS does not accept the credentials.
pub async fn account_and_partition(region: Option<String>) -> Result<(String, String), String> {
    aws::account_and_partition(region).await
}

/// The operator's owner ID in the cluster of the kubeconfig.
///
/// # Errors
/// The cluster cannot be reached, or RBAC denies `get` on the namespace.
pub async fn owner_id(namespaces: &[String]) -> Result<OwnerId, String> {
    kubernetes::owner_id(namespaces).await
}
