//! One run of the operator in the simulated world: started, killed and started again as the plan says, until nothing moves.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambda_triggers::aws::{
    AssumeRoles, Aws, NamespaceCredentials, RateLimited, RateLimiter, ReadCache, Session,
};
use lambda_triggers::operator::{self, Options};
use lambda_triggers::reconcile::Settings;
use lambda_triggers::telemetry::Telemetry;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::tenancy::Tenancy;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::aws::MemoryAws;
use super::fault_injector::{CallInterceptor, FaultInjector, Plan};
use super::kube::Cluster;
use super::logs::Logs;

/// The operator's owner id in each run.
pub const OWNER: &str = "0a1b2c3d";

/// The same, as a value.
///
/// # Panics
/// Never: it is one.
pub fn owner() -> OwnerId {
    OwnerId::parse(OWNER).unwrap_or_else(|error| panic!("{error}"))
}

/// Longer than any wait of the operator's but for the second look: a back-off, a resync and a finalizer held back.
const QUIET: Duration = Duration::from_secs(25 * 60);

/// The world of one run.
#[derive(Clone)]
pub struct Sim {
    /// AWS.
    pub aws: MemoryAws,
    /// Kubernetes.
    pub cluster: Cluster,
    /// The way of every call of the operator.
    pub injector: FaultInjector,
    /// What is logged.
    pub logs: Logs,
    seed: u64,
    tenancy: Option<Arc<Tenancy>>,
}

/// Takes on roles, each of which may do what the operator itself may.
struct Roles(Arc<dyn Aws>);

impl AssumeRoles for Roles {
    fn assume(&self, _: &Session) -> Arc<dyn Aws> {
        self.0.clone()
    }
}

/// A running operator, which is started again when it is killed, as Kubernetes does.
pub struct Operator {
    supervisor: JoinHandle<()>,
    stop: CancellationToken,
    /// The interceptor of its present life.
    interceptor: Arc<Mutex<CallInterceptor>>,
}

/// Runs a test in a world of its own, in which time passes as fast as nobody has anything to do.
///
/// # Panics
/// When the test does, or when no runtime can be built.
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
    /// The same world, whose operator has this tenancy file.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn with_tenancy(&self, file: &str) -> Self {
        let tenancy = Tenancy::parse(file).unwrap_or_else(|error| panic!("{error}"));
        Self { tenancy: Some(Arc::new(tenancy)), ..self.clone() }
    }

    /// Starts the operator. It is started again a second after each death, until it is stopped or dropped.
    pub fn start(&self) -> Operator {
        self.start_as(true)
    }

    /// The same, of one beside which others may run, as no leader is elected.
    pub fn start_beside_others(&self) -> Operator {
        self.start_as(false)
    }

    fn start_as(&self, leader_elect: bool) -> Operator {
        let stop = CancellationToken::new();
        let present = Arc::new(Mutex::new(self.injector.open()));
        let (sim, stopped, injector) = (self.clone(), stop.clone(), present.clone());
        let supervisor = tokio::spawn(async move {
            while !stopped.is_cancelled() {
                let interceptor = lock(&injector).clone();
                tokio::select! {
                    biased;
                    () = interceptor.killed() => sleep(Duration::from_secs(1)).await,
                    () = sim.live(interceptor.clone(), leader_elect, stopped.clone()) => {}
                }
                interceptor.kill();
                *lock(&injector) = sim.injector.open();
            }
        });
        Operator { supervisor, stop, interceptor: present }
    }

    /// One life of the operator.
    async fn live(&self, interceptor: CallInterceptor, leader_elect: bool, stop: CancellationToken) {
        let options = Options {
            namespaces: vec![],
            owner_id: Some(owner()),
            region: None,
            tenancy_file: None,
            leader_elect,
            rates: Rates::default(),
            settings: Settings { seed: self.seed, clock: self.cluster.clock(), ..Settings::default() },
            telemetry: Telemetry::default(),
        };
        let aws = RateLimited::new(self.aws.ports(interceptor.clone()), RateLimiter::new(options.rates));
        let aws: Arc<dyn Aws> = Arc::new(ReadCache::new(Arc::new(aws)));
        let credentials = match self.tenancy.clone() {
            Some(tenancy) => {
                NamespaceCredentials::separate(aws.clone(), watch::channel(tenancy).1, Arc::new(Roles(aws)))
            }
            None => NamespaceCredentials::single(aws),
        };
        let ended =
            operator::run_controllers(self.cluster.client(interceptor.clone()), credentials, options, stop)
                .await;
        if ended.is_err() {
            // It could not start; Kubernetes waits before it tries again.
            sleep(Duration::from_secs(10)).await;
        }
    }

    /// Forgets what has happened so far, and events: a long run would fill the memory with it.
    pub fn forget(&self) {
        self.injector.forget();
        self.aws.forget_writes();
        self.cluster.forget();
    }

    /// Waits until everything that the operator may have begun is over, and it has swept twice more.
    pub async fn settle(&self) {
        sleep(QUIET).await;
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    /// When it does not within an hour of the world's time.
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
    /// Stops it cleanly, and waits until it has ended.
    pub async fn stop(self) {
        self.stop.cancel();
        // It is only ever cancelled by being dropped.
        let _ = self.supervisor.await;
    }

    /// Kills it for good: no call of it comes through any more, not of the tasks either that it has begun.
    pub fn kill(self) {
        self.supervisor.abort();
        lock(&self.interceptor).kill();
    }
}

fn lock(interceptor: &Mutex<CallInterceptor>) -> MutexGuard<'_, CallInterceptor> {
    interceptor.lock().unwrap_or_else(PoisonError::into_inner)
}
