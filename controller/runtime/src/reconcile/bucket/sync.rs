//! The sync of one bucket's document: drives the state machine [`BucketSync`] with calls to S3, until the document
//! holds the entries of all requesters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use lambda_triggers_core::api::{DeletionPolicy, FINALIZER};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::bucket::{
    Bucket, BucketSync, Desired, Document, Entry, MAX_WRITES, Rejection, SyncCommand, SyncEvent, SyncOutcome,
    Synced, are_in_place, broken_destination_event, failure, foreign_changes, foreign_entries,
    lost_entry_event,
};
use lambda_triggers_core::status::Failure;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::frozen::FrozenResources;
use super::last_read::LastRead;
use super::principal::Principal;
use super::request::Done;
use super::requesters::{Requester, Requesters};
use super::{destinations, events, failures};
use crate::aws::{AwsErrorKind, CallContext, Validation};
use crate::error_chain;
use crate::objects::{RawS3TriggeredFunction, deletion_policy, is_paused};
use crate::reconcile::context::Context;
use crate::reconcile::orphans::MAX_REQUEST_AGE;
use crate::reconcile::permission::Permissions;
use crate::telemetry::metrics::EntryOwner;

/// The sync of one bucket's document, for all requesters of the bucket.
pub struct DocumentSync {
    pub bucket: Bucket,
    permissions: Arc<Permissions>,
    frozen: Arc<FrozenResources>,
    pub requesters: Requesters,
    /// The principal of the last batch.
    pub principal: Principal,
    last_read: Arc<LastRead>,
    /// The document after the last sync.
    known: Option<Document>,
    /// A PUT without an answer (ours, or the previous leader's) may still be applied until this time.
    pub write_grace_until: Option<Instant>,
    /// Our last PUT without an answer can no longer be applied after this time.
    pub request_age_until: Option<Instant>,
    /// The destinations in S3's last refusal. The list may be empty.
    refused: Vec<String>,
    /// The foreign entries in the last read document.
    foreign: Vec<Entry>,
}

/// The result of a sync, for the answers to requesters.
#[derive(Clone)]
pub struct Found {
    /// The start of the sync. A write that was in flight then may have been applied after the last read.
    pub began: Instant,
    pub rejected: BTreeMap<ObjectKey, Rejection>,
    /// The UIDs of the resources whose entries the document must not have, and does not have.
    pub removed: BTreeSet<String>,
    pub done: Done,
}

impl Found {
    fn from_synced(context: &Context, synced: &Synced, removed: BTreeSet<String>, began: Instant) -> Self {
        let own = synced.document.entries().filter(|entry| entry.own_id(&context.owner.id).is_some());
        let functions = own.map(|entry| entry.arn.clone()).collect();
        let done = Done { functions, changed: !synced.plan.changes.is_empty() };
        Self { began, rejected: synced.plan.rejected.clone(), removed, done }
    }
}

/// True if the cleanup of the resource will remove its entries: the resource is being deleted, is not paused and retains
/// nothing, and the tenancy file names its namespace.
fn is_leaving(context: &Context, object: &RawS3TriggeredFunction) -> bool {
    let meta = object.meta();
    meta.deletion_timestamp.is_some()
        && meta.finalizers.iter().flatten().any(|name| name == FINALIZER)
        && deletion_policy(object) == DeletionPolicy::Delete
        && !is_paused(object)
        && context.credentials.is_named(meta.namespace.as_deref().unwrap_or_default())
}

impl DocumentSync {
    /// A sync without requesters. A write of the previous leader may be in flight until the grace period after the
    /// start ends.
    pub fn new(
        context: &Context,
        bucket: Bucket,
        permissions: Arc<Permissions>,
        frozen: Arc<FrozenResources>,
        last_read: Arc<LastRead>,
    ) -> Self {
        let grace_end = context.started + context.settings.write_grace_period;
        Self {
            bucket,
            permissions,
            frozen,
            requesters: Requesters::default(),
            principal: Principal::default(),
            last_read,
            known: None,
            write_grace_until: (grace_end > Instant::now()).then_some(grace_end),
            request_age_until: None,
            refused: vec![],
            foreign: vec![],
        }
    }

    /// Requests the removal of the entries of all deleted resources, once for each sync: the desired state must not change
    /// between the reads of a sync.
    fn remove_leaving(&mut self, context: &Context) {
        let Self { principal, frozen, bucket, requesters, .. } = self;
        let leaves = |object: &RawS3TriggeredFunction| is_leaving(context, object);
        let counts = |requester: &Requester| principal.acts_for(context, frozen, bucket, requester);
        requesters.remove_leaving(&context.stores.s3, bucket, leaves, counts);
    }

    /// True if the principal of this sync acts for the requester.
    fn acts_for(&self, context: &Context, requester: &Requester) -> bool {
        self.principal.acts_for(context, &self.frozen, &self.bucket, requester)
    }

    /// True if the document of the last sync has exactly the desired entries of a requester, and the principal of that
    /// sync acts for the requester.
    pub fn has_in_place(&self, context: &Context, requester: &Requester) -> bool {
        let entries: &[Entry] = match &requester.desired {
            Desired::Entries(entries) => entries,
            Desired::None => &[],
            Desired::KeepCurrent | Desired::Refused(_) | Desired::Retain => return false,
        };
        let is_in_place =
            |document: &Document| are_in_place(document, &context.owner.id, &requester.id.key, entries);
        self.acts_for(context, requester) && self.known.as_ref().is_some_and(is_in_place)
    }

    /// Syncs the document with the desired state of all requesters. Once an unanswered PUT can no longer apply, one
    /// sync without prior knowledge decides. If that sync fails, the grace period starts again.
    pub async fn run(&mut self, context: &Context) -> Result<Found, Failure> {
        let decides = self.write_grace_until.take_if(|until| *until <= Instant::now()).is_some();
        if decides {
            self.known = None;
        }
        self.remove_leaving(context);
        let began = Instant::now();
        let (mut sync, first) = BucketSync::begin(context.owner.id.clone(), self.known.clone());
        let result = self.drive(context, &mut sync, first, began).await;
        self.requesters.set_aside(sync.refused(), &self.foreign);
        if decides && result.as_ref().is_err_and(|failure| !failure::is_nowhere(failure)) {
            self.write_grace_until.get_or_insert(Instant::now() + context.settings.write_grace_period);
        }
        result
    }

    async fn drive(
        &mut self,
        context: &Context,
        sync: &mut BucketSync,
        mut command: SyncCommand,
        began: Instant,
    ) -> Result<Found, Failure> {
        // The failure of the last write, if the sync ends with that failure.
        let mut failure = None;
        loop {
            // The code does not await between a read and the write that uses the read: other writers could change the
            // document.
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
                    let removed = self.requesters.removed(|requester| self.acts_for(context, requester));
                    let found = Found::from_synced(context, &synced, removed, began);
                    self.known = Some(synced.document);
                    return Ok(found);
                }
                SyncCommand::End(SyncOutcome::Contended(there)) => {
                    let gone = self.requesters.missing_from(&there);
                    context.telemetry.metrics.entries_lost(EntryOwner::Own, gone);
                    return Err(failure::contended(&self.bucket, &context.owner.id, &there, MAX_WRITES));
                }
                SyncCommand::End(
                    SyncOutcome::Unanswered | SyncOutcome::DestinationRefused | SyncOutcome::Refused,
                ) => {
                    return Err(failure.unwrap_or_else(|| failure::awaiting_write(&self.bucket)));
                }
            };
            command = sync.step(event);
        }
    }

    async fn read(&mut self, context: &Context, pause: Duration) -> Result<SyncEvent, Failure> {
        sleep(pause).await;
        let sent = Instant::now();
        let waited = CallContext::current().waited();
        let document = self.last_read.read(context, &self.bucket, &self.principal).await?;
        let waited = CallContext::current().waited() - waited;
        self.foreign = foreign_entries(&document, &context.owner.id);
        let Self { principal, frozen, bucket, requesters, foreign, .. } = self;
        let counts = |requester: &Requester| principal.acts_for(context, frozen, bucket, requester);
        let claims = requesters.claims(&context.stores.s3, bucket, foreign, counts);
        // The age excludes the wait for the rate limiter.
        Ok(SyncEvent::Read { document, age: sent.elapsed().saturating_sub(waited), claims })
    }

    /// Writes the document. A refusal ends the sync, unless S3 refuses a destination or an entry.
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
        let failure = failures::failed_call(&self.bucket, &error);
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
            AwsErrorKind::Invalid => Ok((SyncEvent::Refused { why: failures::words(&error) }, Some(failure))),
            _ => Err(failure),
        }
    }

    /// Counts changes by other writers and restored entries.
    fn count(&self, context: &Context, synced: &Synced) {
        let (owner, metrics) = (&context.owner.id, &context.telemetry.metrics);
        if let Some(before) = &self.known {
            metrics.foreign_changes(foreign_changes(owner, before, synced));
        }
        let restored = events::restored(&synced.plan.changes, &self.requesters, owner);
        metrics.entries_lost(EntryOwner::Own, restored);
        metrics.entries_restored(restored);
        metrics.entries_lost(EntryOwner::Foreign, synced.lost.len());
    }

    async fn emit_events(&self, context: &Context, synced: &Synced) {
        let owner = &context.owner.id;
        for (id, event) in events::of_changes(&synced.plan.changes, &self.requesters, owner, &self.bucket) {
            info!(object = %id.key, reason = event.reason, "{}", event.note);
            context.events.publish(&id.reference(), event).await;
        }
        let lost = synced.lost.iter().map(|entry| lost_entry_event(entry, &self.bucket));
        let broken = synced.broken.iter().map(|entry| broken_destination_event(entry, &self.bucket));
        for event in lost.chain(broken) {
            warn!(reason = event.reason, "{}", event.note);
            for requester in self.requesters.0.values() {
                context.events.publish(&requester.id.reference(), event.clone()).await;
            }
        }
    }
}
