//! `lambda-triggers doctor`: looks at all that the operator needs, and says what to do about what is missing. It reads
//! and asks, and changes nothing anywhere.

mod aws;
mod kubernetes;
mod tenancy;

use std::fmt;
use std::path::PathBuf;

use lambda_triggers_core::ownership::OwnerId;

use crate::error_chain;
use crate::network::Network;

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// As of the operator: watch these namespaces alone; without any, all.
    pub namespaces: Vec<String>,
    /// As of the operator: the owner id; else it is taken from the cluster.
    pub owner_id: Option<OwnerId>,
    /// As of the operator: the Region.
    pub region: Option<String>,
    /// Reference the API server in the name of this user, such as the operator's service account.
    pub as_user: Option<String>,
    /// LambdaApi to look at, by name or ARN, with or without an alias or a version.
    pub functions: Vec<String>,
    /// Buckets to look at.
    pub buckets: Vec<String>,
    /// The account that owns the buckets; else the operator's.
    pub bucket_owner: Option<String>,
    /// As of the operator: the file that says what each namespace may do.
    pub tenancy_file: Option<PathBuf>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Something is to be done.
    Failed,
    /// It could not be looked at.
    Skipped,
}

/// One check: how it went, of what, and what was seen or is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How it went.
    pub state: CheckState,
    /// What was looked at.
    pub what: String,
    /// What was seen, or why it failed and what to do.
    pub said: String,
}

impl Check {
    fn new(state: CheckState, what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { state, what: what.into(), said: said.into() }
    }

    fn ok(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(CheckState::Ok, what, said)
    }

    fn failed(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(CheckState::Failed, what, said)
    }

    fn skipped(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(CheckState::Skipped, what, said)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, what, said } = self;
        let state = match state {
            CheckState::Ok => "ok",
            CheckState::Failed => "failed",
            CheckState::Skipped => "skipped",
        };
        write!(f, "{state:<8} {what}: {said}")
    }
}

/// Makes all checks, and hands each to `tell` as soon as it is made. Returns whether none failed.
pub async fn examine(options: &Options, mut tell: impl FnMut(&Check)) -> bool {
    let mut healthy = true;
    let mut told = |checks: Vec<Check>| {
        for check in &checks {
            healthy &= check.state != CheckState::Failed;
            tell(check);
        }
    };
    let network = match Network::from_env() {
        Ok(network) => network,
        Err(error) => {
            let skipped =
                ["Kubernetes", "AWS"].map(|what| Check::skipped(what, "the network cannot be used"));
            told([Check::failed("network", error_chain(&error))].into_iter().chain(skipped).collect());
            return healthy;
        }
    };
    told(network.shown().into_iter().map(|(variable, value)| Check::ok(variable, value)).collect());
    let (checks, owner) = kubernetes::examine(options, &network).await;
    told(checks);
    let (checks, tenancy) = tenancy::examine(options.tenancy_file.as_deref());
    told(checks);
    told(aws::examine(options, network, owner.as_ref(), tenancy.as_ref()).await);
    healthy
}

/// The account of the credentials, and the partition that it is in.
///
/// # Errors
/// Where there are no credentials, or AWS does not take them.
pub async fn account_and_partition(region: Option<String>) -> Result<(String, String), String> {
    aws::account_and_partition(region).await
}

/// The owner id that the operator has in the cluster of the kubeconfig.
///
/// # Errors
/// Where the cluster cannot be reached, or does not let its namespace be read.
pub async fn owner_id(namespaces: &[String]) -> Result<OwnerId, String> {
    kubernetes::owner_id(namespaces).await
}
