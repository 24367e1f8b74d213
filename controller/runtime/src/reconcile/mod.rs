//! The reconcile of each object: the finalizer, the pause, the time limit and the report around the steps of each kind.

mod authorize;
mod bucket;
mod clock;
mod context;
mod error;
mod events;
mod function;
mod jitter;
mod kind;
mod orphans;
mod permission;
mod reconciled;
mod reconciler;
mod recorded;
mod s3_triggered_function;
mod scheduled_function;
mod schedules;
mod status;
mod wakes;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{Error as FinalizerError, Event, finalizer};
use lambda_triggers_core::api::{DeletionPolicy, FINALIZER};
use lambda_triggers_core::status::pause::paused;
use lambda_triggers_core::status::{ErrorClass, EventReason, EventToEmit, Failure, Outcome};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{Instrument, Span, error_span, field, info, warn};

pub use bucket::failed_call;
pub use clock::Clock;
pub use context::{Context, Settings};
pub use error::Error;
pub use events::EventRecorder;
pub use jitter::Jitter;
pub use kind::ReconcileKind;
pub use reconciled::Reconciled;
pub use reconciler::Reconciler;
pub use status::{FIELD_MANAGER, StatusWriter};
pub use wakes::{Hindrance, Requests, Waiter, Wakes};

use crate::aws::CallContext;
use crate::error_chain;
use crate::objects::{Identity, deletion_policy, is_paused};
use crate::telemetry::metrics::ReconcileOutcome;

/// Seconds between the attempts of a roll-back.
const ROLLBACK_DELAYS: [u64; 5] = [1, 2, 4, 8, 16];
/// The interval between two polls of an AWS resource that is still changing.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The time until the next reconcile; `None` if only a change leads to the next reconcile.
pub type RequeueAfter = Option<Duration>;

/// Reconciles one object.
pub async fn reconcile<K: ReconcileKind>(
    object: Arc<K>,
    call_context: Arc<CallContext>,
    reconciler: Arc<Reconciler>,
) -> Result<RequeueAfter, Error> {
    let context = &reconciler.context;
    let Identity { key, generation, .. } = Identity::from_object(object.as_ref());
    // Span level ERROR, so that no RUST_LOG filter drops the span.
    let status = field::Empty;
    let span = error_span!("reconcile", object = %key, kind = K::NAME, generation, otel.status_code = status);
    let work = async {
        let began = Instant::now();
        let limit = context.settings.timeout;
        let work = call_context.clone().scope(reconcile_in_time(object.clone(), reconciler.clone()));
        // The time limit excludes the wait for the rate limiter: a busy operator would fail every reconcile.
        let result = match call_context.run_within(limit, work).await {
            Some(result) => result,
            // The reconcile may have created resources before the timeout.
            None => {
                let object = object.as_ref();
                let namespace = object.meta().namespace.clone().unwrap_or_default();
                let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
                let mut writer = StatusWriter::new(context, api.clone(), object);
                let rolled_back = roll_back_if_deleted(&api, object, &reconciler, &mut writer);
                let rolled_back = call_context.clone().scope(rolled_back);
                let rolled_back = call_context.run_within(limit, rolled_back).await;
                rolled_back.unwrap_or(Ok(false)).and(Err(Error::Timeout(limit)))
            }
        };
        if let Err(error) = &result {
            warn!(error = error_chain(error), "reconcile failed");
            Span::current().record("otel.status_code", "ERROR");
        }
        context.telemetry.metrics.reconciled(K::NAME, counted_as(&result), began.elapsed());
        result
    };
    work.instrument(span).await
}

/// The outcome for the metrics.
fn counted_as(result: &Result<RequeueAfter, Error>) -> ReconcileOutcome {
    match result {
        Ok(_) => ReconcileOutcome::Success,
        Err(Error::Timeout(_)) => ReconcileOutcome::Timeout,
        Err(error) => match error.class() {
            ErrorClass::Retryable | ErrorClass::Dependency => ReconcileOutcome::Retryable,
            ErrorClass::Throttled => ReconcileOutcome::Throttled,
            ErrorClass::Terminal => ReconcileOutcome::Terminal,
        },
    }
}

async fn reconcile_in_time<K: ReconcileKind>(
    object: Arc<K>,
    reconciler: Arc<Reconciler>,
) -> Result<RequeueAfter, Error> {
    let context = &reconciler.context;
    let namespace = object.meta().namespace.clone().unwrap_or_default();
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    if is_paused(&*object) {
        return pause(&api, &*object, &reconciler).await;
    }
    let requeue_after = Mutex::new(None);
    let step = |event: Event<K>| async {
        *requeue_after.lock() = match event {
            Event::Apply(object) => apply(&api, &object, &reconciler).await?,
            Event::Cleanup(object) => cleanup(&api, &object, &reconciler).await?,
        };
        // kube's Action does not show its time.
        Ok(Action::await_change())
    };
    match finalizer(&api, FINALIZER, object, step).await {
        Ok(_) => Ok(requeue_after.into_inner()),
        Err(FinalizerError::ApplyFailed(error) | FinalizerError::CleanupFailed(error)) => Err(error),
        Err(other) => Err(Error::Finalizer(Box::new(other))),
    }
}

/// Reports the pause of an object. The pause changes neither the finalizer nor AWS: an object that was always paused
/// has no resources to clean up.
async fn pause<K: ReconcileKind>(
    api: &Api<K>,
    object: &K,
    reconciler: &Reconciler,
) -> Result<RequeueAfter, Error> {
    let context = &reconciler.context;
    let meta = object.meta();
    let is_deleted = meta.deletion_timestamp.is_some();
    let is_held = meta.finalizers.iter().flatten().any(|name| name == FINALIZER);
    if is_deleted && !is_held {
        return Ok(None);
    }
    let mut writer = StatusWriter::new(context, api.clone(), object);
    let outcome = paused(writer.was_in_sync, is_deleted);
    if let Outcome::Paused { message, .. } = &outcome
        && !writer.already_reported(&outcome)
    {
        writer
            .emit(match is_deleted {
                true => EventToEmit::warning(EventReason::DeletionBlocked, message),
                false => EventToEmit::normal(EventReason::Paused, message),
            })
            .await;
    }
    writer.write(&outcome).await?;
    Ok(None)
}

async fn apply<K: ReconcileKind>(
    api: &Api<K>,
    object: &K,
    reconciler: &Reconciler,
) -> Result<RequeueAfter, Error> {
    let context = &reconciler.context;
    let mut writer = StatusWriter::new(context, api.clone(), object);
    let result = object.apply(reconciler, &mut writer).await;
    if writer.changed_aws && roll_back_if_deleted(api, object, reconciler, &mut writer).await? {
        return Ok(Some(POLL_INTERVAL));
    }
    match result {
        Ok(Reconciled { outcome, requeue_soon, next_change }) => {
            writer.outcome(&outcome).await?;
            let resync = context.next_resync();
            // A requeue frees the permit while AWS is still changing a resource.
            let soon = requeue_soon.then(|| context.jitter.vary(POLL_INTERVAL));
            Ok([soon, next_change].into_iter().flatten().chain([resync]).min())
        }
        Err(error) => {
            fail(&mut writer, &error, Outcome::Failed).await?;
            Err(if writer.is_overdue() { error } else { error.before_deadline() })
        }
    }
}

/// Deletes what this reconcile created if the object was deleted in the meantime; otherwise the resources would be
/// orphaned. An object disappears during a reconcile if a user removes the finalizer. Returns true after the roll-back.
/// A deleted object gets no further reconcile, so this function retries failures.
async fn roll_back_if_deleted<K: ReconcileKind>(
    api: &Api<K>,
    object: &K,
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, K>,
) -> Result<bool, Error> {
    if deletion_policy(object) == DeletionPolicy::Retain || object.meta().deletion_timestamp.is_some() {
        return Ok(false);
    }
    let mut delays = ROLLBACK_DELAYS.into_iter().map(Duration::from_secs);
    let mut began = false;
    loop {
        let rolled_back = async {
            if !is_deleted(api, &writer.id).await? {
                return Ok(false);
            }
            began = true;
            object.cleanup(reconciler, writer).await.map(|()| true)
        };
        match (rolled_back.await, delays.next()) {
            (Err(error), Some(delay)) => {
                warn!(error = error_chain(&error), "cannot roll back a deleted object; trying again");
                tokio::time::sleep(delay).await;
            }
            (Ok(true), _) => break,
            // A first read was wrong, so the next reconcile creates the resources again.
            (Ok(false), _) => return Ok(began),
            (Err(error), None) => return Err(error),
        }
    }
    reconciler.permissions.forget(&writer.id.uid);
    reconciler.context.status_cache.forget(&writer.id.uid);
    info!("the object was deleted without its finalizer: rolled back the AWS resources");
    Ok(true)
}

/// True if the object is gone, or is being deleted without our finalizer. A successor with the same name owns the
/// created resources.
async fn is_deleted<K: ReconcileKind>(api: &Api<K>, id: &Identity) -> Result<bool, Error> {
    let found = api.get_metadata_opt(&id.key.name).await.map_err(Error::kubernetes("read the object"))?;
    let has_no_finalizer = |meta: &ObjectMeta| {
        let finalizers = meta.finalizers.as_deref().unwrap_or_default();
        meta.deletion_timestamp.is_some() && !finalizers.iter().any(|name| name == FINALIZER)
    };
    Ok(found.is_none_or(|object| has_no_finalizer(&object.metadata)))
}

async fn cleanup<K: ReconcileKind>(
    api: &Api<K>,
    object: &K,
    reconciler: &Reconciler,
) -> Result<RequeueAfter, Error> {
    let context = &reconciler.context;
    let mut writer = StatusWriter::new(context, api.clone(), object);
    let uid = writer.id.uid.clone();
    reconciler.permissions.forget(&uid);
    let result = match deletion_policy(object) {
        DeletionPolicy::Delete => {
            match authorize::is_found(context, &writer.id, &writer.status.applied).await {
                Ok(true) => object.cleanup(reconciler, &mut writer).await,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            }
        }
        DeletionPolicy::Retain => object.retain(reconciler, &mut writer).await,
    };
    match result {
        Ok(()) => {
            context.status_cache.forget(&uid);
            reconciler.buckets.forget(&uid);
            context.wakes.forget(&(K::NAME, writer.id.key.clone()));
            function::wake_waiting(context, &writer.status.applied);
            info!("nothing is left to clean up");
            Ok(None)
        }
        Err(error) => {
            fail(&mut writer, &error, Outcome::DeletionBlocked).await?;
            Err(error)
        }
    }
}

/// Reports a failure in the status. Emits an event unless the status has the same failure already.
async fn fail<K: ReconcileKind>(
    writer: &mut StatusWriter<'_, K>,
    error: &Error,
    outcome: impl FnOnce(Failure) -> Outcome,
) -> Result<(), Error> {
    let Some(failure) = error.failure() else { return Ok(()) };
    let outcome = outcome(failure.clone());
    if !writer.already_reported(&outcome) {
        let event = match outcome {
            Outcome::DeletionBlocked(_) => {
                EventToEmit::warning(EventReason::DeletionBlocked, &failure.message)
            }
            _ => EventToEmit::failure(failure),
        };
        // The log has the failure of each attempt already.
        writer.context.events.publish(&writer.id.reference(), event).await;
    }
    if let Err(error) = writer.outcome(&outcome).await {
        warn!(error = error_chain(&error), "cannot report a failure");
        return Err(error);
    }
    Ok(())
}
