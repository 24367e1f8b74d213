//! `lambda-triggers run`: both controllers in one process, from start to graceful shutdown.

mod account;
mod backoff;
mod controllers;
mod leader_election;
mod namespaces;
mod owner_id;
mod rbac;
mod start_error;
mod stop;
mod tenancy_file;
mod workqueue;

use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use kube::runtime::events::Reporter;
use kube::{Client, Config};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::pacing::token_bucket::Rates;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::aws::{Aws, NamespaceCredentials, RateLimiter, Sdk, SdkSettings};
use crate::error_chain;
use crate::leadership::Leadership;
use crate::network::Network;
use crate::objects::{IndexedStore, StatusCache, Stores};
use crate::reconcile::{Context, EventRecorder, FIELD_MANAGER, Jitter, Reconciler, Settings, Wakes};
use crate::telemetry::Telemetry;
use account::{find_foreign_scheduler_role, wait_for_account};
use controllers::Controllers;
use leader_election::LeaderElector;
pub(crate) use namespaces::apis;
pub(crate) use owner_id::{CLUSTER, find_in as find_owner, identity};
pub use rbac::{RBAC_RULES, RbacRule, RbacScope};
pub use start_error::StartError;
pub use stop::stop_on_signal;
use tenancy_file::TenancyFile;
pub(crate) use tenancy_file::read as read_tenancy;
use workqueue::WorkQueue;

/// The options of the operator.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespaces to watch; empty for all.
    pub namespaces: Vec<String>,
    /// The owner ID; `None` for the ID from the cluster.
    pub owner_id: Option<OwnerId>,
    /// The Region for resources without a Region.
    pub region: Option<String>,
    /// The tenancy file; without a file, each namespace may do everything.
    pub tenancy_file: Option<PathBuf>,
    /// The rate limits of AWS calls.
    pub rates: Rates,
    /// The settings of reconciles.
    pub settings: Settings,
    /// Metrics and health.
    pub telemetry: Telemetry,
}

/// Runs until `stop` is cancelled and the reconciles in flight have ended, or are cut off after 20 seconds. The operator
/// first waits for leadership, and ends with an error after losing leadership.
pub async fn run(options: Options, network: Network, stop: CancellationToken) -> Result<(), StartError> {
    let leadership = Leadership::default();
    options.telemetry.health.set_leadership(leadership.clone());
    options.telemetry.metrics.show_leader(leadership.clone());
    let config = network.kube_config(None).await?;
    let client = leader_election::guarded_client(config.clone(), leadership.clone())?;
    let settings = SdkSettings {
        network,
        region: options.region.clone(),
        leadership: Some(leadership.clone()),
        telemetry: options.telemetry.clone(),
        rate_limiter: RateLimiter::new(options.rates),
    };
    // The SDK may ask the instance metadata for the Region.
    let Some(sdk) = stop.run_until_cancelled(Sdk::load(settings)).await else { return Ok(()) };
    let sdk = Arc::new(sdk?);
    let own = sdk.clone().into_client();
    let aws = own.clone();
    let role = options.settings.scheduler_role.clone();
    let account = Arc::new(OnceLock::new());
    let Some(path) = options.tenancy_file.clone() else {
        let credentials = NamespaceCredentials::single(own);
        return tokio::select! {
            ended = run_as_leader(client, config, credentials, leadership, options, stop) => ended,
            error = find_foreign_scheduler_role(&aws, role.as_deref(), None, &account) => Err(error),
        };
    };
    let (file, tenancy) = TenancyFile::open(&path, account.clone(), options.telemetry.metrics.clone())?;
    let credentials = NamespaceCredentials::separate(own, tenancy.clone(), sdk, role.as_deref());
    let tenancy = Some((path.as_path(), tenancy));
    tokio::select! {
        ended = run_as_leader(client, config, credentials, leadership, options, stop) => ended,
        error = find_foreign_scheduler_role(&aws, role.as_deref(), tenancy, &account) => Err(error),
        never = file.follow() => match never {},
    }
}

/// Waits for leadership, and runs while this replica leads.
async fn run_as_leader(
    client: Client,
    config: Config,
    credentials: NamespaceCredentials,
    leadership: Leadership,
    options: Options,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let leader_elector =
        stop.run_until_cancelled(leader_elector(&client, config, &options, leadership)).await;
    let Some(leader_elector) = leader_elector else { return Ok(()) };
    let mut leader_elector = leader_elector?;
    if !leader_elector.lead(&stop).await {
        return Ok(());
    }
    let ended = tokio::select! {
        biased;
        lost = leader_elector.keep() => return Err(lost.into()),
        ended = run_with_credential_check(client, credentials, options, stop) => ended,
    };
    leader_elector.release().await;
    ended
}

/// Runs the controllers, and calls AWS until the first answer. A replica without objects would otherwise not know if
/// AWS is reachable.
async fn run_with_credential_check(
    client: Client,
    credentials: NamespaceCredentials,
    options: Options,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let aws = credentials.own().clone();
    let until_answered = async {
        wait_for_account(&aws).await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        ended = run_controllers(client, credentials, options, stop) => ended,
        never = until_answered => match never {},
    }
}

/// The leader elector of this replica, for the operator with this owner ID.
async fn leader_elector(
    client: &Client,
    config: Config,
    options: &Options,
    leadership: Leadership,
) -> Result<LeaderElector, StartError> {
    let owner = owner_id::find(client, &options.namespaces, options.owner_id.clone()).await?;
    let namespace = client.default_namespace();
    let pod = std::env::var("POD_NAME").unwrap_or_else(|_| "lambda-triggers".into());
    // A restarted pod of the same name has a new identity.
    let me = format!("{pod}_{:016x}", rand::random::<u64>());
    let name = owner.id.object_name();
    // The elector writes before the replica leads, so this client has no leadership check.
    let lease_client = Client::try_from(config)?;
    let health = options.telemetry.health.clone();
    Ok(LeaderElector::new(lease_client, namespace, name, me, leadership, health))
}

/// Runs the controllers, without leader election, until `stop` is cancelled and the reconciles in flight have ended. The
/// cluster and AWS may be fakes.
pub async fn run_controllers(
    client: Client,
    credentials: NamespaceCredentials,
    options: Options,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let owner = owner_id::find(&client, &options.namespaces, options.owner_id.clone());
    let Some(owner) = stop.run_until_cancelled(owner).await else { return Ok(()) };
    let owner = owner?;
    let region = credentials.own().default_region();
    info!(owner = %owner.id, region, namespaces = options.namespaces.join(","), "starting");

    let (scheduled, scheduled_writer) = IndexedStore::new();
    let (s3, s3_writer) = IndexedStore::new();
    let (scheduled_synced, all_scheduled) = watch::channel(false);
    let (s3_synced, all_s3) = watch::channel(false);
    let (wakes, requests) = Wakes::new();
    let reporter = Reporter { controller: FIELD_MANAGER.into(), instance: std::env::var("POD_NAME").ok() };
    let context = Arc::new(Context {
        client: client.clone(),
        credentials,
        owner,
        stores: Stores { scheduled, s3, synced: [all_scheduled, all_s3] },
        status_cache: StatusCache::default(),
        wakes,
        events: EventRecorder::new(client.clone(), reporter, options.telemetry.metrics.clone()),
        namespace: client.default_namespace().into(),
        started: Instant::now(),
        jitter: Arc::new(Jitter::from_seed(options.settings.seed)),
        settings: options.settings,
        telemetry: options.telemetry,
    });
    register_stores(&context);
    let reconciler = Arc::new(Reconciler::new(context.clone()));
    let loaded = stop.run_until_cancelled(reconciler.orphans.load()).await;
    let Some(loaded) = loaded else { return Ok(()) };
    loaded.map_err(|error| {
        format!(
            "cannot read the ConfigMap with the orphan queue: {}; allow `get` on ConfigMaps",
            error_chain(&error)
        )
    })?;
    let workqueue = WorkQueue::new();
    let queue = workqueue.clone();
    context.telemetry.metrics.show_queue(Arc::new(move || queue.snapshot()));
    let controllers = Controllers {
        reconciler: reconciler.clone(),
        workqueue: workqueue.clone(),
        namespaces: options.namespaces,
    };
    let watches = async {
        tokio::join!(
            controllers.watch_objects(scheduled_writer, scheduled_synced),
            controllers.watch_objects(s3_writer, s3_synced),
            controllers.watch_config_maps(),
            controllers.follow_tenancy(),
            controllers.follow_wakes(requests),
        )
    };
    let mut overdue = pin!(stop::overdue(&stop, &workqueue, &context.stores));
    let ended = tokio::select! {
        biased;
        () = controllers.run_workers() => true,
        () = &mut overdue => false,
        (never, ..) = watches => match never {},
        never = reconciler.check_orphans() => match never {},
    };
    if ended {
        tokio::select! {
            biased;
            () = reconciler.buckets.stop() => {}
            () = overdue => {}
        }
    }
    info!("stopped");
    Ok(())
}

/// Connects the stores to metrics and health.
fn register_stores(context: &Context) {
    let Telemetry { metrics, health } = &context.telemetry;
    let [scheduled, s3] = context.stores.synced.clone();
    health.set_stores(vec![("ScheduledFunctions", scheduled), ("S3TriggeredFunctions", s3)]);
    metrics.show_objects(context.stores.clone());
}
