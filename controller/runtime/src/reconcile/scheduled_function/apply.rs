//! The writes of a `ScheduledFunction`: the statement in the function's policy, then the rule.

use lambda_triggers_core::plan::permission::PolicyView;
use lambda_triggers_core::plan::rule::{RulePlan, RuleStep};
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::{Component, EventReason};

use super::plan::Intent;
use crate::aws::{AwsError, AwsErrorKind, EventBridgeApi};
use crate::objects::RawScheduledFunction;
use crate::reconcile::error::Error;
use crate::reconcile::events::EventToEmit;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::recorded::Recorded;
use crate::reconcile::status::StatusWriter;

/// Carries out the plan of recorded resources.
pub async fn apply(
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
    intent: &Intent,
    plan: &TriggerPlan,
    policy: PolicyView,
    recorded: &Recorded,
) -> Result<(), Error> {
    let context = &reconciler.context;
    reconciler.permit(writer, &intent.grant(), &intent.spec.function, policy, recorded).await?;
    let Some(RulePlan { steps, creates, adopted_from }) = &plan.rule else { return Ok(()) };
    let name = &intent.rule.name;
    writer.changed_aws |= !steps.is_empty();
    let rules = context.aws(&writer.id.key).eventbridge(&intent.region);
    carry_out(&*rules, name, steps).await.map_err(|error| match intent.refused_without_next_run() {
        Some(failure) if error.kind == AwsErrorKind::Invalid => failure.into(),
        _ => Error::aws(Component::Rule)(error),
    })?;
    writer.mark_ready(Component::Rule);
    if let Some(cluster) = adopted_from {
        let note = format!("adopted the rule {name} from the cluster {cluster}");
        writer.emit(EventToEmit::normal(EventReason::Adopted, note)).await;
    }
    if !steps.is_empty() {
        let default_tags = &context.settings.default_tags;
        let is_drift = writer.was_in_sync && !RuleStep::are_rollout(steps, default_tags, &intent.spec.tags);
        writer.emit(event(name, steps, *creates, is_drift)).await;
    }
    Ok(())
}

/// Carries out the steps for one rule.
pub async fn carry_out(rules: &dyn EventBridgeApi, name: &str, steps: &[RuleStep]) -> Result<(), AwsError> {
    for step in steps {
        match step {
            RuleStep::Put(settings, tags) => rules.put_rule(name, settings, tags).await,
            RuleStep::Tag(tags) => rules.tag_rule(name, tags).await,
            RuleStep::Untag(keys) => rules.untag_rule(name, &keys.iter().cloned().collect::<Vec<_>>()).await,
            RuleStep::PutTarget(target) => rules.put_target(name, target).await,
            RuleStep::RemoveTargets(ids) => rules.remove_targets(name, ids).await,
            RuleStep::Delete => rules.delete_rule(name).await,
        }?;
    }
    Ok(())
}

fn event(name: &str, steps: &[RuleStep], created: bool, is_drift: bool) -> EventToEmit {
    let mut words: Vec<&str> = steps
        .iter()
        .map(|step| match step {
            RuleStep::Put(..) => "settings",
            RuleStep::Tag(_) | RuleStep::Untag(_) => "tags",
            RuleStep::PutTarget(_) | RuleStep::RemoveTargets(_) => "target",
            RuleStep::Delete => "rule",
        })
        .collect();
    words.dedup();
    let words = words.join(", ");
    match (is_drift, created) {
        (true, true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("restored the rule {name}, which was deleted"),
        ),
        (true, false) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("reverted a change of the rule {name}: {words}"),
        ),
        (false, true) => EventToEmit::normal(EventReason::RuleCreated, format!("created the rule {name}")),
        (false, false) => {
            EventToEmit::normal(EventReason::RuleUpdated, format!("updated the rule {name}: {words}"))
        }
    }
}
