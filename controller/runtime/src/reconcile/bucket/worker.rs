//! The worker of one bucket: gathers requests, and drives a [`BucketSync`] for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use lambda_triggers_core::ownership::{ObjectKey, OwnEntryId};
use lambda_triggers_core::plan::bucket::{
    BucketSync, Desired, Document, MAX_WRITES, Rejection, SyncCommand, SyncEvent, SyncOutcome, Synced,
    foreign_changes,
};
use lambda_triggers_core::status::{Failure, Reason};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{Instrument, Span, error_span, info, warn};

use super::frozen::FrozenResources;
use super::principal::{Principal, by_role};
use super::request::{ApplyRequest, BucketRequest, Done, Request};
use super::requesters::{Requester, Requesters};
use super::reservation::Reservations;
use super::{destinations, events, failures, ownership};
use crate::aws::{AwsErrorKind, Bucket, CallContext, NOT_FOUND_RETRY_DELAY, Validation};
use crate::error_chain;
use crate::objects::{Identity, RawS3TriggeredFunction, Trigger};
use crate::reconcile::context::Context;
use crate::reconcile::orphans::{MAX_REQUEST_AGE, OrphanQueue};
use crate::reconcile::permission::Permissions;
use crate::telemetry::metrics::EntryOwner;

/// A request waits this long for others to join it.
const BATCH_IDLE: Duration = Duration::from_millis(100);
/// And no longer than this in all,
const BATCH_MAX: Duration = Duration::from_millis(1000);
/// or than this, where it is the quotas that it waits for: what thirty resources need, each with a function of its own.
const BATCH_MAX_THROTTLED: Duration = Duration::from_secs(15);

/// The worker of one bucket.
pub struct Worker {
    context: Weak<Context>,
    permissions: Arc<Permissions>,
    orphans: Arc<OrphanQueue>,
    bucket: Bucket,
    reservations: Arc<Reservations>,
    frozen: Arc<FrozenResources>,
    requesters: Requesters,
    /// Who S3 was last spoken to for.
    principal: Principal,
    /// The document as the last round left it.
    known: Option<Document>,
    /// The resources that the last round set aside, each with the conflict.
    rejected: BTreeMap<ObjectKey, Rejection>,
    /// How the last round ended, and when it began, if it ended as all desired: what resyncs share.
    last_result: Option<(Instant, Found)>,
    /// Until then, a write whose outcome is not known may take effect as a rule: one of ours, or of who ran before us.
    write_grace_until: Option<Instant>,
    /// Until then, one of ours that had no answer may take effect at all.
    request_age_until: Option<Instant>,
    /// The destinations in S3's last refusal. The list may be empty.
    refused: Vec<String>,
}

/// What a was_in_sync bucket is like for those who ask.
#[derive(Clone)]
struct Found {
    rejected: BTreeMap<ObjectKey, Rejection>,
    done: Done,
}

impl Found {
    fn from_synced(context: &Context, synced: &Synced) -> Self {
        let own = synced.document.entries().filter(|entry| {
            entry.id.as_deref().is_some_and(|id| OwnEntryId::parse(&context.owner.id, id).is_some())
        });
        let functions = own.map(|entry| entry.arn.clone()).collect();
        let done = Done { functions, changed: !synced.plan.changes.is_empty() };
        Self { rejected: synced.plan.rejected.clone(), done }
    }
}

/// What resources ask for in a batch of requests.
fn apply_requests(batch: &[Request]) -> impl Iterator<Item = &ApplyRequest> {
    batch.iter().filter_map(|request| match request {
        Request::Apply(apply) => Some(&**apply),
        Request::Check { .. } => None,
    })
}

/// What AWS is called for, for a batch of requests.
fn call_context(batch: &[Request]) -> Arc<CallContext> {
    CallContext::for_batch(apply_requests(batch).map(|apply| apply.call_context.clone()).collect())
}

/// Waits until then, or for ever.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Whether S3 says that there is no such bucket.
fn is_missing(failure: &Failure) -> bool {
    failure.reason == Reason::BucketNotFound
}

/// Whether there is no such bucket in its Region, so that nothing of ours can be in it.
fn is_nowhere(failure: &Failure) -> bool {
    is_missing(failure) || failure.reason == Reason::BucketInOtherRegion
}

impl Worker {
    /// A worker that knows of no request yet.
    pub fn new(
        context: &Arc<Context>,
        permissions: Arc<Permissions>,
        orphans: Arc<OrphanQueue>,
        bucket: Bucket,
        reservations: Arc<Reservations>,
        frozen: Arc<FrozenResources>,
    ) -> Self {
        let grace_end = context.started + context.settings.write_grace_period;
        Self {
            context: Arc::downgrade(context),
            permissions,
            orphans,
            bucket,
            reservations,
            frozen,
            requesters: Requesters::default(),
            principal: Principal::default(),
            known: None,
            rejected: BTreeMap::new(),
            last_result: None,
            write_grace_until: (grace_end > Instant::now()).then_some(grace_end),
            request_age_until: None,
            refused: vec![],
        }
    }

    /// Works until nobody can ask any more.
    pub async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Request>) {
        loop {
            let batch = tokio::select! {
                biased;
                request = inbox.recv() => match request {
                    Some(first) => self.collect_batch(first, &mut inbox).await,
                    None => return,
                },
                () = until(self.write_grace_until) => vec![],
            };
            // It is held no longer than the work takes: the context owns the worker.
            let Some(context) = self.context.upgrade() else { return };
            for batch in by_role(&context, batch) {
                let span = self.span(&batch);
                let call_context = call_context(&batch);
                call_context.scope(self.process(&context, batch).instrument(span)).await;
            }
        }
    }

    /// Collects the requests that come, or are announced, within a moment of the first one. The moment of those that somebody
    /// waits for is longer while AWS's quotas keep them back.
    async fn collect_batch(
        &self,
        first: Request,
        inbox: &mut mpsc::UnboundedReceiver<Request>,
    ) -> Vec<Request> {
        let mut batch = vec![first];
        let began = Instant::now();
        let mut end = began + BATCH_MAX;
        while Instant::now() < end {
            match timeout(BATCH_IDLE, inbox.recv()).await {
                Ok(Some(request)) => batch.push(request),
                Ok(None) => break,
                Err(_) if self.reservations.any(call_context(&batch).priority()) => {}
                Err(_) => break,
            }
            if self.reservations.any_rate_limited() {
                end = (end + BATCH_IDLE).min(began + BATCH_MAX_THROTTLED);
            }
        }
        batch
    }

    /// The span of the work on behalf of those who ask, so that each line of it names them and the bucket, and each of their
    /// traces leads to it.
    fn span(&self, batch: &[Request]) -> Span {
        let ids = apply_requests(batch).map(|apply| &apply.id);
        let (keys, generations): (Vec<String>, Vec<String>) =
            ids.map(|id| (id.key.to_string(), id.generation.unwrap_or_default().to_string())).unzip();
        let (object, generation) = (keys.join(","), generations.join(","));
        // Of the level of an error, so that RUST_LOG takes it from no line that it lets through.
        let span = error_span!("bucket", bucket = %self.bucket, object, generation);
        for apply in apply_requests(batch) {
            span.follows_from(&apply.span);
        }
        span
    }

    async fn process(&mut self, context: &Context, batch: Vec<Request>) {
        // A batch without a request comes from the worker itself.
        let is_own = batch.is_empty();
        let mut rest = vec![];
        for request in batch {
            rest.extend(self.answer_from_last_result(context, request).await);
        }
        if is_own || !rest.is_empty() {
            self.handle(context, rest).await;
        }
    }

    /// Answers a resync from what was last seen, if it wants nothing else than it did then; returns what is to be last_result
    /// after.
    async fn answer_from_last_result(&self, context: &Context, request: Request) -> Option<Request> {
        let Request::Apply(apply) = &request else { return Some(request) };
        let requester = self.requesters.0.get(&apply.id.uid);
        let is_as_before = requester.is_some_and(|requester| {
            requester.was_in_sync
                && requester.desired == apply.request.desired
                && self.principal.acts_for(context, &self.frozen, &self.bucket, requester)
        });
        let last_result =
            self.last_result.as_ref().filter(|_| is_as_before && self.write_grace_until.is_none());
        let Some((_, found)) = last_result.filter(|(began, _)| apply.call_context.accepts(*began)) else {
            return Some(request);
        };
        let Ok(done) = self.answer(context, found, &apply.id, &apply.request.desired).await else {
            return Some(request);
        };
        if let Request::Apply(apply) = request {
            // Nobody listens where the reconcile has run out of time; it will ask again.
            let _ = apply.reply.send(Ok(Done { changed: false, ..done }));
        }
        None
    }

    async fn handle(&mut self, context: &Context, batch: Vec<Request>) {
        self.principal =
            Principal::for_batch(context, &self.bucket, &batch).unwrap_or_else(|| self.principal.clone());
        let mut applies = vec![];
        let mut checks = vec![];
        for request in batch {
            match request {
                Request::Apply(one) => {
                    let (id, BucketRequest { desired, permission, was_in_sync }) =
                        (one.id.clone(), one.request.clone());
                    let requester = Requester { id, desired, permission, was_in_sync, excluded: None };
                    self.requesters.0.insert(one.id.uid.clone(), requester);
                    applies.push(*one);
                }
                Request::Check { namespace: _, reply } => checks.push(reply),
            }
        }
        let leaves = applies.iter().any(|one| !matches!(one.request.desired, Desired::Entries(_)))
            || !checks.is_empty();
        let asked: BTreeSet<ObjectKey> = applies.iter().map(|one| one.id.key.clone()).collect();
        let mut result = self.sync(context).await;
        if leaves && result.as_ref().is_err_and(is_missing) {
            // S3 may say so of a bucket that was made a moment ago, and what is to go would stay for good.
            sleep(NOT_FOUND_RETRY_DELAY).await;
            result = self.sync(context).await;
        }
        if let Err(failure) = &result {
            info!(reason = failure.reason.as_str(), "the bucket is not as wanted: {}", failure.message);
        }
        if let Ok(found) = &result {
            self.wake(context, found, &asked);
        }
        self.answer_all(context, &result, applies).await;
        for reply in checks {
            let last_result = match &result {
                Ok(found) => Ok(found.done.clone()),
                Err(failure) if is_nowhere(failure) || failure.reason == Reason::BucketInOtherAccount => {
                    Ok(Done::default())
                }
                Err(failure) => Err(failure.clone()),
            };
            // Nobody listens where the operator is stopping.
            let _ = reply.send(last_result);
        }
    }

    /// Requests reconciles of the resources that the round before set aside and this round placed, or set aside for another
    /// conflict. Resources in `asked` get an answer anyway.
    fn wake(&mut self, context: &Context, found: &Found, asked: &BTreeSet<ObjectKey>) {
        let before = std::mem::replace(&mut self.rejected, found.rejected.clone());
        let is_freed = |(key, rejection): &(ObjectKey, Rejection)| {
            found.rejected.get(key) != Some(rejection) && !asked.contains(key)
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
                Err(failure) if is_nowhere(failure) && !matches!(desired, Desired::Entries(_)) => {
                    Ok(Done::default())
                }
                Err(failure) => Err(failure.clone()),
            };
            if let (Ok(_), Some(requester)) = (&answer, self.requesters.0.get_mut(&id.uid)) {
                requester.was_in_sync = true;
            }
            // Nobody listens where the reconcile has run out of time; it will ask again.
            let _ = reply.send(answer);
        }
    }

    /// What the bucket means to one resource.
    async fn answer(
        &self,
        context: &Context,
        found: &Found,
        id: &Identity,
        desired: &Desired,
    ) -> Result<Done, Failure> {
        if let Some(rejection) = found.rejected.get(&id.key) {
            return Err(failures::rejected(&self.bucket, rejection));
        }
        if let Some(why) = self.requesters.0.get(&id.uid).and_then(|requester| requester.excluded.clone()) {
            return Err(why);
        }
        let (now, late) = (Instant::now(), self.request_age_until);
        let is_late = late.is_some_and(|late| late > now);
        let is_held = match desired {
            Desired::None => self.write_grace_until.is_some(),
            // What such a write brings back would be taken for left behind, and removed.
            Desired::Retain => self.write_grace_until.is_some() || is_late,
            Desired::Entries(_) | Desired::KeepCurrent => false,
        };
        if is_held {
            return Err(failures::awaiting_write(&self.bucket));
        }
        // From here on, nobody may name the bucket any more.
        if *desired == Desired::None && (is_late || context.started + MAX_REQUEST_AGE > now) {
            self.orphans.insert(context, &self.bucket, &id.key.namespace).await?;
        }
        Ok(found.done.clone())
    }

    /// Brings the bucket's document to where all resources desired it. The first round that begins when a write whose outcome
    /// is not known can take effect no more is the one that decides, from nothing seen before: one that fails is made again.
    async fn sync(&mut self, context: &Context) -> Result<Found, Failure> {
        let decides = self.write_grace_until.take_if(|until| *until <= Instant::now()).is_some();
        if decides {
            self.known = None;
        }
        let result = self.run_sync(context).await;
        if decides && result.as_ref().is_err_and(|failure| !is_nowhere(failure)) {
            self.write_grace_until.get_or_insert(Instant::now() + context.settings.write_grace_period);
        }
        result
    }

    async fn run_sync(&mut self, context: &Context) -> Result<Found, Failure> {
        let began = Instant::now();
        self.last_result = None;
        let (mut sync, mut command) = BucketSync::begin(context.owner.id.clone(), self.known.clone());
        // What the last write failed with, in case that the round ends with it.
        let mut failure = None;
        loop {
            // Nothing is awaited between the answer to a read and the write that is based on it.
            let event = match command {
                SyncCommand::Read { pause } => self.read(context, pause).await?,
                SyncCommand::Write { document, validate } => {
                    let (event, why) = self.write(context, &document, validate).await?;
                    failure = why;
                    event
                }
                SyncCommand::CheckDestinations => SyncEvent::DestinationsChecked {
                    fine: destinations::are_ready(
                        context,
                        &self.permissions,
                        &self.bucket,
                        &mut self.requesters,
                        &self.refused,
                    )
                    .await,
                },
                SyncCommand::End(SyncOutcome::InSync(synced)) => {
                    self.count(context, &synced);
                    self.emit_events(context, &synced).await;
                    let found = Found::from_synced(context, &synced);
                    self.known = Some(synced.document);
                    self.last_result = Some((began, found.clone()));
                    return Ok(found);
                }
                SyncCommand::End(SyncOutcome::Contended(there)) => {
                    let gone = self.requesters.missing_from(&there);
                    context.telemetry.metrics.entries_lost(EntryOwner::ImplicitGrants, gone);
                    return Err(failures::contended(&self.bucket, &context.owner.id, &there, MAX_WRITES));
                }
                SyncCommand::End(SyncOutcome::Unanswered | SyncOutcome::DestinationRefused) => {
                    return Err(failure.unwrap_or_else(|| failures::awaiting_write(&self.bucket)));
                }
            };
            command = sync.step(event);
        }
    }

    async fn read(&mut self, context: &Context, pause: Duration) -> Result<SyncEvent, Failure> {
        sleep(pause).await;
        let sent = Instant::now();
        let waited = CallContext::current().waited();
        let document = self.document(context).await?;
        let waited = CallContext::current().waited() - waited;
        let counts =
            |requester: &Requester| self.principal.acts_for(context, &self.frozen, &self.bucket, requester);
        let claims = self.requesters.claims(&context.stores.s3, &self.bucket, counts);
        // It was sent when the quotas allowed it.
        Ok(SyncEvent::Read { document, age: sent.elapsed().saturating_sub(waited), claims })
    }

    async fn document(&self, context: &Context) -> Result<Document, Failure> {
        let xml = self.principal.s3(context, &self.bucket).get(&self.bucket).await;
        let xml = match xml {
            Ok(xml) => xml,
            Err(error) => {
                warn!(error = error_chain(&error), "cannot read the notification configuration");
                let is_refused = error.kind == AwsErrorKind::Denied;
                return Err(
                    if is_refused
                        && ownership::is_in_other_account(context, &self.principal, &self.bucket).await
                    {
                        failures::in_other_account(&self.bucket)
                    } else {
                        failures::of_call(&self.bucket, &error)
                    },
                );
            }
        };
        Document::parse(&xml).map_err(|error| {
            warn!(error = error_chain(&error), "cannot understand the notification configuration");
            failures::unreadable(&self.bucket, &error)
        })
    }

    /// Writes the document. A refusal ends the round, but for one of a destination.
    async fn write(
        &mut self,
        context: &Context,
        document: &Document,
        validate: bool,
    ) -> Result<(SyncEvent, Option<Failure>), Failure> {
        let validation = if validate { Validation::Full } else { Validation::SkipDestinations };
        let notifications = self.principal.s3(context, &self.bucket);
        let Err(error) = notifications.put(&self.bucket, document.to_xml(), validation).await else {
            return Ok((SyncEvent::Written, None));
        };
        warn!(error = error_chain(&error), "cannot write the notification configuration");
        let failure = failures::of_call(&self.bucket, &error);
        match error.kind {
            AwsErrorKind::OutcomeUnknown | AwsErrorKind::Unavailable => {
                let now = Instant::now();
                self.write_grace_until = Some(now + context.settings.write_grace_period);
                self.request_age_until = Some(now + MAX_REQUEST_AGE);
                Ok((SyncEvent::Unanswered, Some(failure)))
            }
            AwsErrorKind::Destination(arns) => {
                self.refused.clone_from(&arns);
                Ok((SyncEvent::DestinationRefused { arns }, Some(failure)))
            }
            _ => Err(failure),
        }
    }

    /// Counts what the round has found and mended.
    fn count(&self, context: &Context, synced: &Synced) {
        let (owner, metrics) = (&context.owner.id, &context.telemetry.metrics);
        if let Some(before) = &self.known {
            metrics.foreign_changes(foreign_changes(owner, before, synced));
        }
        let restored = events::restored(&synced.plan.changes, &self.requesters, owner);
        metrics.entries_lost(EntryOwner::ImplicitGrants, restored);
        metrics.entries_restored(restored);
        metrics.entries_lost(EntryOwner::Foreign, synced.lost.len());
    }

    async fn emit_events(&self, context: &Context, synced: &Synced) {
        let owner = &context.owner.id;
        for (id, event) in events::of_changes(&synced.plan.changes, &self.requesters, owner, &self.bucket) {
            info!(object = %id.key, reason = event.reason, "{}", event.note);
            context.events.publish(&id.reference, event).await;
        }
        let lost = synced.lost.iter().map(|entry| events::of_lost(entry, &self.bucket));
        let broken = synced.broken.iter().map(|entry| events::of_broken(entry, &self.bucket));
        for event in lost.chain(broken) {
            warn!(reason = event.reason, "{}", event.note);
            for requester in self.requesters.0.values() {
                context.events.publish(&requester.id.reference, event.clone()).await;
            }
        }
    }
}
