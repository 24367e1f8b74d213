//! The worker of one bucket: gathers requests, reads the document once, merges, writes at most once, and verifies.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::bucket::{BucketPlan, Document, Entry, Want, plan_bucket, verify};
use lambda_triggers_core::plan::identity::OwnEntryId;
use lambda_triggers_core::plan::permission::Statement;
use lambda_triggers_core::plan::report::{Failure, Reason};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::members::{Member, Members};
use super::{Done, Request, failures, notices};
use crate::aws::{AwsError, Bucket, Kind};
use crate::reconcile::context::Context;
use crate::reconcile::error::chain;
use crate::reconcile::object::Identity;
use crate::reconcile::report::publish;

/// A request waits this long for others to join it.
const GATHER: Duration = Duration::from_millis(100);
/// And no longer than this in all.
const GATHER_AT_MOST: Duration = Duration::from_millis(1000);
/// Pauses before the looks that verify a write: S3 may show the document from before it for a while
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>).
const LOOKS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// Writes before the bucket is called contended.
const WRITES: u32 = 3;
/// How long a write without an answer may still take effect: longer than any network or service holds a request.
const SETTLE: Duration = Duration::from_secs(30);

/// The worker of one bucket.
pub struct Worker {
    context: Weak<Context>,
    bucket: Bucket,
    arriving: Arc<AtomicUsize>,
    members: Members,
    /// Until then, a write whose outcome is not known may take effect.
    unsettled_until: Option<Instant>,
}

/// Waits until then, or for ever.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Whether there is no such bucket in its Region, so that nothing of ours can be in it.
fn is_nowhere(failure: &Failure) -> bool {
    matches!(failure.reason, Reason::BucketNotFound | Reason::BucketInOtherRegion)
}

/// A document that is as planned.
struct Settled {
    document: Document,
    plan: BucketPlan,
}

impl Worker {
    /// A worker that knows of no request yet.
    pub fn new(context: Weak<Context>, bucket: Bucket, arriving: Arc<AtomicUsize>) -> Self {
        Self { context, bucket, arriving, members: Members::default(), unsettled_until: None }
    }

    /// Works until nobody can ask any more.
    pub async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Request>) {
        loop {
            let batch = tokio::select! {
                request = inbox.recv() => match request {
                    Some(first) => self.gather(first, &mut inbox).await,
                    None => return,
                },
                () = until(self.unsettled_until) => vec![],
            };
            let Some(context) = self.context.upgrade() else { return };
            self.process(&context, batch).await;
        }
    }

    /// Collects the requests that come, or are announced, within a moment of the first one.
    async fn gather(&self, first: Request, inbox: &mut mpsc::UnboundedReceiver<Request>) -> Vec<Request> {
        let mut batch = vec![first];
        let end = Instant::now() + GATHER_AT_MOST;
        while Instant::now() < end {
            match timeout(GATHER, inbox.recv()).await {
                Ok(Some(request)) => batch.push(request),
                Ok(None) => break,
                Err(_) if self.arriving.load(Ordering::Acquire) > 0 => {}
                Err(_) => break,
            }
        }
        batch
    }

    async fn process(&mut self, context: &Context, batch: Vec<Request>) {
        let mut replies = vec![];
        for Request { id, want, settled, reply } in batch {
            replies.push((id.clone(), want.clone(), reply));
            self.members.0.insert(id.uid.clone(), Member { id, want, settled });
        }
        let result = self.settle(context).await;
        if let Err(failure) = &result {
            info!(bucket = %self.bucket, reason = failure.reason.as_str(), "the bucket is not as wanted: {}", failure.message);
        }
        for (id, want, reply) in replies {
            let answer = match &result {
                Ok(settled) => self.answer(context, settled, &id, &want),
                Err(failure) if is_nowhere(failure) && !matches!(want, Want::Entries(_)) => {
                    Ok(Done::default())
                }
                Err(failure) => Err(failure.clone()),
            };
            if let (Ok(_), Some(member)) = (&answer, self.members.0.get_mut(&id.uid)) {
                member.settled = true;
            }
            // Nobody listens where the reconcile has run out of time; it will ask again.
            let _ = reply.send(answer);
        }
    }

    /// What a settled bucket means to one resource.
    fn answer(
        &self,
        context: &Context,
        settled: &Settled,
        id: &Identity,
        want: &Want,
    ) -> Result<Done, Failure> {
        if let Some(fault) = settled.plan.set_aside.get(&id.key) {
            return Err(failures::set_aside(&self.bucket, fault));
        }
        if self.members.0.get(&id.uid).is_some_and(|member| member.want != *want) {
            return Err(failures::function_gone());
        }
        if *want == Want::Nothing && self.unsettled_until.is_some() {
            return Err(failures::unsettled(&self.bucket));
        }
        let own = settled.document.entries().filter(|entry| {
            entry.id.as_deref().is_some_and(|id| OwnEntryId::parse(&context.owner.id, id).is_some())
        });
        Ok(Done { functions: own.map(|entry| entry.arn.clone()).collect() })
    }

    /// Brings the bucket's document to where all resources want it.
    async fn settle(&mut self, context: &Context) -> Result<Settled, Failure> {
        let mut before = self.look_again(context).await?;
        let mut destinations_checked = false;
        let mut unanswered = None;
        for _ in 0..WRITES {
            // Nothing is awaited between the answer to a read and the write that is based on it.
            let claims = self.members.claims(&context.caches.s3, &self.bucket);
            let plan = plan_bucket(&before, &context.owner.id, &claims);
            let Some(document) = &plan.write else { return Ok(Settled { document: before, plan }) };
            match self.write(context, document).await {
                Ok(()) => unanswered = None,
                Err(error) if matches!(error.kind, Kind::OutcomeUnknown | Kind::Unavailable) => {
                    // It counts as done: the looks that follow tell.
                    self.unsettled_until = Some(Instant::now() + SETTLE);
                    unanswered = Some(failures::of_call(&self.bucket, &error));
                }
                Err(error) if error.kind == Kind::Destination && !destinations_checked => {
                    destinations_checked = true;
                    self.check_destinations(context).await;
                    before = self.read(context).await?;
                    continue;
                }
                Err(error) => return Err(failures::of_call(&self.bucket, &error)),
            }
            match self.verify(context, &before, &plan).await? {
                ControlFlow::Break(document) => return Ok(Settled { document, plan }),
                ControlFlow::Continue(document) => before = document,
            }
        }
        Err(unanswered
            .unwrap_or_else(|| failures::contended(&self.bucket, &context.owner.id, &before, WRITES)))
    }

    /// Reads the document. Once a write whose outcome is not known can take effect no more, this is the look that tells:
    /// one that fails is made again later.
    async fn look_again(&mut self, context: &Context) -> Result<Document, Failure> {
        let document = self.read(context).await;
        if self.unsettled_until.is_some_and(|until| until <= Instant::now()) {
            self.unsettled_until = document.is_err().then(|| Instant::now() + SETTLE);
        }
        document
    }

    async fn write(&self, context: &Context, document: &Document) -> Result<(), AwsError> {
        let notifications = context.aws.notifications(&self.bucket.region);
        notifications.put(&self.bucket, document.to_xml()).await.inspect_err(|error| {
            warn!(bucket = %self.bucket, error = chain(error), "cannot write the notification configuration");
        })
    }

    /// S3 refuses a document as a whole for one broken destination. If it is one of ours, since its function or
    /// its permission went after it was checked, that one is mended or set aside, and the others are written.
    async fn check_destinations(&mut self, context: &Context) {
        let Bucket { region: _, name, owner } = &self.bucket;
        for (uid, member) in &mut self.members.0 {
            let Want::Entries(entries) = &member.want else { continue };
            let arns: BTreeSet<&str> = entries.iter().map(|entry| entry.arn.as_str()).collect();
            let functions: Vec<FunctionArn> = arns.into_iter().filter_map(FunctionArn::parse).collect();
            for function in functions {
                let statement = Statement::for_bucket(&context.owner.id, &function, name, owner);
                let result = context.permissions.ensure(context, &function, &statement, uid).await;
                if result.is_err_and(|e| e.failure().is_some_and(|f| f.reason == Reason::FunctionNotFound)) {
                    member.want = Want::Nothing;
                    break;
                }
            }
        }
    }

    /// Looks until the document shows the changes: breaks with it, or continues with one that somebody else has
    /// written over ours.
    async fn verify(
        &self,
        context: &Context,
        before: &Document,
        plan: &BucketPlan,
    ) -> Result<ControlFlow<Document, Document>, Failure> {
        let mut latest = before.clone();
        for pause in LOOKS {
            sleep(pause).await;
            latest = self.read(context).await?;
            let seen = verify(before, &plan.changes, &latest);
            if seen.missing.is_empty() {
                self.tell(context, plan, &seen.lost).await;
                return Ok(ControlFlow::Break(latest));
            }
            // Neither the document from before nor ours: there is another writer, and nothing to wait for.
            if latest != *before {
                break;
            }
        }
        Ok(ControlFlow::Continue(latest))
    }

    async fn tell(&self, context: &Context, plan: &BucketPlan, lost: &[Entry]) {
        let owner = &context.owner.id;
        for (id, notice) in notices::of_changes(&plan.changes, &self.members, owner, &self.bucket) {
            info!(bucket = %self.bucket, object = %id.key, reason = notice.reason, "{}", notice.note);
            publish(&context.recorder, &id.reference, notice).await;
        }
        for entry in lost {
            let notice = notices::of_lost(entry, &self.bucket);
            warn!(bucket = %self.bucket, reason = notice.reason, "{}", notice.note);
            for member in self.members.0.values() {
                publish(&context.recorder, &member.id.reference, notice.clone()).await;
            }
        }
    }

    async fn read(&self, context: &Context) -> Result<Document, Failure> {
        let xml = context.aws.notifications(&self.bucket.region).get(&self.bucket).await;
        let xml = xml.map_err(|error| {
            warn!(bucket = %self.bucket, error = chain(&error), "cannot read the notification configuration");
            failures::of_call(&self.bucket, &error)
        })?;
        Document::parse(&xml).map_err(|error| {
            warn!(bucket = %self.bucket, error = chain(&error), "cannot understand the notification configuration");
            failures::unreadable(&self.bucket, &error)
        })
    }
}
