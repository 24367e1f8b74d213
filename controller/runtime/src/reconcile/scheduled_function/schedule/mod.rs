//! The backend `Scheduler`: a schedule of EventBridge Scheduler, in the group of this operator.

mod apply;
mod observe;

use std::time::Duration;

use lambda_triggers_core::api::Backend;
use lambda_triggers_core::plan::intent::scheduled_function::ScheduleIntent;
use lambda_triggers_core::plan::schedule::{ScheduleStep, completed_event, event, moved_to_schedule_event};
use lambda_triggers_core::status::{Component, Outcome};
use tokio::time::Instant;

use super::cleanup;
use super::moves::{self, Move};
use crate::objects::RawScheduledFunction;
use crate::reconcile::error::Error;
use crate::reconcile::reconciled::Settled;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// Observes, plans, records and applies. A list that began at or after `since` is accepted.
pub async fn reconcile(
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
    intent: ScheduleIntent,
    since: Instant,
) -> Result<Settled, Error> {
    let context = &reconciler.context;
    let now = context.settings.clock.now();
    let observed = observe::observe(reconciler, writer, &intent, since, now).await?;
    let mut plan = intent.plan(&writer.status.applied, observed.as_ref(), now);
    let schedule = plan.schedule.clone().unwrap_or_default();
    let to = Move {
        backend: Backend::Scheduler,
        is_made: !matches!(schedule.step, Some(ScheduleStep::Create(_))),
        old: &plan.obsolete,
        new: (!intent.spec.suspend).then_some(&intent.schedule.schedule),
    };
    if let Some(waiting) = moves::wait(context, writer, to).await? {
        return Ok(waiting);
    }
    if schedule.step.is_some() {
        apply::check_group(reconciler, writer, &intent).await?;
    }
    let recorded = writer.record_plan(&plan, "creating the schedule").await?;
    let schedule = apply::apply(reconciler, writer, &intent, schedule, &recorded, now).await?;
    writer.mark_ready(Component::Function);
    writer.mark_ready(Component::Schedule);
    let key = &intent.schedule.key;
    if let Some(event) = event(key, &schedule, writer.was_in_sync && !schedule.is_rollout()) {
        writer.emit(event).await;
    }
    plan.schedule = Some(schedule);
    cleanup::release(reconciler, writer, &plan.obsolete, &plan.wanted).await?;
    if let Some(rule) = plan.obsolete.rules.first() {
        writer.emit(moved_to_schedule_event(&rule.name, key)).await;
    }
    let outcome = intent.outcome(&plan, now);
    writer.status.applied = plan.wanted;
    if let Outcome::Completed { message } = &outcome
        && !writer.already_reported(&outcome)
    {
        writer.emit(completed_event(message)).await;
    }
    let next_change = intent.schedule.next_change(now);
    let next_change = next_change.and_then(|time| Duration::try_from(time.duration_since(now)).ok());
    Ok(Settled { outcome: intent.check_next_run(outcome), next_change })
}
