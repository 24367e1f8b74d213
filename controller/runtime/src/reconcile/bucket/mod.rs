//! The workers of the buckets. S3 stores one document for each bucket and has no conditional write. So one worker
//! reads, merges, writes and verifies the document for all resources of the bucket.

mod batch;
mod destinations;
mod events;
mod failures;
mod frozen;
mod last_read;
mod ownership;
mod principal;
mod request;
mod requesters;
mod reservation;
mod sync;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;

use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::status::{Component, Failure, Reason};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, error_span};

use super::context::Context;
use super::orphans::OrphanQueue;
use super::permission::Permissions;
use crate::aws::CallContext;
use crate::objects::Identity;
pub use failures::failed_call;
use frozen::FrozenResources;
use last_read::LastRead;
use request::{ApplyRequest, Request};
pub use request::{BucketRequest, Done};
use reservation::{Reservation, Reservations};
use sync::DocumentSync;
use worker::Worker;

/// The workers of all buckets.
pub struct Buckets {
    context: Arc<Context>,
    permissions: Arc<Permissions>,
    orphans: Arc<OrphanQueue>,
    workers: Mutex<HashMap<Bucket, Handle>>,
    /// By bucket name: a reconcile knows the name before the Region and the owner. Bucket names are unique in S3.
    reservations: Mutex<HashMap<String, Arc<Reservations>>>,
    last_reads: Mutex<HashMap<Bucket, Arc<LastRead>>>,
    tasks: TaskTracker,
    frozen: Arc<FrozenResources>,
}

/// The inbox of one worker.
#[derive(Clone)]
struct Handle {
    requests: mpsc::UnboundedSender<Request>,
}

impl Buckets {
    /// No workers yet: the first request to a bucket starts its worker.
    pub fn new(context: Arc<Context>, permissions: Arc<Permissions>, orphans: Arc<OrphanQueue>) -> Self {
        let (workers, reservations, last_reads) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (tasks, frozen) = (TaskTracker::new(), Arc::default());
        Self { context, permissions, orphans, workers, reservations, last_reads, tasks, frozen }
    }

    /// Announces a request to the worker of the bucket with this name.
    pub fn reserve(&self, name: &str) -> Reservation {
        self.reservations(name).reserve()
    }

    /// Reads and parses the document with the credentials of `namespace`, and writes nothing. Fails as a sync fails: the
    /// bucket is missing, in another account or Region, or cannot be read. Readers within some seconds share a read.
    pub async fn observe(&self, bucket: &Bucket, namespace: &str) -> Result<(), Failure> {
        // Span level ERROR, so that no RUST_LOG filter drops the span.
        let span = error_span!("bucket", %bucket);
        self.last_read(bucket).observe(&self.context, bucket, namespace).instrument(span).await
    }

    /// Applies the desired entries of one resource, and waits until S3 shows the entries.
    pub async fn reconcile(
        &self,
        bucket: &Bucket,
        id: &Identity,
        request: BucketRequest,
    ) -> Result<Done, Failure> {
        self.frozen.remove(&id.uid);
        let (reply, answer) = oneshot::channel();
        let (id, span, call_context) = (id.clone(), Span::current(), CallContext::current());
        let request = Request::Apply(Box::new(ApplyRequest { id, request, span, call_context, reply }));
        self.send(bucket, request, answer).await
    }

    /// Reads the document with the credentials of `namespace`, and removes the entries that no resource claims.
    pub async fn check(&self, bucket: &Bucket, namespace: &str) -> Result<Done, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(bucket, Request::Check { namespace: namespace.into(), reply }, answer).await
    }

    async fn send(
        &self,
        bucket: &Bucket,
        request: Request,
        answer: oneshot::Receiver<Result<Done, Failure>>,
    ) -> Result<Done, Failure> {
        let sent = self.handle(bucket).requests.send(request);
        let stopped = || {
            let message = format!("the work on bucket {bucket} was interrupted; trying again");
            Failure::new(Component::Notification, Reason::AwsUnavailable, message)
        };
        sent.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Keeps the entries of the resource with this UID as they are, until the resource's next request.
    pub fn freeze(&self, uid: &str) {
        self.frozen.insert(uid);
    }

    /// Forgets a deleted resource.
    pub fn forget(&self, uid: &str) {
        self.frozen.remove(uid);
    }

    /// Waits until all workers end. A worker verifies a document that is in flight before the worker ends.
    pub async fn stop(&self) {
        self.workers.lock().clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn reservations(&self, name: &str) -> Arc<Reservations> {
        let mut reservations = self.reservations.lock();
        reservations.retain(|_, reservations| Arc::strong_count(reservations) > 1);
        reservations.entry(name.to_owned()).or_default().clone()
    }

    fn last_read(&self, bucket: &Bucket) -> Arc<LastRead> {
        let mut last_reads = self.last_reads.lock();
        last_reads.retain(|_, last_read| Arc::strong_count(last_read) > 1 || last_read.is_recent());
        last_reads.entry(bucket.clone()).or_default().clone()
    }

    fn handle(&self, bucket: &Bucket) -> Handle {
        let mut workers = self.workers.lock();
        workers.retain(|_, handle| !handle.requests.is_closed());
        let start = || {
            let (requests, inbox) = mpsc::unbounded_channel();
            let (permissions, frozen) = (self.permissions.clone(), self.frozen.clone());
            let last_read = self.last_read(bucket);
            let sync = DocumentSync::new(&self.context, bucket.clone(), permissions, frozen, last_read);
            let reservations = self.reservations(&bucket.name);
            let worker = Worker::new(&self.context, self.orphans.clone(), reservations, sync);
            self.tasks.spawn(worker.run(inbox));
            Handle { requests }
        };
        workers.entry(bucket.clone()).or_insert_with(start).clone()
    }
}
