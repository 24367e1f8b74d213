//! Flux's source-controller and kustomize-controller, built once from `tests/gitops`, as child processes.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::TestEnv;
use super::control_plane::script;
use super::envtest::free_ports;
use super::kubectl::{Output, run};
use super::log::Log;
use super::process::Ward;

/// The namespace of Flux's own objects.
pub const FLUX_NAMESPACE: &str = "flux-system";

/// The running controllers, killed on drop.
pub struct Flux {
    log: Log,
    _source: Ward,
    _kustomize: Ward,
}

impl Flux {
    /// The last 5,000 lines of the kustomize-controller.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

impl TestEnv {
    /// Installs Flux's CRDs and starts the controllers for all namespaces. Only for environments of
    /// [`super::test_on_own_cluster`].
    pub async fn flux(&self) -> Flux {
        let folder = tools().await;
        let crds = folder.join("crds");
        let crds = crds.to_str().expect("the cache's path is UTF-8");
        self.kubectl(&["create", "namespace", FLUX_NAMESPACE], "").await.expect("kubectl create");
        self.kubectl(&["apply", "--server-side", "--filename", crds], "").await.expect("kubectl apply");
        let established = ["wait", "--for=condition=Established", "--timeout=60s", "--filename", crds];
        self.kubectl(&established, "").await.expect("kubectl wait");

        let [port] = free_ports();
        let artifacts = self.directory().join("artifacts");
        std::fs::create_dir_all(&artifacts).expect("the environment's directory is writable");
        let storage = [
            format!("--storage-path={}", artifacts.display()),
            format!("--storage-addr=127.0.0.1:{port}"),
            format!("--storage-adv-addr=127.0.0.1:{port}"),
        ];
        let (_source, _) = self.flux_controller(folder, "source-controller", &storage);
        let dependencies = ["--requeue-dependency=1s".to_owned()];
        let (_kustomize, log) = self.flux_controller(folder, "kustomize-controller", &dependencies);
        Flux { log, _source, _kustomize }
    }

    fn flux_controller(&self, folder: &Path, name: &str, arguments: &[String]) -> (Ward, Log) {
        let temporary = self.directory().join(name);
        std::fs::create_dir_all(&temporary).expect("the environment's directory is writable");
        let mut command = Command::new(folder.join(name));
        command.args(["--metrics-addr=0", "--health-addr=0", "--log-encoding=console"]).args(arguments);
        command.env("KUBECONFIG", self.kubeconfig()).env("RUNTIME_NAMESPACE", FLUX_NAMESPACE);
        // The kustomize-controller removes the folders of earlier runs from the temporary directory.
        command.env("TMPDIR", temporary);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().to_ascii_uppercase().ends_with("_PROXY") {
                command.env_remove(variable);
            }
        }
        let log = Log::default();
        self.show_on_failure(name, &log);
        (Ward::start(command, &log), log)
    }
}

/// Runs `argodiff` with `stdin` as input, without a cluster.
pub async fn argodiff(stdin: &str) -> Output {
    run(&mut Command::new(tools().await.join("argodiff")), stdin).await
}

/// The folder of the programs. Its subfolder `crds/` has the CRDs of Flux.
async fn tools() -> &'static Path {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("gitops/build.sh");
    FOLDER.get_or_init(async || script(&build).await.into()).await
}
