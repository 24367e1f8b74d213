//! The measured operator, with the settings of a release.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use lambda_triggers_tests::env::{Controller, TestEnv, page_at};
use tokio::time::sleep;

use crate::objects::OWNER;

/// Ticks of the kernel's clock per second, as /proc counts them
/// (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
const TICKS: f64 = 100.0;
/// The operator has ended its work if it makes no call for this time.
const QUIET: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(1_800);

pub struct Operator {
    controller: Controller,
    address: String,
}

impl Operator {
    /// Starts the operator with this write grace period. The log level is the default: a debug log would be a part of
    /// the measured time.
    pub async fn start(env: &TestEnv, grace: &str) -> Self {
        let arguments =
            ["run", "--namespace", env.namespace(), "--owner-id", OWNER, "--write-grace-period", grace];
        let variables = [
            ("LAMBDA_TRIGGERS_LOG_FORMAT", "text"),
            ("LAMBDA_TRIGGERS_HTTP_ADDRESS", "127.0.0.1:0"),
            ("POD_NAMESPACE", env.namespace()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.into()));
        let controller = env.operator(arguments.map(ToOwned::to_owned).into(), variables.into());
        let mut operator = Self { controller, address: String::new() };
        operator.until_listening(env).await;
        operator
    }

    pub async fn restart(&mut self, env: &TestEnv) {
        self.controller.stop().await;
        env.aws_proxy().clear_calls(env.account());
        self.controller.start();
        self.until_listening(env).await;
    }

    async fn until_listening(&mut self, env: &TestEnv) {
        let address = async || self.controller.http_address();
        self.address = env.until(LIMIT, "the operator to listen", address).await;
    }

    /// Resident memory, in MiB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.controller.process_id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// Processor time since the start, in seconds.
    pub fn processor(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.controller.process_id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
    }

    /// The sum of the series of a metric whose labels contain `label`.
    async fn metric(&self, name: &str, label: &str) -> f64 {
        let Some((_, text)) = page_at(&self.address, "/metrics").await else { return 0.0 };
        let series = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !is_so().await {
            assert!(began.elapsed() < LIMIT, "waited {LIMIT:?} until {what}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until this number of objects is Ready, as the operator's store shows.
    pub async fn until_ready(&self, count: usize) {
        let is_ready =
            async || self.metric("lambda_triggers_objects{", r#"reason="Applied""#).await as usize == count;
        self.until("all objects are Ready", is_ready).await;
    }

    /// Waits until no object is left.
    pub async fn until_gone(&self) {
        self.until("no object is left", async || self.metric("lambda_triggers_objects{", "").await == 0.0)
            .await;
    }

    /// Waits until this number of reconciles has ended since the start and no object waits.
    pub async fn until_reconciled(&self, count: usize) {
        let is_done = async || {
            self.metric("lambda_triggers_reconciles_total{", "").await as usize >= count
                && self.metric("lambda_triggers_queue_depth{", "").await == 0.0
        };
        self.until("all objects are reconciled", is_done).await;
    }
}

/// The API of one of our kinds.
pub fn api(env: &TestEnv, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("lambda-triggers.dev", "v1alpha1", kind));
    Api::namespaced_with(env.kube().clone(), env.namespace(), &resource)
}

/// The calls to AWS since the recorded calls were last cleared, by operation, after the last call.
pub async fn calls(env: &TestEnv) -> BTreeMap<String, usize> {
    let mut last = (0, Instant::now());
    loop {
        let calls = env.aws_proxy().calls(env.account());
        if calls.len() != last.0 {
            last = (calls.len(), Instant::now());
        }
        if last.1.elapsed() > QUIET {
            let mut counts = BTreeMap::new();
            calls.into_iter().for_each(|call| *counts.entry(call.operation).or_default() += 1);
            return counts;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// The total of the calls, with the count of each operation.
pub fn describe(calls: &BTreeMap<String, usize>) -> (usize, String) {
    let counts: Vec<String> = calls.iter().map(|(operation, count)| format!("{count} {operation}")).collect();
    (calls.values().sum(), counts.join(", "))
}
