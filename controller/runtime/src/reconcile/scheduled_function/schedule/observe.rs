//! The reads of a schedule.
//!
//! The list of a group shows neither expression nor input, but the time of the last change. A resync compares the list
//! with the remembered schedule, and reads the schedule only after a difference.

use jiff::Timestamp;
use lambda_triggers_core::plan::intent::scheduled_function::ScheduleIntent;
use lambda_triggers_core::plan::schedule::{ObservedSchedule, plan_schedule};
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use crate::aws::{AwsError, SchedulerReads, confirm_absent};
use crate::objects::RawScheduledFunction;
use crate::reconcile::error::Error;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// Observes the schedule; `None` if not found. A list that began at or after `since` is accepted.
pub async fn observe(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    intent: &ScheduleIntent,
    since: Instant,
    now: Timestamp,
) -> Result<Option<ObservedSchedule>, Error> {
    let schedules = reconciler.context.aws(&writer.id.key).scheduler(&intent.region);
    let is_over = plan_schedule(&intent.schedule, None, now).is_over;
    // CreateSchedule refuses a name that exists, so a new schedule needs no read. A schedule that is over is not created.
    if !intent.is_recorded(&writer.status.applied) && !is_over {
        return Ok(None);
    }
    let is_resync = since < writer.began && !writer.reads_everything;
    let list_since = is_resync.then_some(since);
    let observed = read(reconciler, &*schedules, &writer.id.uid, intent, list_since, is_over).await;
    observed.map_err(Error::aws(Component::Schedule))
}

/// Reads a schedule, or finds it unchanged in a list that began at or after `list_since`.
async fn read(
    reconciler: &Reconciler,
    schedules: &dyn SchedulerReads,
    uid: &str,
    intent: &ScheduleIntent,
    list_since: Option<Instant>,
    is_over: bool,
) -> Result<Option<ObservedSchedule>, AwsError> {
    let (desired, remembered) = (&intent.schedule, &reconciler.schedules.remembered);
    if let Some(since) = list_since
        && let Some(listed) = schedules.list(&desired.key.group, since).await?
    {
        match listed.get(&desired.key.name) {
            Some(found) => {
                if let Some(unchanged) = remembered.unchanged(uid, found, desired) {
                    return Ok(Some(unchanged));
                }
            }
            // AWS has deleted the schedule after its last run.
            None if is_over => return Ok(None),
            None => {}
        }
    }
    let read = || schedules.schedule(&desired.key);
    // A false not-found of a schedule that is over does no harm.
    let dated = if is_over { read().await? } else { confirm_absent(read).await? };
    match &dated {
        Some(dated) => remembered.remember(uid, dated, desired),
        None => remembered.forget(uid),
    }
    Ok(dated.map(|dated| dated.schedule))
}
