//! `lambda-triggers doctor`: checks all requirements of the operator, and names the fix for each failed check. The
//! doctor only reads, and changes nothing.

mod aws;
mod inventory;
mod kubernetes;
mod operator;
mod orphans;
mod owner_id;
mod resources;
mod scheduler;
mod subjects;
mod tenancy;

use std::path::PathBuf;

use lambda_triggers_core::diagnosis::Check;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::status::Component;
pub use owner_id::{owner_id, owner_id_in};

use crate::aws::AwsError;
use crate::error_chain;
use crate::network::Network;

/// The options of the doctor.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The context of the kubeconfig; `None` for the current context, or for the pod.
    pub context: Option<String>,
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
    /// True to check all resources, and the AWS quotas of their functions, buckets and rules.
    pub all: bool,
    /// True to search for orphans in AWS, in place of all other checks.
    pub orphans: bool,
}

impl Options {
    /// True if a flag names a function or a bucket. The names of the resources are then not used.
    fn names_subjects(&self) -> bool {
        !self.functions.is_empty() || !self.buckets.is_empty()
    }
}

/// Runs all checks, and passes each finished check to `report`.
pub async fn examine(options: &Options, mut report: impl FnMut(Check)) {
    let mut record = |checks: Vec<Check>| checks.into_iter().for_each(&mut report);
    let network = match Network::from_env() {
        Ok(network) => network,
        Err(error) => {
            let skipped =
                ["Kubernetes", "AWS"].map(|name| Check::skipped(name, "the network cannot be used"));
            record([Check::failed("network", error_chain(&error))].into_iter().chain(skipped).collect());
            return;
        }
    };
    record(network.shown().into_iter().map(|(variable, value)| Check::ok(variable, value)).collect());
    if options.orphans {
        record(orphans::examine(options, network).await);
        return;
    }
    let (checks, cluster) = kubernetes::examine(options, &network).await;
    record(checks);
    let (checks, tenancy) = tenancy::examine(options.tenancy_file.as_deref());
    record(checks);
    record(aws::examine(options, network, &cluster, tenancy.as_ref()).await);
}

/// The check of a call that only reads. An error is the message of a resource that needs the call.
fn read<T>(
    name: &str,
    answer: Result<T, AwsError>,
    component: Component,
    finding: impl FnOnce(T) -> String,
) -> Check {
    match answer {
        Ok(found) => Check::ok(name, finding(found)),
        Err(error) => Check::failed(name, error.failure(component).message),
    }
}

/// The account of the credentials, and the account's partition.
///
/// # Errors
/// No credentials, or AWS does not accept the credentials.
pub async fn account_and_partition(region: Option<String>) -> Result<(String, String), String> {
    aws::account_and_partition(region).await
}
