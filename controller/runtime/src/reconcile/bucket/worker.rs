//! The worker of one bucket: collects requests, syncs the document for all of them, and answers each request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::bucket::{Desired, Rejection, failure};
use lambda_triggers_core::status::{Failure, Reason};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument, info};

use super::batch::{by_role, call_context, collect_batch, span};
use super::principal::Principal;
use super::request::{ApplyRequest, Done, Request};
use super::requesters::Requester;
use super::reservation::Reservations;
use super::sync::{DocumentSync, Found};
use crate::aws::NOT_FOUND_RETRY_DELAY;
use crate::objects::{Identity, RawS3TriggeredFunction, Trigger};
use crate::reconcile::context::Context;
use crate::reconcile::orphans::{MAX_REQUEST_AGE, OrphanQueue};

/// The maximum age of a sync that answers a later request for no entries.
const MAX_REMOVAL_AGE: Duration = Duration::from_secs(10);

/// The worker of one bucket.
pub struct Worker {
    context: Weak<Context>,
    orphans: Arc<OrphanQueue>,
    reservations: Arc<Reservations>,
    sync: DocumentSync,
    /// The resources that the last sync rejected, with the conflicts.
    rejected: BTreeMap<ObjectKey, Rejection>,
    /// The result of the last sync, if the sync succeeded. Resyncs share the result.
    last_result: Option<Found>,
}

/// Waits until the instant; never ends for `None`.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

impl Worker {
    /// A worker without requesters.
    pub fn new(
        context: &Arc<Context>,
        orphans: Arc<OrphanQueue>,
        reservations: Arc<Reservations>,
        sync: DocumentSync,
    ) -> Self {
        let context = Arc::downgrade(context);
        Self { context, orphans, reservations, sync, rejected: BTreeMap::new(), last_result: None }
    }

    /// Works until the inbox is closed.
    pub async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Request>) {
        loop {
            let first = tokio::select! {
                biased;
                request = inbox.recv() => match request {
                    Some(first) => Some(first),
                    None => return,
                },
                () = until(self.sync.write_grace_until) => None,
            };
            let batch = match first {
                Some(first) => match self.answer_at_once(first).await {
                    Some(first) => collect_batch(&self.reservations, first, &mut inbox).await,
                    None => continue,
                },
                None => vec![],
            };
            // The worker holds the context only during a batch. The end of the operator drops the context, and then the
            // worker ends.
            let Some(context) = self.context.upgrade() else { return };
            for batch in by_role(&context, batch) {
                let span = span(&self.sync.bucket, &batch);
                let call_context = call_context(&batch);
                call_context.scope(self.process(&context, batch).instrument(span)).await;
            }
        }
    }

    async fn process(&mut self, context: &Context, batch: Vec<Request>) {
        // The worker itself creates an empty batch.
        let is_own = batch.is_empty();
        let mut rest = vec![];
        for request in batch {
            rest.extend(self.answer_from_last_result(context, request).await);
        }
        if is_own || !rest.is_empty() {
            self.handle(context, rest).await;
        }
    }

    /// Answers a request without the wait for a batch, if the last result answers it. Returns the request otherwise.
    async fn answer_at_once(&mut self, request: Request) -> Option<Request> {
        let Some(context) = self.context.upgrade() else { return Some(request) };
        self.answer_from_last_result(&context, request).await
    }

    /// Answers a resync from the last result, if the document had exactly the desired entries. Answers a removal if the
    /// last sync, a moment ago, removed the entries already. Returns the request otherwise. After a start, a sync keeps
    /// the entries of resources without a request, so one read answers the first requests of all resources.
    async fn answer_from_last_result(&mut self, context: &Context, request: Request) -> Option<Request> {
        let Request::Apply(apply) = &request else { return Some(request) };
        let ApplyRequest { id, request: desired, .. } = &**apply;
        let requester = Requester::new(id.clone(), desired);
        let is_removed =
            |found: &Found| found.removed.contains(&id.uid) && found.began.elapsed() < MAX_REMOVAL_AGE;
        let is_usable = |found: &&Found| {
            self.sync.has_in_place(context, &requester) && (is_removed(found) || found.began >= desired.since)
        };
        let Some(found) = self.last_result.as_ref().filter(is_usable) else { return Some(request) };
        let Ok(done) = self.answer(context, found, id, &desired.desired).await else { return Some(request) };
        self.sync.requesters.0.insert(id.uid.clone(), requester);
        if let Request::Apply(apply) = request {
            // The send fails after a timeout of the reconcile. The next reconcile sends a new request.
            let _ = apply.reply.send(Ok(Done { changed: false, ..done }));
        }
        None
    }

    async fn handle(&mut self, context: &Context, batch: Vec<Request>) {
        self.sync.principal = Principal::for_batch(context, &self.sync.bucket, &batch)
            .unwrap_or_else(|| self.sync.principal.clone());
        let mut applies = vec![];
        let mut checks = vec![];
        for request in batch {
            match request {
                Request::Apply(one) => {
                    self.sync.requesters.insert(&one.id, &one.request);
                    applies.push(*one);
                }
                Request::Check { namespace: _, reply } => checks.push(reply),
            }
        }
        let leaves = applies.iter().any(|one| !matches!(one.request.desired, Desired::Entries(_)))
            || !checks.is_empty();
        let requesting: BTreeSet<ObjectKey> = applies.iter().map(|one| one.id.key.clone()).collect();
        let mut result = self.sync(context).await;
        if leaves && result.as_ref().is_err_and(failure::is_missing) {
            // S3 may not find a bucket that was created a moment ago. A false not-found would orphan the entries.
            sleep(NOT_FOUND_RETRY_DELAY).await;
            result = self.sync(context).await;
        }
        if let Err(failure) = &result {
            info!(
                reason = failure.reason.as_str(),
                "the bucket does not match the specs: {}", failure.message
            );
        }
        if let Ok(found) = &result {
            self.wake(context, found, &requesting);
        }
        self.answer_all(context, &result, applies).await;
        for reply in checks {
            let answer = match &result {
                Ok(found) => Ok(found.done.clone()),
                Err(failure)
                    if failure::is_nowhere(failure) || failure.reason == Reason::BucketInOtherAccount =>
                {
                    Ok(Done::default())
                }
                Err(failure) => Err(failure.clone()),
            };
            // The send fails while the operator stops.
            let _ = reply.send(answer);
        }
    }

    async fn sync(&mut self, context: &Context) -> Result<Found, Failure> {
        self.last_result = None;
        let result = self.sync.run(context).await;
        self.last_result = result.as_ref().ok().cloned();
        result
    }

    /// Requests reconciles of resources whose rejection ended or has another conflict now. Resources in `requesting`
    /// get an answer anyway.
    fn wake(&mut self, context: &Context, found: &Found, requesting: &BTreeSet<ObjectKey>) {
        let before = std::mem::replace(&mut self.rejected, found.rejected.clone());
        let is_freed = |(key, rejection): &(ObjectKey, Rejection)| {
            found.rejected.get(key) != Some(rejection) && !requesting.contains(key)
        };
        for (key, _) in before.into_iter().filter(is_freed) {
            context.wakes.wake((RawS3TriggeredFunction::NAME, key));
        }
    }

    async fn answer_all(
        &mut self,
        context: &Context,
        result: &Result<Found, Failure>,
        applies: Vec<ApplyRequest>,
    ) {
        for ApplyRequest { id, request, reply, .. } in applies {
            let desired = request.desired;
            let answer = match result {
                Ok(found) => self.answer(context, found, &id, &desired).await,
                Err(failure) if failure::is_nowhere(failure) && !matches!(desired, Desired::Entries(_)) => {
                    Ok(Done::default())
                }
                Err(failure) => Err(failure.clone()),
            };
            if let (Ok(_), Some(requester)) = (&answer, self.sync.requesters.0.get_mut(&id.uid)) {
                requester.was_in_sync = true;
            }
            // The send fails after a timeout of the reconcile. The next reconcile sends a new request.
            let _ = reply.send(answer);
        }
    }

    /// The answer to one requester.
    async fn answer(
        &self,
        context: &Context,
        found: &Found,
        id: &Identity,
        desired: &Desired,
    ) -> Result<Done, Failure> {
        if let Some(rejection) = found.rejected.get(&id.key) {
            return Err(failure::rejected(&self.sync.bucket, rejection));
        }
        if let Some(why) =
            self.sync.requesters.0.get(&id.uid).and_then(|requester| requester.excluded.clone())
        {
            return Err(why);
        }
        let is_late = self.sync.request_age_until.is_some_and(|late| late > found.began);
        let is_held = match desired {
            Desired::None => self.sync.write_grace_until.is_some(),
            // A late write would restore entries without a claim, and the next sync would remove these orphans.
            Desired::Retain => self.sync.write_grace_until.is_some() || is_late,
            Desired::Entries(_) | Desired::KeepCurrent | Desired::Refused(_) => false,
        };
        if is_held {
            return Err(failure::awaiting_write(&self.sync.bucket));
        }
        // After this answer, no object may name the bucket.
        if *desired == Desired::None && (is_late || context.started + MAX_REQUEST_AGE > found.began) {
            self.orphans.insert(&self.sync.bucket, &id.key.namespace).await?;
        }
        Ok(found.done.clone())
    }
}
