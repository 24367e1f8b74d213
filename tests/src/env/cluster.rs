//! The cluster of the tests: a given cluster, or our own control plane.

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::process::Command;

use super::control_plane::ControlPlane;
use super::crds::apply_crds;
use super::envtest::Envtest;
use super::guard;
use super::kubectl::kubectl;
use super::log::Log;
use super::process::scratch;

/// Prefix of every namespace that a test creates.
pub(super) const NAMESPACE_PREFIX: &str = "lt-test-";

/// A cluster with our CRDs.
pub(super) struct Cluster {
    pub kubeconfig: PathBuf,
    pub client: kube::Client,
    pub kubectl: PathBuf,
    backing: Backing,
}

enum Backing {
    Given,
    Envtest(Envtest),
    Own(ControlPlane),
}

impl Cluster {
    /// Uses the cluster of `KUBECONFIG`, else a cluster from `KUBEBUILDER_ASSETS`, else our own control plane.
    pub async fn shared() -> Self {
        if let Some(kubeconfig) = variable("KUBECONFIG") {
            Self::given(&kubeconfig).await
        } else if let Some(assets) = variable("KUBEBUILDER_ASSETS") {
            Self::envtest(Path::new(&assets)).await
        } else {
            Self::own().await
        }
    }

    /// A control plane for a single test. `None` if a build needs Go and Go is missing.
    pub async fn separate() -> Option<Self> {
        match variable("KUBEBUILDER_ASSETS") {
            _ if ControlPlane::available().await => Some(Self::own().await),
            Some(assets) => Some(Self::envtest(Path::new(&assets)).await),
            None => None,
        }
    }

    async fn given(kubeconfig: &str) -> Self {
        let parsed = Kubeconfig::from_env()
            .unwrap_or_else(|error| panic!("KUBECONFIG={kubeconfig}: {error}"))
            .unwrap_or_default();
        let allowed = variable(guard::CONTEXT);
        if let Err(refusal) = guard::check(&parsed, allowed.as_deref()) {
            panic!("{refusal}");
        }
        let frozen = freeze(kubeconfig).await;
        let cluster = Self::connect(frozen, "kubectl".into(), Backing::Given).await;
        if allowed.is_none() {
            cluster.refuse_foreign_resources().await;
        }
        cluster.with_crds().await
    }

    async fn envtest(assets: &Path) -> Self {
        let envtest = Envtest::start(assets).await;
        let kubectl = assets.join("kubectl");
        let kubectl = if kubectl.exists() { kubectl } else { "kubectl".into() };
        Self::connect(envtest.kubeconfig.clone(), kubectl, Backing::Envtest(envtest)).await.with_crds().await
    }

    async fn own() -> Self {
        let plane = ControlPlane::start().await;
        Self::connect(plane.kubeconfig.clone(), plane.kubectl.clone(), Backing::Own(plane))
            .await
            .with_crds()
            .await
    }

    async fn connect(kubeconfig: PathBuf, kubectl: PathBuf, backing: Backing) -> Self {
        let client = client(&kubeconfig)
            .await
            .unwrap_or_else(|error| panic!("{} cannot be used: {error}", kubeconfig.display()));
        Self { kubeconfig, client, kubectl, backing }
    }

    async fn with_crds(self) -> Self {
        apply_crds(&self.client).await;
        self
    }

    async fn refuse_foreign_resources(&self) {
        let kinds = "scheduledfunctions.lambda-triggers.dev,s3triggeredfunctions.lambda-triggers.dev";
        let names = r"jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{'\n'}{end}";
        let found = kubectl(self, None, &["get", kinds, "--all-namespaces", "--output", names], "").await;
        let foreign = found.stdout.lines().find(|line| !line.starts_with(NAMESPACE_PREFIX));
        if let Some(foreign) = foreign {
            panic!(
                "the cluster of KUBECONFIG is in use: it holds {foreign}, which no test made. \
                 Set {}=<its context> if it is for tests all the same.",
                guard::CONTEXT
            );
        }
    }

    /// Writes a copy of the kubeconfig whose current context names this namespace.
    pub fn write_kubeconfig(&self, path: &Path, namespace: &str) {
        let mut kubeconfig = Kubeconfig::read_from(&self.kubeconfig).expect("the cluster has a kubeconfig");
        let current = kubeconfig.current_context.clone().expect("the kubeconfig has a current context");
        let context = kubeconfig.contexts.iter_mut().find(|context| context.name == current);
        let context = context.and_then(|context| context.context.as_mut()).expect("the context is there");
        context.namespace = Some(namespace.into());
        let text = serde_json::to_string(&kubeconfig).expect("a kubeconfig is data");
        std::fs::write(path, text).expect("the scratch directory can be written to");
    }

    /// True if a deleted namespace disappears. Envtest runs no controllers, so namespaces stay.
    pub fn removes_namespaces(&self) -> bool {
        !matches!(self.backing, Backing::Envtest(_))
    }

    /// True if the cluster outlives the tests and must stay unchanged.
    pub fn outlives_us(&self) -> bool {
        matches!(self.backing, Backing::Given)
    }

    /// Log of the cluster's processes; `None` for a given cluster.
    pub fn log(&self) -> Option<&Log> {
        match &self.backing {
            Backing::Given => None,
            Backing::Envtest(envtest) => Some(&envtest.log),
            Backing::Own(plane) => Some(&plane.service.log),
        }
    }

    /// `kubectl`, bound to this cluster.
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        // A separate cache, since another server may have used the same address before.
        let cache = self.kubeconfig.with_file_name("kubectl-cache");
        command.env("KUBECONFIG", &self.kubeconfig).arg("--cache-dir").arg(cache);
        command
    }
}

/// A copy of the current context, since the user may switch contexts while tests run.
async fn freeze(kubeconfig: &str) -> PathBuf {
    let args = ["config", "view", "--minify", "--flatten", "--raw"];
    let output = Command::new("kubectl").args(args).env("KUBECONFIG", kubeconfig).output().await;
    let output = output.unwrap_or_else(|error| {
        panic!("KUBECONFIG is set, and the tests use the kubectl on PATH with it: {error}; see https://kubernetes.io/docs/tasks/tools/")
    });
    assert!(output.status.success(), "kubectl config view: {}", String::from_utf8_lossy(&output.stderr));
    let frozen = scratch().join("kubeconfig");
    std::fs::write(&frozen, output.stdout).expect("the scratch directory can be written to");
    frozen
}

/// A client of the kubeconfig's current context.
pub(super) async fn client(kubeconfig: &Path) -> Result<kube::Client, String> {
    let parsed = Kubeconfig::read_from(kubeconfig).map_err(|error| error.to_string())?;
    let config = kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default())
        .await
        .map_err(|error| error.to_string())?;
    kube::Client::try_from(config).map_err(|error| error.to_string())
}

/// An environment variable; `None` if unset or empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
