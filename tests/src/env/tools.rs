//! Programs for the tests of the chart and of the GitOps examples, built once from `tests/helm`.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::TestEnv;
use super::control_plane::script;
use super::kubectl::{Output, run};
use super::process::scratch;

/// The folder of the programs. Its subfolder `crds/` has the CRDs of the Prometheus operator.
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
    /// Runs `helm` as administrator in the environment's namespace.
    pub async fn helm(&self, args: &[&str], values: &str) -> Output {
        let mut command = command("helm").await;
        command.env("KUBECONFIG", self.kubeconfig()).args(["--namespace", self.namespace()]);
        run(command.args(args), values).await
    }
}

/// A program that neither reads nor writes files of the user's own Helm.
async fn command(name: &str) -> Command {
    let mut command = Command::new(tools().await.join(name));
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, scratch().join("helm"));
    }
    command
}
