//! A bucket is reconciled as one: S3 keeps one document for it and has no conditional write, so all resources of a
//! bucket go through one worker, which reads, merges, writes and verifies on behalf of all of them.

mod destinations;
mod events;
mod failures;
mod orphans;
mod ownership;
mod principal;
mod requesters;
mod worker;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambda_triggers_core::api::PermissionPolicy;
use lambda_triggers_core::pacing::queue::Priority;
use lambda_triggers_core::plan::bucket::Desired;
use lambda_triggers_core::status::{Component, Failure, Reason};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::Span;

use super::context::Context;
use crate::aws::{Bucket, CallContext};
use crate::objects::Identity;
pub use orphans::{MAX_REQUEST_AGE, OrphanQueue};
use worker::Worker;

/// The workers of all buckets.
#[derive(Default)]
pub struct Buckets {
    workers: Mutex<HashMap<Bucket, Handle>>,
    /// By the name of the bucket, which is known before its Region and owner are, and is nobody else's.
    reservations: Mutex<HashMap<String, Arc<Reservations>>>,
    tasks: TaskTracker,
    /// The resources, by UID, whose entries are kept as they are, as the tenancy permits them no more.
    frozen: Mutex<HashSet<String>>,
}

/// The way to one worker.
#[derive(Clone)]
struct Handle {
    requests: mpsc::UnboundedSender<Request>,
}

/// Reconciles that will ask a worker in a moment: it waits for them, and writes once for all.
#[derive(Default)]
struct Reservations(Mutex<Vec<Arc<CallContext>>>);

impl Reservations {
    /// Whether any is to be waited for by requests of this priority: an edit waits for no resync.
    fn any(&self, priority: Priority) -> bool {
        self.all()
            .iter()
            .any(|call_context| priority == Priority::Low || call_context.priority() == Priority::High)
    }

    /// Whether the quotas keep one of them back that somebody waits for.
    fn any_rate_limited(&self) -> bool {
        self.all()
            .iter()
            .any(|call_context| call_context.priority() == Priority::High && call_context.is_rate_limited())
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<CallContext>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is request of a bucket's worker.
enum Request {
    /// That the bucket be as one resource wants it.
    Apply(Box<ApplyRequest>),
    /// A look at it, with the credentials of this namespace.
    Check { namespace: String, reply: oneshot::Sender<Result<Done, Failure>> },
}

impl Request {
    /// The namespace on whose behalf it is made.
    fn namespace(&self) -> &str {
        match self {
            Self::Apply(apply) => &apply.id.key.namespace,
            Self::Check { namespace, reply: _ } => namespace,
        }
    }
}

/// The request of a reconcile to the worker of a bucket.
pub struct BucketRequest {
    /// The wanted entries.
    pub desired: Desired,
    /// The manager of the permission.
    pub permission: PermissionPolicy,
    /// True if the resource was in sync before: a difference is drift.
    pub was_in_sync: bool,
}

impl BucketRequest {
    /// A request without an external permission.
    pub fn own(desired: Desired, was_in_sync: bool) -> Self {
        Self { desired, permission: PermissionPolicy::Managed, was_in_sync }
    }
}

/// What one resource wants of a bucket.
struct ApplyRequest {
    id: Identity,
    desired: Desired,
    permission: PermissionPolicy,
    was_in_sync: bool,
    /// The reconcile that asks.
    asks: Span,
    /// What AWS is called for.
    call_context: Arc<CallContext>,
    reply: oneshot::Sender<Result<Done, Failure>>,
}

/// What a bucket is like after a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The ARNs of the functions that entries of ours name in it.
    pub functions: BTreeSet<String>,
    /// Whether it was written to.
    pub changed: bool,
}

/// Says to a worker that a request is on its way, for as long as it is kept.
pub struct Reservation {
    reservations: Arc<Reservations>,
    call_context: Arc<CallContext>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut all = self.reservations.all();
        if let Some(at) = all.iter().position(|call_context| Arc::ptr_eq(call_context, &self.call_context)) {
            all.swap_remove(at);
        }
    }
}

impl Buckets {
    /// Tells the worker of the bucket of this name that a request will follow in a moment.
    pub fn reserve(&self, name: &str) -> Reservation {
        let reservations = self.reservations(name);
        let call_context = CallContext::current();
        reservations.all().push(call_context.clone());
        Reservation { reservations, call_context }
    }

    /// Makes the bucket's document hold what one resource wants, and waits until that shows.
    pub async fn reconcile(
        &self,
        context: &Arc<Context>,
        bucket: &Bucket,
        id: &Identity,
        request: BucketRequest,
    ) -> Result<Done, Failure> {
        self.frozen().remove(&id.uid);
        let (reply, answer) = oneshot::channel();
        let (id, asks, call_context) = (id.clone(), Span::current(), CallContext::current());
        let BucketRequest { desired, permission, was_in_sync } = request;
        let request = Request::Apply(Box::new(ApplyRequest {
            id,
            desired,
            permission,
            was_in_sync,
            call_context,
            asks,
            reply,
        }));
        self.ask(context, bucket, request, answer).await
    }

    /// Looks at the bucket on nobody's behalf, with the credentials of `namespace`, and removes what nobody claims.
    pub async fn check(
        &self,
        context: &Arc<Context>,
        bucket: &Bucket,
        namespace: &str,
    ) -> Result<Done, Failure> {
        let (reply, answer) = oneshot::channel();
        self.ask(context, bucket, Request::Check { namespace: namespace.into(), reply }, answer).await
    }

    async fn ask(
        &self,
        context: &Arc<Context>,
        bucket: &Bucket,
        request: Request,
        answer: oneshot::Receiver<Result<Done, Failure>>,
    ) -> Result<Done, Failure> {
        let sent = self.handle(context, bucket).requests.send(request);
        let stopped = || {
            let message = format!("the work on bucket {bucket} was interrupted; trying again");
            Failure::new(Component::Notification, Reason::AwsUnavailable, message)
        };
        sent.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Has the resource with this UID keep what it has in buckets, whatever it request for before.
    pub fn freeze(&self, uid: &str) {
        self.frozen().insert(uid.into());
    }

    /// Forgets a resource that is gone.
    pub fn forget(&self, uid: &str) {
        self.frozen().remove(uid);
    }

    fn is_frozen(&self, uid: &str) -> bool {
        self.frozen().contains(uid)
    }

    fn frozen(&self) -> MutexGuard<'_, HashSet<String>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no worker is at work; a document that is being written is verified first.
    pub async fn stop(&self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn reservations(&self, name: &str) -> Arc<Reservations> {
        let mut reservations = self.reservations.lock().unwrap_or_else(PoisonError::into_inner);
        reservations.retain(|_, reservations| Arc::strong_count(reservations) > 1);
        reservations.entry(name.to_owned()).or_default().clone()
    }

    fn handle(&self, context: &Arc<Context>, bucket: &Bucket) -> Handle {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|_, handle| !handle.requests.is_closed());
        let start = || {
            let (requests, inbox) = mpsc::unbounded_channel();
            self.tasks
                .spawn(Worker::new(context, bucket.clone(), self.reservations(&bucket.name)).run(inbox));
            Handle { requests }
        };
        workers.entry(bucket.clone()).or_insert_with(start).clone()
    }
}
