//! Batches of requests: the worker collects the requests that arrive together, and writes the document once for all of
//! them.

use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::tenancy::Role;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::{Span, error_span};

use super::request::{ApplyRequest, Request};
use super::reservation::Reservations;
use crate::aws::CallContext;
use crate::reconcile::context::Context;

/// A batch ends when no request arrives within this time.
const BATCH_IDLE: Duration = Duration::from_millis(100);
/// The maximum duration of a batch.
const BATCH_MAX: Duration = Duration::from_millis(1000);
/// The maximum duration while the rate limiter delays a reserved request: enough for thirty new resources, each with a
/// function.
const BATCH_MAX_THROTTLED: Duration = Duration::from_secs(15);

/// Collects the requests that arrive shortly after the first request, or have a reservation. The batch stays open
/// longer while the rate limiter delays a request of high priority.
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

/// Splits a batch by role: no entry of a namespace is written with another namespace's credentials, even if the tenancy
/// permits the two.
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
    // An empty batch checks whether a write without an answer was applied.
    if batches.is_empty() { vec![vec![]] } else { batches }
}

/// The apply requests of a batch.
pub fn apply_requests(batch: &[Request]) -> impl Iterator<Item = &ApplyRequest> {
    batch.iter().filter_map(|request| match request {
        Request::Apply(apply) => Some(&**apply),
        Request::Check { .. } => None,
    })
}

/// The call context of a batch.
pub fn call_context(batch: &[Request]) -> Arc<CallContext> {
    CallContext::for_batch(apply_requests(batch).map(|apply| apply.call_context.clone()).collect())
}

/// The span of a batch: names the objects and the bucket in each log line, and links to the traces of the reconciles.
pub fn span(bucket: &Bucket, batch: &[Request]) -> Span {
    let ids = apply_requests(batch).map(|apply| &apply.id);
    let (keys, generations): (Vec<String>, Vec<String>) =
        ids.map(|id| (id.key.to_string(), id.generation.unwrap_or_default().to_string())).unzip();
    let (object, generation) = (keys.join(","), generations.join(","));
    // Span level ERROR, so that no RUST_LOG filter drops the span.
    let span = error_span!("bucket", %bucket, object, generation);
    for apply in apply_requests(batch) {
        span.follows_from(&apply.span);
    }
    span
}
