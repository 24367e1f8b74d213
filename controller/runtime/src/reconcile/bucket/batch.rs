//! Batches of requests: the worker collects the requests that arrive together, and writes the document once for all of them.

use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::tenancy::Role;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::{Span, error_span};

use super::request::{ApplyRequest, Request};
use super::reservation::Reservations;
use crate::aws::{Bucket, CallContext};
use crate::reconcile::context::Context;

/// A request waits this long for others to join it.
const BATCH_IDLE: Duration = Duration::from_millis(100);
/// And no longer than this in all,
const BATCH_MAX: Duration = Duration::from_millis(1000);
/// or than this, where it is the quotas that it waits for: what thirty resources need, each with a function of its own.
const BATCH_MAX_THROTTLED: Duration = Duration::from_secs(15);

/// Collects the requests that come, or are announced, within a moment of the first one. The moment of those that somebody
/// waits for is longer while AWS's quotas keep them back.
pub async fn collect_batch(
    reservations: &Reservations,
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
            Err(_) if reservations.any(call_context(&batch).priority()) => {}
            Err(_) => break,
        }
        if reservations.any_rate_limited() {
            end = (end + BATCH_IDLE).min(began + BATCH_MAX_THROTTLED);
        }
    }
    batch
}

/// The requests apart by the role that they are made with: no entry of a namespace is written with another one's, whatever
/// the tenancy permits the two.
pub fn by_role(context: &Context, batch: Vec<Request>) -> Vec<Vec<Request>> {
    let mut batches: Vec<(Option<Role>, Vec<Request>)> = vec![];
    for request in batch {
        let role = context.credentials.role(request.namespace());
        match batches.iter_mut().find(|(other, _)| *other == role) {
            Some((_, batch)) => batch.push(request),
            None => batches.push((role, vec![request])),
        }
    }
    let batches: Vec<Vec<Request>> = batches.into_iter().map(|(_, batch)| batch).collect();
    // Without a request, it is looked whether a write has come to its end.
    if batches.is_empty() { vec![vec![]] } else { batches }
}

/// What resources ask for in a batch of requests.
pub fn apply_requests(batch: &[Request]) -> impl Iterator<Item = &ApplyRequest> {
    batch.iter().filter_map(|request| match request {
        Request::Apply(apply) => Some(&**apply),
        Request::Check { .. } => None,
    })
}

/// What AWS is called for, for a batch of requests.
pub fn call_context(batch: &[Request]) -> Arc<CallContext> {
    CallContext::for_batch(apply_requests(batch).map(|apply| apply.call_context.clone()).collect())
}

/// The span of the work on behalf of those who ask, so that each line of it names them and the bucket, and each of their
/// traces leads to it.
pub fn span(bucket: &Bucket, batch: &[Request]) -> Span {
    let ids = apply_requests(batch).map(|apply| &apply.id);
    let (keys, generations): (Vec<String>, Vec<String>) =
        ids.map(|id| (id.key.to_string(), id.generation.unwrap_or_default().to_string())).unzip();
    let (object, generation) = (keys.join(","), generations.join(","));
    // Of the level of an error, so that RUST_LOG takes it from no line that it lets through.
    let span = error_span!("bucket", %bucket, object, generation);
    for apply in apply_requests(batch) {
        span.follows_from(&apply.span);
    }
    span
}
