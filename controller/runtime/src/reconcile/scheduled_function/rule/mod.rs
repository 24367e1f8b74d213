//! The backend `Rule`: a rule of EventBridge, and the permission for EventBridge to invoke the function.

mod apply;
mod observe;

use lambda_triggers_core::api::Backend;
use lambda_triggers_core::plan::intent::scheduled_function::RuleIntent;
use lambda_triggers_core::plan::rule::RuleStep;
use lambda_triggers_core::plan::schedule::moved_to_rule_event;
use tokio::time::Instant;

pub use apply::carry_out;

use super::cleanup;
use super::moves::{self, Move};
use crate::objects::RawScheduledFunction;
use crate::reconcile::error::Error;
use crate::reconcile::reconciled::Settled;
use crate::reconcile::reconciler::{Reconciler, until_fresh};
use crate::reconcile::status::StatusWriter;

/// Observes, plans, records and applies. Reads that began at or after `since` are accepted.
pub async fn reconcile(
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
    intent: RuleIntent,
    since: Instant,
) -> Result<Settled, Error> {
    let observe = |since| observe::observe_and_plan(reconciler, writer, &intent, since);
    let (plan, policy) = until_fresh(writer.began, since, observe).await?;
    let is_made =
        plan.rule.iter().all(|rule| !rule.steps.iter().any(|step| matches!(step, RuleStep::Put(..))));
    let new = (!intent.spec.suspend).then_some(&intent.schedule);
    let to = Move { backend: Backend::Rule, is_made, old: &plan.obsolete, new };
    if let Some(waiting) = moves::wait(&reconciler.context, writer, to).await? {
        return Ok(waiting);
    }
    let recorded = writer.record_plan(&plan, "creating the rule and the permission").await?;
    apply::apply(reconciler, writer, &intent, &plan, policy, &recorded).await?;
    cleanup::release(reconciler, writer, &plan.obsolete, &plan.wanted).await?;
    if let Some(schedule) = plan.obsolete.schedules.first() {
        writer.emit(moved_to_rule_event(&intent.rule.name, &schedule.into())).await;
    }
    writer.status.applied = plan.wanted;
    let outcome = intent.outcome();
    Ok(Settled::lasting(intent.check_next_run(outcome)))
}
