//! The programs that tests of the chart and of the GitOps examples run, built once from `tests/helm`.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::TestEnv;
use super::control_plane::script;
use super::kubectl::{Output, run};
use super::process::scratch;

/// The folder of the programs, which holds the CRDs of the Prometheus operator in `crds/`, too.
pub async fn tools() -> &'static Path {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("helm/build.sh");
    FOLDER.get_or_init(async || script(&build).await.into()).await
}

/// Runs `helm`, `promtool` or `argohealth`, without a cluster.
pub async fn tool(name: &str, args: &[&str], stdin: &str) -> Output {
    run(command(name).await.args(args), stdin).await
}

impl TestEnv {
    /// Runs `helm` in this env's namespace, with the administrator's rights.
    pub async fn helm(&self, args: &[&str], values: &str) -> Output {
        let mut command = command("helm").await;
        command.env("KUBECONFIG", self.kubeconfig()).args(["--namespace", self.namespace()]);
        run(command.args(args), values).await
    }
}

/// Nothing of the user's own Helm is read or written.
async fn command(name: &str) -> Command {
    let mut command = Command::new(tools().await.join(name));
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, scratch().join("helm"));
    }
    command
}
