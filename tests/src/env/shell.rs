//! Commands as the documentation has them, run by the shell of a user of this env.

use std::path::PathBuf;

use super::TestEnv;
use super::kubectl::{Output, run};

impl TestEnv {
    /// Runs lines of a shell, which end at the first one that fails, with `kubectl` on the `PATH` and this env's namespace
    /// as the one of its current context.
    pub async fn shell(&self, lines: &str) -> Output {
        let kubeconfig = self.user_kubeconfig().await;
        let mut command = tokio::process::Command::new("sh");
        command.args(["-euc", lines]).env("KUBECONFIG", kubeconfig);
        if let Some(folder) = self.kubectl_program().parent().filter(|folder| folder.is_absolute()) {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).expect("folders of PATH"));
        }
        run(&mut command, "").await
    }

    /// A copy of the administrator's kubeconfig, whose context names this env's namespace.
    async fn user_kubeconfig(&self) -> PathBuf {
        let path = self.directory().join("kubeconfig");
        if !path.exists() {
            std::fs::copy(self.kubeconfig(), &path).expect("the kubeconfig can be copied");
            let path = path.to_str().expect("the scratch directory has a name in UTF-8");
            let context =
                ["--kubeconfig", path, "config", "set-context", "--current", "--namespace", self.namespace()];
            self.kubectl(&context, "").await.expect("kubectl config set-context");
        }
        path
    }
}
