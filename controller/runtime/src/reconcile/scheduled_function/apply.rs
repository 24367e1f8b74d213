//! Applies a `ScheduledFunction`: the function, the permission and the rule.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{Applied, AppliedFunction, AppliedPermission, AppliedRule};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::permission::Statement;
use lambda_triggers_core::plan::rule::{
    DesiredRule, RulePlan, RuleStep, no_next_run, plan_rule, target_in_other_account,
};
use lambda_triggers_core::plan::tags::check_count;
use lambda_triggers_core::status::{Component, EventReason, Outcome, Reason};
use tokio::time::Instant;

use super::cleanup::release;
use super::steps::carry_out;
use crate::aws::AwsErrorKind;
use crate::objects::{RawScheduledFunction, valid_spec};
use crate::reconcile::authorize::authorize;
use crate::reconcile::error::Error;
use crate::reconcile::events::EventToEmit;
use crate::reconcile::function::{region, resolve, updating};
use crate::reconcile::permission::Grant;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// Applies the spec: function, permission and rule.
pub async fn apply(
    reconciler: &Reconciler,
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
) -> Result<Outcome, Error> {
    let context = &reconciler.context;
    let spec = valid_spec(object).map_err(invalid)?;
    let expression = spec.expression().map_err(|error| invalid(error.to_string()))?;
    writer.status.schedule = Some(expression.to_string());
    writer.status.schedule_description = Some(expression.in_words());
    authorize::<RawScheduledFunction>(reconciler, &writer.id, &spec, &writer.status.applied).await?;

    let aws = context.aws(&writer.id.key);
    let account = async || aws.account().await.map_err(Error::aws(Component::Permission));
    if let Some(function) = spec.function.arn.as_deref().and_then(FunctionArn::parse)
        && let Some(message) = target_in_other_account(&function, &account().await?.id)
    {
        return Err(Error::found(Component::Rule, Reason::OtherAccount, message));
    }
    let region = region(context, spec.region.as_deref(), spec.function.arn.as_deref());
    let mut resolved = resolve(context, writer, &region, &spec.function).await?;
    let Some(function) = resolved.function.take() else { return Ok(updating("making")) };
    writer.mark_ready(Component::Function);
    writer.status.function_arn = Some(function.arn.to_string());
    writer.status.function_name = Some(function.arn.short());

    let account = account().await?;
    let statement = Statement::for_rules(&context.owner.id, &function.arn, &account.id);
    let origin = writer.origin();
    let default_tags = &context.settings.default_tags;
    let written = expression.to_string();
    let desired =
        DesiredRule::from_spec(&context.owner, &origin, default_tags, &spec, written, &function.arn);
    check_count("spec.tags", &desired.tags).map_err(invalid)?;
    let rules = aws.eventbridge(&region);
    let observed = rules.rule(&desired.name).await.map_err(Error::aws(Component::Rule))?;
    let before = writer.status.applied.clone();
    let RulePlan { steps, adopted_from } = plan_rule(
        &desired,
        observed.as_ref(),
        &tags_set_before(&before, &region, &desired.name),
        &context.owner,
        &origin,
    )
    .map_err(|conflict| conflicting_rule(&desired.name, &region, &conflict.to_string()))?;

    let deployed = std::mem::take(&mut resolved.applied);
    let grant = Grant {
        function: &function.arn,
        statement: &statement,
        managed_by: spec.function.permission,
        source: "EventBridge".into(),
    };
    let came = Instant::now();
    let permissions = reconciler.permissions.wanted(context, &writer.id, &grant, &before).await?;
    let wanted = wanted(&account.id, &region, &desired, permissions, deployed);
    let mut all = wanted.clone();
    all.merge(&before);
    writer.record_intent(all, "creating the rule and the permission").await?;
    reconciler.permissions.permit(context, writer, &grant, came).await?;
    writer.changed_aws |= !steps.is_empty();
    // A suspended schedule has no next run either, and the status reports the suspension.
    let no_next_run =
        if spec.suspend { None } else { no_next_run(&expression, context.settings.clock.now()) };
    carry_out(&*rules, &desired.name, &steps).await.map_err(|error| match &no_next_run {
        // The AWS documentation does not say whether EventBridge accepts such a schedule. The refusal names no reason.
        Some(failure) if error.kind == AwsErrorKind::Invalid => failure.clone().into(),
        _ => Error::aws(Component::Rule)(error),
    })?;
    writer.mark_ready(Component::Rule);
    if let Some(cluster) = adopted_from {
        let note = format!("adopted the rule {} from the cluster {cluster}", desired.name);
        writer.emit(EventToEmit::normal(EventReason::Adopted, note)).await;
    }
    if !steps.is_empty() {
        let is_drift = writer.was_in_sync && !RuleStep::are_rollout(&steps, default_tags, &spec.tags);
        writer.emit(event(&desired.name, &steps, observed.is_none(), is_drift)).await;
    }
    release(reconciler, writer, &before, &wanted).await?;
    writer.status.applied = wanted;
    let words =
        if spec.suspend { "suspended: the rule is in place and disabled" } else { "the rule is in place" };
    let outcome = resolved.outcome(Outcome::Applied { suspended: spec.suspend, message: words.into() })?;
    match (outcome, no_next_run) {
        (Outcome::Applied { .. }, Some(failure)) => Err(failure.into()),
        (outcome, _) => Ok(outcome),
    }
}

fn invalid(message: String) -> Error {
    Error::found(Component::Rule, Reason::InvalidSpec, message)
}

fn conflicting_rule(name: &str, region: &str, conflict: &str) -> Error {
    let message = format!(
        "the rule {name} in {region} exists and is not touched: {conflict}; delete that rule, or give this resource another name"
    );
    Error::found(Component::Rule, Reason::ConflictingRule, message)
}

/// The identities of all resources that the object needs.
fn wanted(
    account: &str,
    region: &str,
    rule: &DesiredRule,
    permissions: Vec<AppliedPermission>,
    functions: Vec<AppliedFunction>,
) -> Applied {
    let tag_keys = rule.tags.keys().cloned().collect();
    Applied {
        account: Some(account.into()),
        rules: vec![AppliedRule { region: region.into(), name: rule.name.clone(), tag_keys }],
        notifications: vec![],
        permissions,
        functions,
    }
}

fn tags_set_before(applied: &Applied, region: &str, name: &str) -> BTreeSet<String> {
    let same = |rule: &&AppliedRule| rule.region == region && rule.name == name;
    applied.rules.iter().filter(same).flat_map(|rule| rule.tag_keys.iter().cloned()).collect()
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
