//! The reads of an `S3TriggeredFunction`: the function's policy, and a bucket that the status does not record yet.

use lambda_triggers_core::plan::permission::PolicyView;
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::{Component, Reason};
use tokio::time::Instant;

use super::plan::Intent;
use crate::objects::RawS3TriggeredFunction;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// The plan from cached reads if there is nothing to do, and otherwise from fresh reads.
pub async fn until_fresh(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
    intent: &Intent,
    since: Instant,
) -> Result<(TriggerPlan, PolicyView), Error> {
    let cached = observe_and_plan(reconciler, writer, intent, since).await;
    if cached.as_ref().is_ok_and(|(plan, _)| plan.is_empty()) || since >= writer.began {
        return cached;
    }
    observe_and_plan(reconciler, writer, intent, Instant::now()).await
}

async fn observe_and_plan(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
    intent: &Intent,
    since: Instant,
) -> Result<(TriggerPlan, PolicyView), Error> {
    let (context, applied) = (&reconciler.context, &writer.status.applied);
    // A bucket that was never read is not recorded: the bucket of a stranger would block a later deletion.
    if !intent.is_recorded(applied) {
        reconciler.buckets.observe(&intent.bucket, &writer.id.key.namespace).await?;
    }
    let was_missing = writer.was_refused(Component::Function, Reason::FunctionNotFound);
    let doubts = (writer.trusts_others, was_missing);
    let policy =
        reconciler.permissions.observe(context, &writer.id, &intent.grant(), applied, doubts, since).await;
    match policy {
        Ok(policy) => Ok((intent.plan(writer, &policy), policy)),
        Err(error) => {
            let (region, target) = (&intent.function.region, &intent.spec.function);
            Err(function::missing(context, writer, region, target, error).await)
        }
    }
}
