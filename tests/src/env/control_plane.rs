//! Our own control plane: etcd, kube-apiserver and three controllers in one process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::process::Service;

#[derive(Debug)]
pub(super) struct ControlPlane {
    pub kubeconfig: PathBuf,
    pub kubectl: PathBuf,
    pub service: Service,
}

impl ControlPlane {
    pub async fn start() -> Self {
        let bin = PathBuf::from(script(&Self::build_script()).await);
        let command = Command::new(bin.join("controlplane"));
        let (service, kubeconfig) = Service::start(command, "KUBECONFIG", Duration::from_secs(180)).await;
        Self { kubeconfig: kubeconfig.into(), kubectl: bin.join("kubectl"), service }
    }

    /// True if the control plane is built or can be built, which needs Go.
    pub async fn available() -> bool {
        let mut check = Command::new(Self::build_script());
        check.arg("--check").stdout(Stdio::null()).stderr(Stdio::null());
        check.status().await.is_ok_and(|status| status.success())
    }

    fn build_script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("controlplane/build.sh")
    }
}

/// Runs a script that builds or installs a tool, and returns the printed path.
pub(super) async fn script(path: &Path) -> String {
    let output = Command::new(path)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", path.display()));
    assert!(output.status.success(), "{} failed; it says above why", path.display());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
