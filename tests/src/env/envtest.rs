//! Runs etcd and kube-apiserver from `KUBEBUILDER_ASSETS`, like controller-runtime's envtest.

use std::iter::{Cycle, Skip};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::process::Command;

use super::log::Log;
use super::process::{Ward, scratch};
use super::wait::until;

/// A constant token is safe: the API server serves only tests, on 127.0.0.1.
const TOKEN: &str = "lambda-triggers-test";

/// A running etcd and kube-apiserver. No controllers run, so namespaces are never removed.
#[derive(Debug)]
pub(super) struct Envtest {
    pub kubeconfig: PathBuf,
    pub log: Log,
    _etcd: Ward,
    _apiserver: Ward,
}

impl Envtest {
    pub async fn start(assets: &Path) -> Self {
        let [client, peer, secure] = free_ports();
        let dir = scratch().join(format!("envtest-{secure}"));
        std::fs::create_dir_all(&dir).expect("the scratch directory can be written to");
        let log = Log::default();

        let mut etcd = Command::new(assets.join("etcd"));
        etcd.arg("--data-dir").arg(dir.join("etcd")).arg("--unsafe-no-fsync").args([
            "--log-level=error".to_owned(),
            format!("--listen-client-urls=http://127.0.0.1:{client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
        ]);
        let etcd = Ward::start(etcd, &log);

        // The API server generates its serving certificate. The certificate's key also signs tokens.
        let pki = dir.join("pki");
        let (certificate, key) = (pki.join("apiserver.crt"), pki.join("apiserver.key"));
        let tokens = dir.join("tokens.csv");
        std::fs::write(&tokens, format!("{TOKEN},admin,admin,system:masters\n")).expect("tokens.csv");
        let mut apiserver = Command::new(assets.join("kube-apiserver"));
        apiserver.args([
            format!("--etcd-servers=http://127.0.0.1:{client}"),
            format!("--secure-port={secure}"),
            format!("--cert-dir={}", pki.display()),
            format!("--token-auth-file={}", tokens.display()),
            format!("--service-account-key-file={}", key.display()),
            format!("--service-account-signing-key-file={}", key.display()),
        ]);
        apiserver.args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
        ]);
        let mut apiserver = Ward::start(apiserver, &log);

        let kubeconfig = dir.join("kubeconfig");
        until(Duration::from_secs(120), "kube-apiserver of KUBEBUILDER_ASSETS to be ready", async || {
            if let Ok(Some(status)) = apiserver.child.try_wait() {
                panic!("kube-apiserver ended with {status}:\n{}", log.tail(50));
            }
            ready(secure, &certificate, &kubeconfig).await
        })
        .await;
        Self { kubeconfig, log, _etcd: etcd, _apiserver: apiserver }
    }
}

async fn ready(port: u16, certificate: &Path, kubeconfig: &Path) -> Result<(), String> {
    if !certificate.exists() {
        return Err("no certificate yet".to_owned());
    }
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "envtest",
        "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "admin"}}],
        "users": [{"name": "admin", "user": {"token": TOKEN}}],
        "clusters": [{"name": "envtest", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": certificate,
        }}],
    });
    std::fs::write(kubeconfig, config.to_string()).map_err(|error| error.to_string())?;
    let client = super::cluster::client(kubeconfig).await?;
    let request = hyper::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map(drop).map_err(|error| error.to_string())
}

/// Free ports below the ephemeral range, so that no other process takes a port before its use. Each call returns other
/// ports, so that no parallel test takes the port either.
pub(super) fn free_ports<const N: usize>() -> [u16; N] {
    static PORTS: LazyLock<Mutex<Skip<Cycle<Range<u16>>>>> =
        LazyLock::new(|| Mutex::new((20_000..32_000).cycle().skip(std::process::id() as usize % 10_000)));
    let mut ports = PORTS.lock();
    let mut listeners = ports.by_ref().filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let held: [TcpListener; N] = std::array::from_fn(|_| listeners.next().expect("a free port"));
    held.map(|listener| listener.local_addr().expect("a bound address").port())
}
