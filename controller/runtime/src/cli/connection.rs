//! The flags of commands that read a cluster or AWS.

use std::time::Duration;

use clap::Args;
use tokio::time::timeout;

use super::values;
use crate::telemetry::logs;

/// The connection of a command to a cluster and to AWS.
#[derive(Args, Clone, Debug)]
pub struct ConnectionArgs {
    /// Context of the kubeconfig (default: the current context, or the pod's service account).
    #[arg(long, env = "LAMBDA_TRIGGERS_CONTEXT", value_name = "NAME", display_order = 90)]
    pub context: Option<String>,
    #[command(flatten)]
    pub calls: CallArgs,
}

/// The calls of a command.
#[derive(Args, Clone, Debug)]
pub struct CallArgs {
    /// End the command after this time, such as 2m (default: no limit).
    #[arg(long, env = "LAMBDA_TRIGGERS_TIMEOUT", value_name = "TIME", value_parser = values::duration, display_order = 91)]
    timeout: Option<Duration>,
    /// Print each call to AWS on standard error.
    #[arg(long, short, display_order = 92)]
    verbose: bool,
}

/// The end of a command by `--timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the command did not end within {0:?}; give a longer --timeout, or check the network (docs/network.md)"
)]
pub struct TimedOut(Duration);

impl CallArgs {
    /// Runs the work of a command, at most for the time of `--timeout`.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, TimedOut> {
        if self.verbose {
            logs::print_calls();
        }
        match self.timeout {
            Some(limit) => timeout(limit, work).await.map_err(|_| TimedOut(limit)),
            None => Ok(work.await),
        }
    }
}
