//! Runs the operator in the simulator: start, planned crashes and restarts, and the wait until the operator is idle.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers::aws::{AssumeRoles, AwsClient, NamespaceCredentials, RateLimiter, Session};
use lambda_triggers::operator::{self, Options};
use lambda_triggers::reconcile::Settings;
use lambda_triggers::telemetry::Telemetry;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::tenancy::Tenancy;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::aws::{MemoryAws, SCHEDULER_ROLE};
use super::fault_injector::{CallInterceptor, FaultInjector, Plan};
use super::kube::Cluster;
use super::logs::Logs;

/// The operator's owner id in each run.
pub const OWNER: &str = "0a1b2c3d";

/// [`OWNER`] as a value.
///
/// # Panics
/// Never, since the constant is valid.
pub fn owner() -> OwnerId {
    OwnerId::parse(OWNER).unwrap_or_else(|error| panic!("{error}"))
}

/// Longer than each wait of the operator: a backoff, a resync or a held finalizer. Only the deferred check for orphans
/// waits longer.
const QUIET: Duration = Duration::from_secs(25 * 60);

/// The simulated environment of one run.
#[derive(Clone)]
pub struct Sim {
    /// AWS in memory.
    pub aws: MemoryAws,
    /// Kubernetes in memory.
    pub cluster: Cluster,
    /// The fault injector, which every call of the operator passes.
    pub injector: FaultInjector,
    /// The log lines of the run.
    pub logs: Logs,
    seed: u64,
    tenancy: Option<Arc<Tenancy>>,
}

/// Assumes any IAM role, with the permissions of the operator itself.
struct Roles(AwsClient);

impl AssumeRoles for Roles {
    fn assume(&self, _: &Session) -> AwsClient {
        self.0.clone()
    }
}

/// A running operator. The supervisor restarts a crashed operator, as Kubernetes does.
pub struct Operator {
    supervisor: JoinHandle<()>,
    stop: CancellationToken,
    /// The interceptor of the current life.
    interceptor: Arc<Mutex<CallInterceptor>>,
}

/// Runs a test in its own simulator, in virtual time.
///
/// # Panics
/// If the test panics, or if no runtime can be built.
pub fn simulate<T, F>(seed: u64, plan: impl Plan + 'static, test: impl FnOnce(Sim) -> F) -> T
where
    F: Future<Output = T>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let logs = Logs::default();
    let test = async {
        let injector = FaultInjector::new(seed, plan);
        let cluster = Cluster::new();
        cluster.let_watches_last(12);
        test(Sim { aws: MemoryAws::new(), cluster, injector, logs: logs.clone(), seed, tenancy: None }).await
    };
    logs.during(|| runtime.block_on(test))
}

impl Sim {
    /// The same environment with this tenancy file for the operator.
    ///
    /// # Panics
    /// If the file is invalid.
    #[must_use]
    pub fn with_tenancy(&self, file: &str) -> Self {
        let tenancy = Tenancy::parse(file).unwrap_or_else(|error| panic!("{error}"));
        Self { tenancy: Some(Arc::new(tenancy)), ..self.clone() }
    }

    /// Starts the operator. The supervisor restarts the operator one second after each crash, until a stop or a drop.
    pub fn start(&self) -> Operator {
        let stop = CancellationToken::new();
        let present = Arc::new(Mutex::new(self.injector.open()));
        let (sim, stopped, injector) = (self.clone(), stop.clone(), present.clone());
        let supervisor = tokio::spawn(async move {
            while !stopped.is_cancelled() {
                let interceptor = injector.lock().clone();
                tokio::select! {
                    biased;
                    () = interceptor.killed() => sleep(Duration::from_secs(1)).await,
                    () = sim.live(interceptor.clone(), stopped.clone()) => {}
                }
                interceptor.kill();
                *injector.lock() = sim.injector.open();
            }
        });
        Operator { supervisor, stop, interceptor: present }
    }

    /// Runs the operator until a clean stop or a crash.
    async fn live(&self, interceptor: CallInterceptor, stop: CancellationToken) {
        let options = Options {
            namespaces: vec![],
            owner_id: Some(owner()),
            region: None,
            tenancy_file: None,
            rates: Rates::default(),
            settings: Settings {
                seed: self.seed,
                clock: self.cluster.clock(),
                scheduler_role: Some(SCHEDULER_ROLE.into()),
                ..Settings::default()
            },
            telemetry: Telemetry::default(),
        };
        let aws = AwsClient::new(self.aws.ports(interceptor.clone()), RateLimiter::new(options.rates));
        let credentials = match self.tenancy.clone() {
            Some(tenancy) => {
                let (tenancy, roles) = (watch::channel(tenancy).1, Arc::new(Roles(aws.clone())));
                NamespaceCredentials::separate(aws, tenancy, roles, Some(SCHEDULER_ROLE))
            }
            None => NamespaceCredentials::single(aws),
        };
        let ended =
            operator::run_controllers(self.cluster.client(interceptor.clone()), credentials, options, stop)
                .await;
        if ended.is_err() {
            // The start failed. Kubernetes also waits before the next start.
            sleep(Duration::from_secs(10)).await;
        }
    }

    /// Forgets past calls, writes and events. They would fill the memory in a long run.
    pub fn forget(&self) {
        self.injector.forget();
        self.aws.forget_writes();
        self.cluster.forget();
    }

    /// Waits until all work of the operator has ended and two more resyncs have run.
    pub async fn settle(&self) {
        sleep(QUIET).await;
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    /// If the condition does not hold within an hour of virtual time.
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..36_000 {
            if condition(self) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("waited an hour for: {what}");
    }
}

impl Operator {
    /// Stops the operator cleanly, and waits for the end.
    pub async fn stop(self) {
        self.stop.cancel();
        // Only a drop cancels the supervisor.
        let _ = self.supervisor.await;
    }

    /// Kills the operator for good. No later call succeeds, not even a call of a spawned task.
    pub fn kill(self) {
        self.supervisor.abort();
        self.interceptor.lock().kill();
    }
}
