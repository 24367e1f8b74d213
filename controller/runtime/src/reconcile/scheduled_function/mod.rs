//! `ScheduledFunction`: observe its function, policy and rule, plan, apply, report.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{Applied, AppliedFunction, AppliedPermission, AppliedRule};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::Origin;
use lambda_triggers_core::ownership::rules_statement_id;
use lambda_triggers_core::plan::permission::Statement;
use lambda_triggers_core::plan::rule::{
    DesiredRule, RulePlan, RuleStep, Target, no_next_run, plan_removal, plan_rule, target_in_other_account,
};
use lambda_triggers_core::plan::tags::check_count;
use lambda_triggers_core::status::{Component, EventReason, Outcome, Reason};

use tokio::time::Instant;

use crate::aws::{Aws, AwsError, AwsErrorKind, EventBridgeApi, confirm_absent, retry_not_found};
use crate::objects::{RawScheduledFunction, valid_spec};
use crate::reconcile::authorize::{authorize, may_have_made};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::events::EventToEmit;
use crate::reconcile::function::deploy;
use crate::reconcile::function::{region, resolve, updating};
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::permission::Grant;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

impl ReconcileKind for RawScheduledFunction {
    async fn apply(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<Outcome, Error> {
        apply(reconciler, self, writer).await
    }

    async fn cleanup(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<(), Error> {
        cleanup(reconciler, self, writer).await
    }

    async fn release(
        reconciler: &Reconciler,
        writer: &StatusWriter<'_, Self>,
        before: &Applied,
        wanted: &Applied,
    ) -> Result<(), Error> {
        release(reconciler, writer, before, wanted).await
    }

    /// A rule stays without further work: only the deletion of the object removes the rule.
    async fn retain(&self, _: &Reconciler, _: &mut StatusWriter<'_, Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// Makes AWS as the spec says.
async fn apply(
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
    let region = region(context, spec.region.as_deref(), &spec.function);
    let mut resolved = resolve(context, writer, &region, &spec.function).await?;
    let Some(function) = resolved.function.take() else { return Ok(updating("making")) };
    writer.ready(Component::Function);
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
    // A suspended schedule has no next run either, and says so itself.
    let no_next_run =
        if spec.suspend { None } else { no_next_run(&expression, context.settings.clock.now()) };
    carry_out(&*rules, &desired.name, &steps).await.map_err(|error| match &no_next_run {
        // AWS does not document whether it takes such a schedule. Its refusal names no reason.
        Some(failure) if error.kind == AwsErrorKind::Invalid => failure.clone().into(),
        _ => Error::aws(Component::Rule)(error),
    })?;
    writer.ready(Component::Rule);
    if let Some(cluster) = adopted_from {
        let note = format!("took over the rule {} from the cluster {cluster}", desired.name);
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

/// Takes away what was made, and what a predecessor of that name may have made.
async fn cleanup(
    reconciler: &Reconciler,
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let mut applied = writer.status.applied.clone();
    if applied.rules.is_empty() && may_have_made(context, object).await? {
        let mut all = by_name(context, object, &writer.origin()).await?;
        deploy::union(&applied, &mut all);
        applied = all;
    }
    release(reconciler, writer, &applied, &Applied::default()).await
}

/// Where the names alone say what there may be: of an object that came back without its status, as from a backup.
/// Which function's policy was added to, its rule knows.
async fn by_name(
    context: &Context,
    object: &RawScheduledFunction,
    origin: &Origin,
) -> Result<Applied, Error> {
    let key = &origin.key;
    let spec = object.spec.value();
    let arn = spec["function"]["arn"].as_str().and_then(FunctionArn::parse);
    let region = spec["region"].as_str().or(arn.as_ref().map(|arn| arn.region.as_str()));
    let region = region.unwrap_or(context.default_region());
    let name = key.rule_name(&context.owner.id, origin.kind);
    let rules = context.aws_for_removal(key).eventbridge(region);
    let observed = confirm_absent(|| rules.rule(&name)).await.map_err(Error::aws(Component::Rule))?;
    let targets = observed.into_iter().flat_map(|rule| rule.targets).filter_map(|(_, target)| target);
    let statement_id = rules_statement_id(&context.owner.id);
    let permission =
        |target: Target| AppliedPermission { function_arn: target.arn, statement_id: statement_id.clone() };
    Ok(Applied {
        account: None,
        rules: vec![AppliedRule { region: region.into(), name, tag_keys: vec![] }],
        notifications: vec![],
        permissions: targets.map(permission).collect(),
        functions: deploy::by_spec(context, object, key, region),
    })
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

/// The identity of everything that the resource needs.
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

async fn carry_out(rules: &dyn EventBridgeApi, name: &str, steps: &[RuleStep]) -> Result<(), AwsError> {
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
            format!("put back the rule {name}, which was gone"),
        ),
        (true, false) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("put back what was changed on the rule {name}: {words}"),
        ),
        (false, true) => EventToEmit::normal(EventReason::RuleCreated, format!("created the rule {name}")),
        (false, false) => {
            EventToEmit::normal(EventReason::RuleUpdated, format!("updated the rule {name}: {words}"))
        }
    }
}

/// Takes away what was made `before` and is `wanted` no more: rules first, then the permissions they needed, then the
/// function.
async fn release(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    before: &Applied,
    wanted: &Applied,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let aws = context.aws_for_removal(&writer.id.key);
    let is_wanted = |old: &AppliedRule| {
        wanted.rules.iter().any(|new| (&new.region, &new.name) == (&old.region, &old.name))
    };
    // A status is a user's to edit, too: a rule of another name was never made for this object.
    let origin = writer.origin();
    let own = origin.key.rule_name(&context.owner.id, origin.kind);
    let released = before.rules.iter().filter(|rule| rule.name == own && !is_wanted(rule));
    for AppliedRule { region, name, tag_keys } in released {
        let rules = aws.eventbridge(region);
        let set_before = tag_keys.iter().cloned().collect();
        let removed = retry_not_found(|| async {
            let observed = confirm_absent(|| rules.rule(name)).await?;
            match plan_removal(observed.as_ref(), &set_before, &context.owner, &origin) {
                Ok(steps) => carry_out(&*rules, name, &steps).await.map(Ok),
                Err(unmarked) => Ok(Err(unmarked)),
            }
        });
        removed.await.map_err(Error::aws(Component::Rule))?.map_err(|unmarked| {
            let message = format!("the rule {name} in {region} is not deleted: {unmarked}");
            Error::found(Component::Rule, Reason::ConflictingRule, message)
        })?;
    }
    for permission in before.permissions.iter().filter(|old| !wanted.permissions.contains(old)) {
        let in_use = async || others_use(context, &*aws, permission, &own).await;
        reconciler.permissions.release(context, permission, &writer.id, in_use).await?;
    }
    deploy::release(context, writer, before, wanted).await
}

/// Whether another rule of ours has the function as its target: one that was retained, or is about to go.
async fn others_use(
    context: &Context,
    aws: &dyn Aws,
    permission: &AppliedPermission,
    own_rule: &str,
) -> Result<bool, Error> {
    let Some(function) = FunctionArn::parse(&permission.function_arn) else { return Ok(false) };
    let rules = aws.eventbridge(&function.region);
    let prefix = context.owner.id.prefix();
    let names = rules
        .rules_with_target(&permission.function_arn, &prefix)
        .await
        .map_err(Error::aws(Component::Rule))?;
    for name in names.iter().filter(|name| *name != own_rule) {
        // The list may be behind: a rule counts while it is there.
        if confirm_absent(|| rules.rule(name)).await.map_err(Error::aws(Component::Rule))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
