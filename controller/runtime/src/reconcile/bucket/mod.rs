//! A bucket is reconciled as one: S3 keeps one document for it and has no conditional write, so all resources of a
//! bucket go through one worker, which reads, merges, writes and verifies on behalf of all of them.

mod destinations;
mod failures;
mod members;
mod notices;
mod ownership;
mod second_looks;
mod speaker;
mod worker;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambda_triggers_core::api::PermissionPolicy;
use lambda_triggers_core::plan::bucket::Desired;
use lambda_triggers_core::plan::queue::Priority;
use lambda_triggers_core::plan::report::{Failure, Part, Reason};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::Span;

use super::context::Context;
use super::object::Identity;
use crate::aws::{Bucket, CallContext};
pub use second_looks::{MAX_REQUEST_AGE, SecondLooks};
use worker::Worker;

/// The workers of all buckets.
#[derive(Default)]
pub struct Buckets {
    workers: Mutex<HashMap<Bucket, Handle>>,
    /// By the name of the bucket, which is known before its Region and owner are, and is nobody else's.
    arrivals: Mutex<HashMap<String, Arc<Arrivals>>>,
    tasks: TaskTracker,
    /// The resources, by UID, whose entries are kept as they are, as the tenancy permits them no more.
    withdrawn: Mutex<HashSet<String>>,
}

/// The way to one worker.
#[derive(Clone)]
struct Handle {
    requests: mpsc::UnboundedSender<Request>,
}

/// Reconciles that will ask a worker in a moment: it waits for them, and writes once for all.
#[derive(Default)]
struct Arrivals(Mutex<Vec<Arc<CallContext>>>);

impl Arrivals {
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

/// What is asked of a bucket's worker.
enum Request {
    /// That the bucket be as one resource wants it.
    Want(Box<Wanted>),
    /// A look at it, with the credentials of this namespace.
    Look { namespace: String, reply: oneshot::Sender<Result<Done, Failure>> },
}

impl Request {
    /// The namespace on whose behalf it is made.
    fn namespace(&self) -> &str {
        match self {
            Self::Want(wanted) => &wanted.id.key.namespace,
            Self::Look { namespace, reply: _ } => namespace,
        }
    }
}

/// The request of a reconcile to the worker of a bucket.
pub struct Asked {
    /// The wanted entries.
    pub desired: Desired,
    /// The manager of the permission.
    pub permission: PermissionPolicy,
    /// True if the resource was in sync before: a difference is drift.
    pub settled: bool,
}

impl Asked {
    /// A request without an external permission.
    pub fn own(desired: Desired, settled: bool) -> Self {
        Self { desired, permission: PermissionPolicy::Managed, settled }
    }
}

/// What one resource wants of a bucket.
struct Wanted {
    id: Identity,
    desired: Desired,
    permission: PermissionPolicy,
    settled: bool,
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
pub struct Arrival {
    arrivals: Arc<Arrivals>,
    call_context: Arc<CallContext>,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut all = self.arrivals.all();
        if let Some(at) = all.iter().position(|call_context| Arc::ptr_eq(call_context, &self.call_context)) {
            all.swap_remove(at);
        }
    }
}

impl Buckets {
    /// Tells the worker of the bucket of this name that a request will follow in a moment.
    pub fn announce(&self, name: &str) -> Arrival {
        let arrivals = self.arrivals(name);
        let call_context = CallContext::current();
        arrivals.all().push(call_context.clone());
        Arrival { arrivals, call_context }
    }

    /// Makes the bucket's document hold what one resource wants, and waits until that shows.
    pub async fn reconcile(
        &self,
        context: &Arc<Context>,
        bucket: &Bucket,
        id: &Identity,
        asked: Asked,
    ) -> Result<Done, Failure> {
        self.withdrawn().remove(&id.uid);
        let (reply, answer) = oneshot::channel();
        let (id, asks, call_context) = (id.clone(), Span::current(), CallContext::current());
        let Asked { desired, permission, settled } = asked;
        let request =
            Request::Want(Box::new(Wanted { id, desired, permission, settled, call_context, asks, reply }));
        self.ask(context, bucket, request, answer).await
    }

    /// Looks at the bucket on nobody's behalf, with the credentials of `namespace`, and removes what nobody claims.
    pub async fn look(
        &self,
        context: &Arc<Context>,
        bucket: &Bucket,
        namespace: &str,
    ) -> Result<Done, Failure> {
        let (reply, answer) = oneshot::channel();
        self.ask(context, bucket, Request::Look { namespace: namespace.into(), reply }, answer).await
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
            Failure::new(Part::Notification, Reason::AwsUnavailable, message)
        };
        sent.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Has the resource with this UID keep what it has in buckets, whatever it asked for before.
    pub fn withdraw(&self, uid: &str) {
        self.withdrawn().insert(uid.into());
    }

    /// Forgets a resource that is gone.
    pub fn forget(&self, uid: &str) {
        self.withdrawn().remove(uid);
    }

    fn is_withdrawn(&self, uid: &str) -> bool {
        self.withdrawn().contains(uid)
    }

    fn withdrawn(&self) -> MutexGuard<'_, HashSet<String>> {
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no worker is at work; a document that is being written is verified first.
    pub async fn stop(&self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn arrivals(&self, name: &str) -> Arc<Arrivals> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.retain(|_, arrivals| Arc::strong_count(arrivals) > 1);
        arrivals.entry(name.to_owned()).or_default().clone()
    }

    fn handle(&self, context: &Arc<Context>, bucket: &Bucket) -> Handle {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|_, handle| !handle.requests.is_closed());
        let start = || {
            let (requests, inbox) = mpsc::unbounded_channel();
            self.tasks.spawn(Worker::new(context, bucket.clone(), self.arrivals(&bucket.name)).run(inbox));
            Handle { requests }
        };
        workers.entry(bucket.clone()).or_insert_with(start).clone()
    }
}
