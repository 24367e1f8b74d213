//! `lambda-triggers run`: both controllers in one process, from start to clean stop.

mod backoff;
mod lease;
mod owner;
mod rights;

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::controller::{self, Action};
use kube::runtime::events::Reporter;
use kube::runtime::reflector::store::{Store, Writer};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{Controller, Predicate, WatchStreamExt, predicates, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use lambda_triggers_core::api::RECONCILE_ANNOTATION;
use lambda_triggers_core::plan::identity::OwnerId;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::aws::{Sdk, SdkSettings, Tenants};
use crate::reconcile::{
    Buckets, Caches, Context, Error, Events, FIELD_MANAGER, Jitter, Kind, Permissions, SecondLooks, Settings,
    Statuses, chain, reconcile,
};
use crate::telemetry::Telemetry;
use backoff::{Backoff, WatchBackoff};
use lease::Candidate;
pub use lease::{Leadership, Lost};
pub(crate) use owner::find as find_owner;
pub use rights::{Place, RIGHTS, Right};

/// Reconciles of one kind at a time. Most of each is waiting for AWS.
const CONCURRENCY: u16 = 32;

/// How the operator is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Watch this namespace alone; else all.
    pub namespace: Option<String>,
    /// The owner id; else it is taken from the cluster.
    pub owner_id: Option<OwnerId>,
    /// The Region of resources that name none.
    pub region: Option<String>,
    /// Wait for the Lease before working, as one of several replicas.
    pub leader_elect: bool,
    /// How reconciles behave.
    pub settings: Settings,
    /// What is told of all this.
    pub telemetry: Telemetry,
}

/// Why the operator cannot run.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Runs until `stop` is cancelled, and what is under way has ended. With leader election, it waits until it leads, and
/// ends with an error when it does no more.
pub async fn run(options: Options, stop: CancellationToken) -> Result<(), StartError> {
    let leadership = if options.leader_elect { Leadership::elected() } else { Leadership::alone() };
    options.telemetry.health.starts(leadership.clone());
    options.telemetry.metrics.show_leader(leadership.clone());
    let client = lease::guarded_client(leadership.clone()).await?;
    let settings = SdkSettings {
        region: options.region.clone(),
        leadership: leadership.clone(),
        telemetry: options.telemetry.clone(),
    };
    let tenants = Tenants::single(Arc::new(Sdk::load(settings).await?));
    if !options.leader_elect {
        return work(client, tenants, options, stop).await;
    }
    let mut candidate = candidate(&client, &options, leadership).await?;
    tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        () = candidate.lead() => {}
    }
    let ended = tokio::select! {
        biased;
        lost = candidate.keep() => return Err(lost.into()),
        ended = work(client, tenants, options, stop) => ended,
    };
    candidate.release().await;
    ended
}

/// Runs on this cluster and AWS, and has AWS answer once, so that a replica without objects knows, too, whether it can
/// reach it.
async fn work(
    client: Client,
    tenants: Tenants,
    options: Options,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let aws = tenants.own().clone();
    let until_answered = async {
        let mut wait = Duration::from_secs(1);
        while let Err(error) = aws.account().await {
            warn!(error = chain(&error), "cannot ask AWS whose credentials these are; trying again");
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(Duration::from_secs(60));
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        ended = run_on(client, tenants, options, stop) => ended,
        never = until_answered => match never {},
    }
}

/// This replica, as one that wants to lead the operator of its owner id.
async fn candidate(
    client: &Client,
    options: &Options,
    leadership: Leadership,
) -> Result<Candidate, StartError> {
    let owner = owner::find(client, options.namespace.as_deref(), options.owner_id.clone()).await?;
    let namespace = own_namespace(client, options);
    let pod = std::env::var("POD_NAME").unwrap_or_else(|_| "lambda-triggers".into());
    // A pod that is started again under its name is another candidate.
    let me = format!("{pod}_{:016x}", rand::random::<u64>());
    let name = format!("lambda-triggers-{}", owner.id);
    // It writes before it leads.
    let client = Client::try_default().await?;
    let health = options.telemetry.health.clone();
    Ok(Candidate::new(client, &namespace, name, me, leadership, health))
}

/// The namespace that the operator keeps its own things in.
fn own_namespace(client: &Client, options: &Options) -> String {
    options.namespace.clone().unwrap_or_else(|| client.default_namespace().into())
}

/// Runs on this cluster and this AWS, which may be stand-ins, until `stop` is cancelled, and what is under way has
/// ended.
pub async fn run_on(
    client: Client,
    tenants: Tenants,
    options: Options,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let owner = owner::find(&client, options.namespace.as_deref(), options.owner_id.clone()).await?;
    info!(owner = %owner.id, region = tenants.own().default_region(), namespace = options.namespace, "starting");

    let (scheduled, scheduled_writer) = reflector::store();
    let (s3, s3_writer) = reflector::store();
    let (scheduled_complete, all_scheduled) = watch::channel(false);
    let (s3_complete, all_s3) = watch::channel(false);
    let reporter = Reporter { controller: FIELD_MANAGER.into(), instance: std::env::var("POD_NAME").ok() };
    let context = Arc::new(Context {
        client: client.clone(),
        tenants,
        owner,
        caches: Caches { scheduled, s3, complete: [all_scheduled, all_s3] },
        statuses: Statuses::default(),
        events: Events::new(client.clone(), reporter, options.telemetry.metrics.clone()),
        permissions: Permissions::default(),
        buckets: Buckets::default(),
        second_looks: SecondLooks::default(),
        namespace: own_namespace(&client, &options),
        started: Instant::now(),
        jitter: Jitter::from_seed(options.settings.seed),
        settings: options.settings,
        telemetry: options.telemetry,
    });
    watch_caches(&context);
    context.second_looks.load(&context).await.map_err(|error| {
        format!("cannot read the ConfigMap of buckets to look at again: {error}; allow `get` on ConfigMaps")
    })?;
    let namespace = options.namespace.as_deref();
    let controllers = async {
        tokio::join!(
            control(namespace, scheduled_writer, scheduled_complete, context.clone(), stop.clone()),
            control(namespace, s3_writer, s3_complete, context.clone(), stop),
        )
    };
    tokio::select! {
        biased;
        _ = controllers => {}
        () = context.second_looks.run(&context) => {}
    }
    context.buckets.stop().await;
    info!("stopped");
    Ok(())
}

/// Has the metrics and the health tell of the caches.
fn watch_caches(context: &Context) {
    let Telemetry { metrics, health } = &context.telemetry;
    let [scheduled, s3] = context.caches.complete.clone();
    health.waits_for(vec![("ScheduledFunctions", scheduled), ("S3TriggeredFunctions", s3)]);
    metrics.show_objects(context.caches.clone());
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Runs the controller of one kind, and says when its cache is `complete`.
async fn control<K: Kind>(
    namespace: Option<&str>,
    writer: Writer<K>,
    complete: watch::Sender<bool>,
    context: Arc<Context>,
    stop: CancellationToken,
) {
    let reader = writer.as_reader();
    // Our own writes to the status change none of these, so they bring nothing back here.
    let news = predicates::generation.combine(predicates::finalizers).combine(request);
    let objects = watcher(api::<K>(&context.client, namespace), watcher::Config::default().any_semantic())
        .backoff(WatchBackoff::new(&context))
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                complete.send_replace(true);
            }
        })
        .applied_objects()
        .predicate_filter(news, Default::default());
    let backoff = Arc::new(Backoff::new(context.settings.resync));
    let (succeeded, failed) = (backoff.clone(), backoff);
    let reconcile = move |object: Arc<K>, context: Arc<Context>| {
        let backoff = succeeded.clone();
        let uid = object.uid().unwrap_or_default();
        reconcile(object, context).map(move |result| result.inspect(|_| backoff.reset(&uid)))
    };
    let retry = move |object: Arc<K>, error: &Error, context: Arc<Context>| {
        let wait = failed.next(&object.uid().unwrap_or_default(), error.class());
        Action::requeue(context.jitter.vary(wait))
    };
    let config_maps =
        watcher(api::<PartialObjectMeta<ConfigMap>>(&context.client, namespace), watcher::Config::default())
            .backoff(WatchBackoff::new(&context))
            .touched_objects()
            .predicate_filter(predicates::resource_version, Default::default());
    let cache = reader.clone();
    Controller::for_stream(objects, reader)
        .watches_stream(config_maps, move |config_map| code_users(&cache, &config_map))
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(reconcile, retry, context)
        .for_each(|result| async {
            if let Err(error) = result {
                log(&error);
            }
        })
        .await;
}

/// What somebody asks for a reconcile by, as a predicate: another value is another request.
fn request<K: Kind>(object: &K) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    object.annotations().get(RECONCILE_ANNOTATION)?.hash(&mut hasher);
    Some(hasher.finish())
}

/// The objects whose function has its code from a ConfigMap. Of ConfigMaps the metadata alone is watched.
fn code_users<K: Kind>(cache: &Store<K>, config_map: &PartialObjectMeta<ConfigMap>) -> Vec<ObjectRef<K>> {
    let name = config_map.name_any();
    let uses = |object: &&Arc<K>| {
        let code = &object.spec()["function"]["definition"]["code"];
        object.namespace() == config_map.namespace() && code["configMap"]["name"] == name.as_str()
    };
    cache.state().iter().filter(uses).map(|object| ObjectRef::from_obj(object.as_ref())).collect()
}

fn log(error: &controller::Error<Error, watcher::Error>) {
    match error {
        // The reconcile itself has said so. Or the object went while it was in the queue.
        controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_) => {}
        other => warn!(error = chain(other), "the controller's queue failed"),
    }
}

/// Cancelled when the process is asked to end.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping: what is under way is brought to its end");
        cancelled.cancel();
    });
    Ok(token)
}

/// The default of [`Settings`].
impl Default for Settings {
    fn default() -> Self {
        Self {
            resync: Duration::from_secs(600),
            timeout: Duration::from_secs(120),
            settle: Duration::from_secs(30),
            seed: rand::random(),
        }
    }
}
