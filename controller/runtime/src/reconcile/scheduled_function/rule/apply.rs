//! The writes of a `ScheduledFunction`: the statement in the function's policy, then the rule.

use lambda_triggers_core::plan::intent::scheduled_function::RuleIntent;
use lambda_triggers_core::plan::permission::PolicyView;
use lambda_triggers_core::plan::rule::{RuleStep, adoption_event, event};
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::Component;

use crate::aws::{AwsError, AwsErrorKind, EventBridgeApi};
use crate::objects::RawScheduledFunction;
use crate::reconcile::error::Error;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::recorded::Recorded;
use crate::reconcile::status::StatusWriter;

/// Carries out the plan of recorded resources.
pub async fn apply(
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
    intent: &RuleIntent,
    plan: &TriggerPlan,
    policy: PolicyView,
    recorded: &Recorded,
) -> Result<(), Error> {
    let context = &reconciler.context;
    reconciler.permit(writer, &intent.grant(), &intent.spec.function, policy, recorded).await?;
    let Some(rule) = &plan.rule else { return Ok(()) };
    let (name, steps) = (&intent.rule.name, &rule.steps);
    writer.changed_aws |= !steps.is_empty();
    let rules = context.aws(&writer.id.key).eventbridge(&intent.region);
    carry_out(&*rules, name, steps).await.map_err(|error| match intent.refused_without_next_run() {
        Some(failure) if error.kind == AwsErrorKind::Invalid => failure.into(),
        _ => Error::aws(Component::Rule)(error),
    })?;
    writer.mark_ready(Component::Rule);
    let default_tags = &context.settings.default_tags;
    let is_drift = writer.was_in_sync && !RuleStep::are_rollout(steps, default_tags, &intent.spec.tags);
    for event in adoption_event(name, rule).into_iter().chain(event(name, rule, is_drift)) {
        writer.emit(event).await;
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
