//! The reads of an `S3TriggeredFunction`: the function's policy, and a bucket that the status does not record yet.

use lambda_triggers_core::plan::intent::s3_triggered_function::Intent;
use lambda_triggers_core::plan::permission::PolicyView;
use lambda_triggers_core::plan::trigger::TriggerPlan;
use tokio::time::Instant;

use super::cleanup::is_recorded;
use crate::objects::RawS3TriggeredFunction;
use crate::reconcile::error::Error;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// Observes a new bucket and the permission, and plans. Reads that began at or after `since` are accepted.
pub async fn observe_and_plan(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
    intent: &Intent,
    since: Instant,
) -> Result<(TriggerPlan, PolicyView), Error> {
    // A bucket that was never read is not recorded: the bucket of a stranger would block a later deletion.
    if !is_recorded(writer, &intent.bucket) {
        reconciler.buckets.observe(&intent.bucket, &writer.id.key.namespace).await?;
    }
    let policy = reconciler.observe_permission(writer, &intent.grant(), &intent.spec.function, since).await?;
    Ok((intent.plan(&writer.status.applied, writer.trusts_others, &policy), policy))
}
