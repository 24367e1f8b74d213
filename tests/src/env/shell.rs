//! Commands of the documentation, run by a shell as a user of the environment.

use std::path::PathBuf;

use super::TestEnv;
use super::aws::SECRET_KEY;
use super::controller::binary;
use super::kubectl::{Output, run};

impl TestEnv {
    /// Runs shell lines up to the first failure. `kubectl` and `lambda-triggers` are on the `PATH`, and the current
    /// context names the environment's namespace. The AWS credentials are those of the environment's account.
    pub async fn shell(&self, lines: &str) -> Output {
        let kubeconfig = self.user_kubeconfig().await;
        let mut command = tokio::process::Command::new("sh");
        command.args(["-euc", lines]);
        command.envs(self.environment(self.aws_endpoint(), [self.account(), SECRET_KEY]));
        command.env("KUBECONFIG", kubeconfig);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let programs = [self.kubectl_program().to_owned(), binary()];
        let folders =
            programs.iter().filter_map(|program| program.parent()).filter(|folder| folder.is_absolute());
        let folders = folders.map(PathBuf::from).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).expect("folders of PATH"));
        run(&mut command, "").await
    }

    /// A copy of the administrator's kubeconfig. Its context names the environment's namespace.
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
