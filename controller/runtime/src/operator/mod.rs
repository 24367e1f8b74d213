//! `lambda-triggers run`: both controllers in one process, from start to clean stop.

mod backoff;
mod leader_election;
mod namespaces;
mod owner_id;
mod rbac;
mod stop;
mod tenancy_file;
mod workqueue;

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{self, Action};
use kube::runtime::events::Reporter;
use kube::runtime::reflector::store::{Store, Writer};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{Controller, Predicate, WatchStreamExt, predicates, watcher};
use kube::{Client, Config, ResourceExt};
use lambda_triggers_core::api::{RECONCILE_ANNOTATION, Tags};
use lambda_triggers_core::plan::identity::OwnerId;
use lambda_triggers_core::plan::queue::Priority;
use lambda_triggers_core::plan::quota::Rates;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::aws::{NamespaceCredentials, RateLimiter, Sdk, SdkSettings};
use crate::error_chain;
use crate::leadership::Leadership;
use crate::network::Network;
use crate::objects::{StatusCache, Stores, is_paused};
use crate::reconcile::{
    Buckets, Clock, Context, Error, EventRecorder, FIELD_MANAGER, Hindrance, Jitter, OrphanQueue,
    Permissions, ReconcileKind, Requests, Settings, Wakes, check_released, object_of, reconcile,
};
use crate::telemetry::Telemetry;
use backoff::{Backoff, WatchBackoff};
use leader_election::LeaderElector;
pub(crate) use owner_id::{CLUSTER, find_in as find_owner, identity};
pub use rbac::{RBAC_RULES, RbacRule, RbacScope};
pub use stop::stop_on_signal;
use tenancy_file::TenancyFile;
pub(crate) use tenancy_file::read as read_tenancy;
use workqueue::WorkQueue;

/// How the operator is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Watch these namespaces alone; without any, all.
    pub namespaces: Vec<String>,
    /// The owner id; else it is taken from the cluster.
    pub owner_id: Option<OwnerId>,
    /// The Region of resources that name none.
    pub region: Option<String>,
    /// Wait for the Lease before working, as one of several replicas.
    pub leader_elect: bool,
    /// The file that says what each namespace may do; none where each may do all.
    pub tenancy_file: Option<PathBuf>,
    /// How many calls a second are made to AWS.
    pub rates: Rates,
    /// How reconciles behave.
    pub settings: Settings,
    /// What is told of all this.
    pub telemetry: Telemetry,
}

/// Why the operator cannot run.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Runs until `stop` is cancelled, and the reconciles that are under way have ended, or were cut off after
/// 20 seconds. With leader election, it waits until it leads, and ends with an error when it does no more.
pub async fn run(options: Options, network: Network, stop: CancellationToken) -> Result<(), StartError> {
    let leadership = if options.leader_elect { Leadership::elected() } else { Leadership::alone() };
    options.telemetry.health.starts(leadership.clone());
    options.telemetry.metrics.show_leader(leadership.clone());
    let config = network.kube_config().await?;
    let client = leader_election::guarded_client(config.clone(), leadership.clone())?;
    let settings = SdkSettings {
        network,
        region: options.region.clone(),
        leadership: leadership.clone(),
        telemetry: options.telemetry.clone(),
        rate_limiter: RateLimiter::new(options.rates),
    };
    // The SDK may ask the metadata of the machine for the Region.
    let Some(sdk) = stop.run_until_cancelled(Sdk::load(settings)).await else { return Ok(()) };
    let sdk = Arc::new(sdk?);
    let own = sdk.clone().with_layers();
    let Some(path) = &options.tenancy_file else {
        return run_as_leader(client, config, NamespaceCredentials::single(own), leadership, options, stop)
            .await;
    };
    let (file, tenancy) = TenancyFile::open(path, options.telemetry.metrics.clone())?;
    let credentials = NamespaceCredentials::separate(own, tenancy, sdk);
    tokio::select! {
        ended = run_as_leader(client, config, credentials, leadership, options, stop) => ended,
        never = file.follow() => match never {},
    }
}

/// Waits until this replica leads, where there may be others, and works as long as it does.
async fn run_as_leader(
    client: Client,
    config: Config,
    credentials: NamespaceCredentials,
    leadership: Leadership,
    options: Options,
    stop: CancellationToken,
) -> Result<(), StartError> {
    if !options.leader_elect {
        return run_with_credential_check(client, credentials, options, stop).await;
    }
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

/// Runs on this cluster and AWS, and has AWS answer once, so that a replica without objects knows, too, whether it can
/// reach it.
async fn run_with_credential_check(
    client: Client,
    credentials: NamespaceCredentials,
    options: Options,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let aws = credentials.own().clone();
    let until_answered = async {
        let mut wait = Duration::from_secs(1);
        while let Err(error) = aws.account().await {
            warn!(error = error_chain(&error), "cannot ask AWS whose credentials these are; trying again");
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(Duration::from_secs(60));
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        ended = run_controllers(client, credentials, options, stop) => ended,
        never = until_answered => match never {},
    }
}

/// This replica, as one that wants to lead the operator of its owner id.
async fn leader_elector(
    client: &Client,
    config: Config,
    options: &Options,
    leadership: Leadership,
) -> Result<LeaderElector, StartError> {
    let owner = owner_id::find(client, &options.namespaces, options.owner_id.clone()).await?;
    let namespace = client.default_namespace();
    let pod = std::env::var("POD_NAME").unwrap_or_else(|_| "lambda-triggers".into());
    // A pod that is started again under its name is another leader_elector.
    let me = format!("{pod}_{:016x}", rand::random::<u64>());
    let name = format!("lambda-triggers-{}", owner.id);
    // It writes before it leads.
    let lease_client = Client::try_from(config)?;
    let health = options.telemetry.health.clone();
    Ok(LeaderElector::new(lease_client, namespace, name, me, leadership, health))
}

/// Runs on this cluster and this AWS, which may be stand-ins, until `stop` is cancelled, and what is under way has
/// ended.
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

    let (scheduled, scheduled_writer) = reflector::store();
    let (s3, s3_writer) = reflector::store();
    let (scheduled_synced, all_scheduled) = watch::channel(false);
    let (s3_synced, all_s3) = watch::channel(false);
    let (wakes, scheduled_requests, s3_requests) = Wakes::new();
    let reporter = Reporter { controller: FIELD_MANAGER.into(), instance: std::env::var("POD_NAME").ok() };
    let context = Arc::new(Context {
        client: client.clone(),
        credentials,
        owner,
        stores: Stores { scheduled, s3, synced: [all_scheduled, all_s3] },
        status_cache: StatusCache::default(),
        wakes,
        events: EventRecorder::new(client.clone(), reporter, options.telemetry.metrics.clone()),
        permissions: Permissions::default(),
        buckets: Buckets::default(),
        orphans: OrphanQueue::default(),
        elected: options.leader_elect,
        namespace: client.default_namespace().into(),
        started: Instant::now(),
        jitter: Jitter::from_seed(options.settings.seed),
        settings: options.settings,
        telemetry: options.telemetry,
    });
    register_stores(&context);
    let loaded = stop.run_until_cancelled(context.orphans.load(&context)).await;
    let Some(loaded) = loaded else { return Ok(()) };
    loaded.map_err(|error| {
        format!("cannot read the ConfigMap of buckets to look at again: {error}; allow `get` on ConfigMaps")
    })?;
    let namespaces = &options.namespaces;
    let workqueue = WorkQueue::new();
    let queue = workqueue.clone();
    context.telemetry.metrics.show_queue(Arc::new(move || queue.snapshot()));
    let of = |stop: &CancellationToken| (workqueue.clone(), context.clone(), stop.clone());
    let controllers = async {
        tokio::join!(
            run_controller(namespaces, scheduled_writer, scheduled_synced, scheduled_requests, of(&stop)),
            run_controller(namespaces, s3_writer, s3_synced, s3_requests, of(&stop)),
        )
    };
    let mut overdue = pin!(stop::overdue(&stop, &workqueue, &context.stores));
    let ended = tokio::select! {
        biased;
        _ = controllers => true,
        () = &mut overdue => false,
        () = context.orphans.run(&context) => true,
        never = check_released(&context), if !context.elected => match never {},
    };
    if ended {
        tokio::select! {
            biased;
            () = context.buckets.stop() => {}
            () = overdue => {}
        }
    }
    info!("stopped");
    Ok(())
}

/// Has the metrics and the health tell of the stores.
fn register_stores(context: &Context) {
    let Telemetry { metrics, health } = &context.telemetry;
    let [scheduled, s3] = context.stores.synced.clone();
    health.waits_for(vec![("ScheduledFunctions", scheduled), ("S3TriggeredFunctions", s3)]);
    metrics.show_objects(context.stores.clone());
}

/// Runs the controller of one kind, and says when its cache is `synced`.
async fn run_controller<K: ReconcileKind>(
    watched: &[String],
    writer: Writer<K>,
    synced: watch::Sender<bool>,
    requests: Requests,
    (workqueue, context, stop): (Arc<WorkQueue>, Arc<Context>, CancellationToken),
) {
    let reader = writer.as_reader();
    let promoting = workqueue.clone();
    let (seeing, deleting) = (context.clone(), context.clone());
    // Our own writes to the status change none of these, so they bring nothing back here. A status that another writer changed
    // is repaired through the wakes.
    let relevant_change =
        predicates::generation.combine(predicates::finalizers).combine(reconcile_requested).combine(paused);
    let watch_objects = |(namespace, api)| {
        let events = watcher(api, watcher::Config::default().any_semantic());
        (namespace, events.backoff(WatchBackoff::new(&context)).boxed())
    };
    let watches = namespaces::apis(&context.client, watched).into_iter().map(watch_objects).collect();
    let objects = namespaces::merged(watches, reader.clone())
        .modify(strip_unused_fields)
        .reflect(writer)
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                synced.send_replace(true);
            }
            if let watcher::Event::Delete(object) = event {
                deleting.status_cache.forget_object(object);
                deleting.wakes.ended(&holder(object));
            }
        })
        .applied_objects()
        .inspect_ok(move |object| {
            seeing.wakes.ended(&holder(object));
            if seeing.status_cache.is_foreign(object) {
                seeing.wakes.repair((K::NAME, workqueue::key(object).1.clone()));
            }
            seeing.status_cache.forget_seen(object);
            if workqueue::priority(object) == Priority::High {
                promoting.raise_priority(&workqueue::key(object));
            }
        })
        .predicate_filter(relevant_change, Default::default());
    let backoff = Arc::new(Backoff::new(context.settings.resync));
    let (succeeded, failed) = (backoff.clone(), backoff);
    let (cache, taking) = (reader.clone(), workqueue.clone());
    let reconcile = move |object: Arc<K>, context: Arc<Context>| {
        let (workqueue, cache, backoff) = (taking.clone(), cache.clone(), succeeded.clone());
        async move { reconcile_with_permit(object.as_ref(), &workqueue, &cache, context, &backoff).await }
    };
    let retry = move |object: Arc<K>, error: &Error, context: Arc<Context>| {
        let generation = object.meta().generation;
        let wait = failed.next(&object.uid().unwrap_or_default(), generation, error.class());
        Action::requeue(context.jitter.vary(wait))
    };
    let apis = namespaces::apis::<PartialObjectMeta<ConfigMap>>(&context.client, watched);
    let unlisted = Arc::new(AtomicUsize::new(apis.len()));
    let watch_config_maps = |(_, api)| {
        let mut first = Some(unlisted.clone());
        let events = watcher(api, watcher::Config::default()).backoff(WatchBackoff::new(&context));
        let events = events.inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone)
                && let Some(unlisted) = first.take()
            {
                unlisted.fetch_sub(1, Ordering::Release);
            }
        });
        events.boxed()
    };
    let config_maps = stream::select_all(apis.into_iter().map(watch_config_maps))
        .touched_objects()
        .predicate_filter(predicates::resource_version, Default::default());
    let (cache, raising) = (reader.clone(), workqueue.clone());
    let users = move |config_map: PartialObjectMeta<ConfigMap>| {
        let users = users_of_config_map(&cache, &config_map);
        // What was there at the start, nobody has changed just now.
        if unlisted.load(Ordering::Acquire) == 0 {
            users.iter().for_each(|user| raising.raise_priority_next(workqueue::key_of(user)));
        }
        users
    };
    let raising = workqueue.clone();
    let woken =
        stream::unfold(requests, async |mut requests: Requests| Some((requests.recv().await?, requests)))
            .map(|key| object_of::<K>(&key))
            .inspect(move |object| raising.raise_priority_next(workqueue::key_of(object)));
    let permitted = context.credentials.changes().map_or_else(|| stream::pending().boxed(), changes);
    Controller::for_stream(objects, reader)
        .watches_stream(config_maps, users)
        .reconcile_on(woken)
        // What was refused may be permitted now, and the other way round.
        .reconcile_all_on(permitted)
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(reconcile, retry, context)
        .for_each(|result| async {
            if let Err(error) = result {
                log_queue_failure(&error);
            }
        })
        .await;
}

/// The hindrance of objects that wait for this object.
fn holder<K: ReconcileKind>(object: &K) -> Hindrance {
    Hindrance::Holder(K::NAME.into(), workqueue::key(object).1.clone())
}

/// Has an object wait for its permit, and reconciles it as it is then.
async fn reconcile_with_permit<K: ReconcileKind>(
    object: &K,
    workqueue: &Arc<WorkQueue>,
    cache: &Store<K>,
    context: Arc<Context>,
    backoff: &Backoff,
) -> Result<Action, Error> {
    let permit = workqueue
        .acquire(&workqueue::key(object), workqueue::priority(object))
        .await
        .ok_or(Error::Stopping)?;
    let Some(object) = cache.get(&ObjectRef::from_obj(object)) else { return Ok(Action::await_change()) };
    let uid = object.uid().unwrap_or_default();
    // In a task of its own: whatever wakes the controller's has all of those looked at that wait for their workqueue.
    let work = async move {
        let result = reconcile(object, permit.call_context.clone(), context).await;
        drop(permit);
        result
    };
    match AbortOnDropHandle::new(tokio::spawn(work)).await {
        Ok(result) => result.inspect(|_| backoff.reset(&uid)),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}

/// An item for each change.
fn changes<T: Send + Sync + 'static>(receiver: watch::Receiver<T>) -> BoxStream<'static, ()> {
    let next = async |mut receiver: watch::Receiver<T>| {
        receiver.changed().await.ok()?;
        Some(((), receiver))
    };
    stream::unfold(receiver, next).boxed()
}

/// Takes out of an object what nobody here asks for, and what would take as much memory as all the rest.
fn strip_unused_fields<K: ReconcileKind>(object: &mut K) {
    object.managed_fields_mut().clear();
    object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

/// What somebody asks for a reconcile by, as a predicate: another value is another request.
fn reconcile_requested<K: ReconcileKind>(object: &K) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    object.annotations().get(RECONCILE_ANNOTATION)?.hash(&mut hasher);
    Some(hasher.finish())
}

/// Whether an object is paused, as a predicate.
fn paused<K: ReconcileKind>(object: &K) -> Option<u64> {
    Some(u64::from(is_paused(object)))
}

/// The objects whose function has its code from a ConfigMap. Of ConfigMaps the metadata alone is watched.
fn users_of_config_map<K: ReconcileKind>(
    cache: &Store<K>,
    config_map: &PartialObjectMeta<ConfigMap>,
) -> Vec<ObjectRef<K>> {
    let name = config_map.name_any();
    let uses = |object: &&Arc<K>| {
        let code = object.summary().config_map.as_deref();
        object.namespace() == config_map.namespace() && code == Some(name.as_str())
    };
    cache.state().iter().filter(uses).map(|object| ObjectRef::from_obj(object.as_ref())).collect()
}

fn log_queue_failure(error: &controller::Error<Error, watcher::Error>) {
    match error {
        // The reconcile itself has said so. Or the object went while it was in the queue.
        controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_) => {}
        other => warn!(error = error_chain(other), "the controller's queue failed"),
    }
}

/// The default of [`Settings`].
impl Default for Settings {
    fn default() -> Self {
        Self {
            resync: Duration::from_secs(600),
            timeout: Duration::from_secs(120),
            write_grace_period: Duration::from_secs(30),
            progress_deadline: Duration::from_secs(120),
            default_tags: Tags::new(),
            seed: rand::random(),
            clock: Clock::default(),
        }
    }
}
