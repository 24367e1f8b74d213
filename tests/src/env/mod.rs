//! The environment of all tests in a process: a real API server and a local AWS, started once.
//!
//! A test calls [`test`] and gets a [`TestEnv`]: a namespace, an AWS account and their clients. Tests run in parallel
//! without seeing each other.
//!
//! ```no_run
//! use lambda_triggers_tests::env;
//!
//! #[test]
//! fn an_upload_invokes_the_function() {
//!     env::test("upload", async |w| {
//!         let arn = w.function("thumbnails").await;
//!         let _controller = w.controller(&["--resync", "1s"]);
//!         // ...
//!     });
//! }
//! ```
//!
//! # Which cluster
//!
//! - `KUBECONFIG`, if set: the cluster of its current context, with the kubectl on `PATH`. Many developers export the
//!   variable. A remote cluster is therefore refused, unless `LAMBDA_TRIGGERS_TEST_CONTEXT` names its context. A
//!   cluster with resources of ours that no test created is also refused.
//! - Else `KUBEBUILDER_ASSETS`: etcd and kube-apiserver from the folder, and kubectl if present.
//! - Else our own control plane, built once from `tests/controlplane`, which needs Go.
//!
//! A test that changes a CRD gets a separate control plane: [`test_on_own_cluster`].
//!
//! # What every test checks
//!
//! Every status that an operator writes must follow the rules of kstatus and Flux. A violation fails the test at its
//! end.
//!
//! # What is left behind
//!
//! Nothing: processes and files disappear when the test process ends, even by SIGKILL. In the cluster of `KUBECONFIG`,
//! each test removes its namespace. The CRDs stay.

mod authority;
mod aws;
mod calls;
mod cluster;
mod control_plane;
mod controller;
mod crds;
mod destinations;
mod envtest;
mod flux;
mod forward_proxy;
mod git;
mod guard;
mod http;
mod kubectl;
mod lambda;
mod log;
mod ministack;
mod objects;
mod process;
mod recorder;
mod scheduler;
mod shell;
mod statuses;
mod tools;
mod wait;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use aws::Clients;
use cluster::{Cluster, NAMESPACE_PREFIX};
use ministack::Ministack;
use statuses::StatusWatch;

use crate::aws_proxy::AwsProxy;

pub use authority::{Authority, TlsServer};
pub use aws::REGION;
pub use controller::{Controller, binary};
pub use flux::{FLUX_NAMESPACE, Flux, argodiff};
pub use forward_proxy::{ForwardProxy, Proxied};
pub use git::GitServer;
pub use http::page_at;
pub use kubectl::Output;
pub use lambda::Invocation;
pub use log::Log;
pub use ministack::SignedAws;
pub use recorder::{Asked, Recorder};
pub use tools::{tool, tools};
pub use wait::{Seen, until};

/// Time limit of a test.
const TEST_LIMIT: Duration = Duration::from_secs(300);

/// File name of the operator's kubeconfig in the environment's directory.
const OPERATOR_KUBECONFIG: &str = "operator.kubeconfig";

/// Lines of each log that a failed test shows.
const SHOWN_LINES: usize = 60;

/// Runs a test in a new environment on the shared cluster. `name` is for people and becomes a part of the namespace's
/// name. A failed test prints the logs.
///
/// # Panics
/// If `body` panics or takes longer than five minutes.
pub fn test(name: &str, body: impl AsyncFnOnce(TestEnv)) {
    run(name, async |env| limited(body(env)).await);
}

/// Like [`test`], without a time limit.
///
/// # Panics
/// If `body` panics.
pub fn run(name: &str, body: impl AsyncFnOnce(TestEnv)) {
    RUNTIME.block_on(async { TestEnv::open(name).await.run(body).await });
}

async fn limited(test: impl Future<Output = ()>) {
    let result = tokio::time::timeout(TEST_LIMIT, test).await;
    result.unwrap_or_else(|_| panic!("the test took longer than {TEST_LIMIT:?}"));
}

/// Like [`test`], on a separate control plane, for tests that change cluster-wide objects such as CRDs. The control
/// plane takes some seconds and 350 MB. If `KUBECONFIG` is set and Go is missing, the test is skipped with a message.
pub fn test_on_own_cluster(name: &str, body: impl AsyncFnOnce(TestEnv)) {
    RUNTIME.block_on(async {
        match Cluster::separate().await {
            Some(cluster) => {
                let env = TestEnv::on(Arc::new(cluster), Scope::Cluster, name).await;
                env.run(async |env| limited(body(env)).await).await;
            }
            None => eprintln!("skipped: {name} needs a control plane of its own, which needs Go"),
        }
    });
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime can be started"));

/// Runs work on the environment's runtime, without a cluster, for tests of the AWS proxy alone.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// The strict proxy before the local AWS, shared by all environments.
pub async fn aws_proxy() -> &'static AwsProxy {
    &Aws::shared().await.aws_proxy
}

/// A namespace and an AWS account for a test, with their clients. Clones share the environment.
#[derive(Clone)]
pub struct TestEnv {
    cluster: Arc<Cluster>,
    aws: &'static Aws,
    clients: Clients,
    namespace: String,
    account: String,
    directory: PathBuf,
    logs: Arc<Mutex<Vec<(String, Log)>>>,
    statuses: Arc<StatusWatch>,
}

/// The place of an environment's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Only the environment's namespace.
    Namespace,
    /// All namespaces of the cluster.
    Cluster,
}

impl TestEnv {
    /// Opens an environment on the shared cluster. [`test`] opens and closes an environment for each test.
    pub async fn open(name: &str) -> Self {
        static CLUSTER: OnceCell<Arc<Cluster>> = OnceCell::const_new();
        let cluster = CLUSTER.get_or_init(async || {
            static TRIED: AtomicBool = AtomicBool::new(false);
            let tried = TRIED.swap(true, Ordering::Relaxed);
            assert!(!tried, "there is no cluster: the first test that failed says why");
            Arc::new(Cluster::shared().await)
        });
        let (cluster, _) = tokio::join!(cluster, Aws::shared());
        Self::on(cluster.clone(), Scope::Namespace, name).await
    }

    async fn on(cluster: Arc<Cluster>, scope: Scope, name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let account = format!("{:012}", 100_000_000_000 + count);
        let namespace = format!("{NAMESPACE_PREFIX}{}-{}-{count}", label(name), *RUN);
        let directory = process::scratch().join(&namespace);
        std::fs::create_dir_all(&directory).expect("the scratch directory can be written to");
        Self::at(cluster, scope, namespace, account, directory).await
    }

    /// An environment in another cluster, with the same namespace name and AWS account, as if resources move to a new
    /// cluster. The caller checks its [`TestEnv::status_findings`]. `None` if [`test_on_own_cluster`] skips tests.
    pub async fn in_another_cluster(&self) -> Option<Self> {
        let cluster = Arc::new(Cluster::separate().await?);
        let directory = self.directory.join("another-cluster");
        std::fs::create_dir_all(&directory).expect("the scratch directory can be written to");
        let (namespace, account) = (self.namespace.clone(), self.account.clone());
        Some(Self::at(cluster, Scope::Cluster, namespace, account, directory).await)
    }

    async fn at(
        cluster: Arc<Cluster>,
        scope: Scope,
        namespace: String,
        account: String,
        directory: PathBuf,
    ) -> Self {
        let aws = Aws::shared().await;
        cluster.write_kubeconfig(&directory.join(OPERATOR_KUBECONFIG), &namespace);
        let metadata = ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() };
        let created = Api::<Namespace>::all(cluster.client.clone())
            .create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() })
            .await
            .unwrap_or_else(|error| panic!("creating the namespace {namespace}: {error}"));
        let watched = (scope == Scope::Namespace).then_some(namespace.as_str());
        let version = created.metadata.resource_version.unwrap_or_default();
        let statuses = Arc::new(StatusWatch::start(&cluster.client, watched, &version));
        let clients = Clients::new(&aws.endpoint, &account).await;
        Self { cluster, aws, clients, namespace, account, directory, logs: Arc::default(), statuses }
    }

    /// Runs a body, then checks that the statuses of all objects follow the rules. Prints the logs on failure.
    async fn run(self, body: impl AsyncFnOnce(Self)) {
        let test = async {
            body(self.clone()).await;
            let findings = self.status_findings().await;
            assert!(findings.is_empty(), "a status was wrong at some time:\n{}", findings.join("\n"));
        };
        let result = AssertUnwindSafe(test).catch_unwind().await;
        if result.is_err() {
            eprintln!("{}", self.logs());
        }
        self.close().await;
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
        let surprises = self.aws_proxy().not_in_least_policy(&self.account);
        assert!(
            surprises.is_empty(),
            "the operator did what its least IAM policy (core/src/iam) does not allow: {surprises:?}"
        );
    }

    /// The last lines of every log, as a failed test prints them.
    pub fn logs(&self) -> String {
        let mut logs = vec![("ministack".to_owned(), self.aws.ministack.log().clone())];
        let plane = self.cluster.log().map(|log| log.filtered(is_problem));
        logs.extend(plane.map(|log| ("control plane, warnings and errors".to_owned(), log)));
        logs.extend(self.logs.lock().iter().cloned());
        logs.iter().map(|(name, log)| format!("===== {name}\n{}\n", log.tail(SHOWN_LINES))).collect()
    }

    /// Violations of the rules of [`crate::kstatus`] in the statuses that an operator wrote to the environment's
    /// objects. A violation fails the test at its end.
    pub async fn status_findings(&self) -> Vec<String> {
        self.statuses.findings().await
    }

    fn show_on_failure(&self, name: &str, log: &Log) {
        self.logs.lock().push((name.to_owned(), log.clone()));
    }

    /// Cleans up the cluster of `KUBECONFIG`: removes the namespace, and the finalizers that no controller will handle.
    /// Other clusters end with the test process and need no cleanup. Only environments from [`TestEnv::open`] need the
    /// call.
    pub async fn close(&self) {
        if !self.cluster.outlives_us() {
            return;
        }
        for kind in ["scheduledfunctions", "s3triggeredfunctions"] {
            let names = self.kubectl(&["get", kind, "--output", "name"], "").await.stdout;
            for name in names.lines() {
                let patch = r#"{"metadata":{"finalizers":null}}"#;
                self.kubectl(&["patch", name, "--type=merge", "--patch", patch], "").await;
            }
        }
        let namespaces = Api::<Namespace>::all(self.kube().clone());
        match namespaces.delete(&self.namespace, &DeleteParams::background()).await {
            Ok(_) => {}
            Err(kube::Error::Api(refusal)) if refusal.is_not_found() => {}
            Err(error) => eprintln!("the namespace {} is left behind: {error}", self.namespace),
        }
    }

    /// The environment's namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The environment's AWS account, 12 digits. The account is also the access key.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The strict proxy before the local AWS: records the account's calls, and injects faults.
    pub fn aws_proxy(&self) -> &'static AwsProxy {
        &self.aws.aws_proxy
    }

    /// The endpoint URL of the environment's AWS.
    pub fn aws_endpoint(&self) -> &str {
        &self.aws.endpoint
    }

    /// The path of an administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.cluster.kubeconfig
    }

    /// The path of an administrator's kubeconfig for the operator. Its context names the environment's namespace.
    pub fn operator_kubeconfig(&self) -> PathBuf {
        self.directory.join(OPERATOR_KUBECONFIG)
    }

    /// The environment's directory, removed when the test process ends.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// True if the cluster removes a deleted namespace. Envtest does not.
    pub fn removes_namespaces(&self) -> bool {
        self.cluster.removes_namespaces()
    }

    /// The kubectl program of [`TestEnv::kubectl`]: a path, or a name on `PATH`.
    pub fn kubectl_program(&self) -> &Path {
        &self.cluster.kubectl
    }

    /// A client with administrator rights.
    pub fn kube(&self) -> &kube::Client {
        &self.cluster.client
    }

    /// An S3 client of the environment's account.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.clients.s3
    }

    /// A Lambda client of the environment's account.
    pub fn lambda(&self) -> &aws_sdk_lambda::Client {
        &self.clients.lambda
    }

    /// An EventBridge client of the environment's account.
    pub fn events(&self) -> &aws_sdk_eventbridge::Client {
        &self.clients.events
    }

    /// A client of EventBridge Scheduler for the environment's account.
    pub fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        &self.clients.scheduler
    }

    /// A CloudWatch client of the environment's account.
    pub fn cloudwatch(&self) -> &aws_sdk_cloudwatch::Client {
        &self.clients.cloudwatch
    }

    /// Polls `look` until a value appears. Panics after `limit` with `what` and the last result.
    pub async fn until<S: Seen>(
        &self,
        limit: Duration,
        what: &str,
        look: impl AsyncFnMut() -> S,
    ) -> S::Value {
        until(limit, what, look).await
    }

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

/// The local AWS of the test process.
struct Aws {
    ministack: Ministack,
    aws_proxy: AwsProxy,
    endpoint: String,
}

impl Aws {
    async fn shared() -> &'static Self {
        static AWS: OnceCell<Aws> = OnceCell::const_new();
        AWS.get_or_init(async || {
            let ministack = Ministack::start().await;
            let upstream = ministack.url.parse().expect("ministack announces a URL");
            let aws_proxy = AwsProxy::start(upstream).await.expect("a free port on 127.0.0.1");
            let endpoint = aws_proxy.url();
            Self { ministack, aws_proxy, endpoint }
        })
        .await
    }
}

/// Distinguishes the namespaces of this run from leftovers of an earlier run in a cluster of `KUBECONFIG`.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("{seconds:x}{:x}", std::process::id())
});

/// True if a line of Kubernetes' log is above the level info.
fn is_problem(line: &str) -> bool {
    !line.starts_with('I')
}

/// `name` as part of a DNS label, at most 24 characters.
fn label(name: &str) -> String {
    let label: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(24)
        .collect();
    label.trim_matches('-').to_owned()
}
