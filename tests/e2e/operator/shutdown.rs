//! SIGTERM in each phase of the operator's life: the process ends in time with exit code 0 and releases its Lease.

use std::ffi::OsString;
use std::sync::Arc;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use lambda_triggers_tests::aws_proxy::{Fault, FaultKind, Hook, Then};
use lambda_triggers_tests::env::{self, Controller, TestEnv};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::accounts::{account, kubeconfig};
use crate::objects::{NO_RESYNC, OWNER};
use crate::scheduled::view::KIND;
use crate::support::{AwsView, LIMIT, scheduled};

/// A server that accepts connections and never answers.
struct SilentServer {
    url: String,
    connected: Arc<Notify>,
    server: JoinHandle<()>,
}

impl SilentServer {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connected = Arc::new(Notify::new());
        let accepted = connected.clone();
        let server = tokio::spawn(async move {
            let mut connections = vec![];
            while let Ok((connection, _)) = listener.accept().await {
                connections.push(connection);
                accepted.notify_one();
            }
        });
        Self { url, connected, server }
    }

    async fn wait_for_connection(&self) {
        tokio::time::timeout(LIMIT, self.connected.notified()).await.expect("the operator connects");
    }
}

impl Drop for SilentServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An operator of this env with additional environment variables.
fn operator(env: &TestEnv, further: Vec<(&str, OsString)>) -> Controller {
    let scope =
        ["run", "--namespace", env.namespace(), "--http-address", "127.0.0.1:0", "--log-format", "text"];
    let arguments = scope.iter().chain(&NO_RESYNC).map(ToString::to_string).collect();
    env.operator(arguments, further.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The holder of the Lease, if the Lease exists and is held.
async fn holder(env: &TestEnv) -> Option<String> {
    let leases: Api<Lease> = Api::namespaced(env.kube().clone(), env.namespace());
    let lease = leases.get_opt(&format!("lambda-triggers-{OWNER}")).await.unwrap();
    lease.and_then(|lease| lease.spec?.holder_identity)
}

async fn wait_for_log(env: &TestEnv, controller: &Controller, text: &str) {
    env.until(LIMIT, text, async || {
        let log = controller.log();
        if log.contains(text) { Ok(()) } else { Err(log) }
    })
    .await;
}

/// Stops the operator, which must end with exit code 0 within 30 seconds and release its Lease.
async fn assert_stops_and_releases(env: &TestEnv, controller: &mut Controller) {
    controller.stop().await;
    assert_eq!(holder(env).await, None);
}

#[test]
fn the_operator_stops_before_the_lease_is_read() {
    env::test("stop-no-api", async |env| {
        let api_server = SilentServer::start().await;
        let url = api_server.url.clone();
        let file = kubeconfig(&env, "silent", |config| {
            for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
                cluster.server = Some(url.clone());
            }
        });
        let mut controller = operator(&env, vec![("KUBECONFIG", file.into())]);
        api_server.wait_for_connection().await;
        assert_stops_and_releases(&env, &mut controller).await;
    });
}

#[test]
fn a_stopped_standby_leaves_the_lease_to_the_leader() {
    env::test("stop-standby", async |env| {
        let _leader = env.controller(&NO_RESYNC);
        let leader = env.until(LIMIT, "a leader", async || holder(&env).await).await;
        let mut standby = env.controller(&NO_RESYNC);
        wait_for_log(&env, &standby, "waiting to lead").await;
        standby.stop().await;
        assert_eq!(holder(&env).await, Some(leader));
    });
}

const BASE: &str = "{apiGroups: [\"\"], resources: [namespaces], verbs: [get]}, \
    {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}";
const CONFIG_MAPS: &str = "{apiGroups: [\"\"], resources: [configmaps], verbs: [get, list, watch]}";

#[test]
fn the_operator_stops_before_the_first_list() {
    env::test_on_own_cluster("stop-no-list", async |env| {
        let file = account(&env, "no-list", &format!("[{BASE}, {CONFIG_MAPS}]")).await;
        let mut controller = operator(&env, vec![("KUBECONFIG", file.into())]);
        wait_for_log(&env, &controller, "is forbidden").await;
        assert!(holder(&env).await.is_some());
        assert_stops_and_releases(&env, &mut controller).await;

        let file = account(&env, "no-config-maps", &format!("[{BASE}]")).await;
        let mut controller = operator(&env, vec![("KUBECONFIG", file.into())]);
        let ended = env.until(LIMIT, "the operator to end", async || controller.ended()).await;
        assert!(!ended.success(), "{ended}");
        wait_for_log(&env, &controller, "cannot read the ConfigMap with the orphan queue").await;
        assert_eq!(holder(&env).await, None);

        let crds = Api::<CustomResourceDefinition>::all(env.kube().clone());
        for crd in crds.list(&Default::default()).await.unwrap() {
            crds.delete(&crd.name_any(), &DeleteParams::default()).await.unwrap();
        }
        let mut controller = operator(&env, vec![]);
        wait_for_log(&env, &controller, "a watch of the controller failed").await;
        assert!(holder(&env).await.is_some());
        assert_stops_and_releases(&env, &mut controller).await;
    });
}

#[test]
fn the_operator_stops_while_aws_does_not_answer() {
    env::test("stop-no-aws", async |env| {
        let aws = SilentServer::start().await;
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        let mut controller = operator(&env, vec![("AWS_ENDPOINT_URL", aws.url.clone().into())]);
        wait_for_log(&env, &controller, "leading").await;
        aws.wait_for_connection().await;
        assert_stops_and_releases(&env, &mut controller).await;
    });
}

/// AWS delays the answer to a write for longer than the operator waits.
#[test]
fn the_next_leader_repeats_an_interrupted_reconcile() {
    env::test("stop-cut-off", async |env| {
        env.function("hourly").await;
        let (held, answered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (holding, answer) = (held.clone(), answered.clone());
        let hold = Hook::after(move |_| {
            let (holding, answer) = (holding.clone(), answer.clone());
            async move {
                holding.notify_one();
                answer.notified().await;
                Then::GoOn
            }
        });
        env.aws_proxy().inject(env.account(), Fault::on("PutRule", FaultKind::Hook(hold)).times(usize::MAX));
        let mut controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        tokio::time::timeout(LIMIT, held.notified()).await.expect("a write of the rule");
        assert_stops_and_releases(&env, &mut controller).await;

        env.aws_proxy().clear_faults(env.account());
        answered.notify_waiters();
        controller.start();
        env.until_ready(KIND, "hourly").await;
        assert_eq!(env.rule_names().await.len(), 1);
    });
}
