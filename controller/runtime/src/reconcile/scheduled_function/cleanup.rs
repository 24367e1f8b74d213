//! Removes the AWS resources of a `ScheduledFunction`.

use std::time::Duration;

use lambda_triggers_core::api::{Applied, AppliedPermission, AppliedRule, AppliedSchedule};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, Origin};
use lambda_triggers_core::plan::rule::{not_deleted, plan_recorded_removal, plan_removal};
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_core::status::{Component, EventReason, EventToEmit, Reason};
use tokio::time::Instant;

use super::left_over;
use super::rule::carry_out;
use crate::aws::{AwsErrorKind, confirm_absent, read_rule, retry_not_found};
use crate::objects::{RawScheduledFunction, Trigger};
use crate::reconcile::authorize::may_have_made;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::schedules::GroupPlace;
use crate::reconcile::status::StatusWriter;

/// The age of a list of rules that shows if a rule of a deleted object is left.
const RULE_LIST_AGE: Duration = Duration::from_secs(60);

/// Removes the object's resources. An object without a recorded rule or schedule may be restored from a backup: the
/// resources of the earlier object of this name are found by their names.
pub async fn cleanup(
    reconciler: &Reconciler,
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let mut applied = writer.status.applied.clone();
    let is_recorded = !applied.rules.is_empty() || !applied.schedules.is_empty();
    if !is_recorded && may_have_made(context, object).await? {
        applied.merge(&left_over::by_name(context, object).await?);
    }
    release(reconciler, writer, &applied, &Applied::default()).await
}

/// Removes obsolete resources: rules and schedules first, then the function, then permissions. The object needs the
/// resources of `wanted`.
pub async fn release(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    obsolete: &Applied,
    wanted: &Applied,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let origin = writer.origin();
    // A user may edit the status. A rule of another name was never created for this object.
    let own = origin.key.rule_name(&context.owner.id, origin.kind);
    let trusts_record = writer.last_failure(Component::Rule) != Some(Reason::ConflictingRule.as_str());
    for rule in obsolete.rules.iter().filter(|rule| rule.name == own) {
        if remove_rule(context, rule, &origin, trusts_record).await? {
            let note = format!("deleted the rule {}", rule.name);
            writer.emit(EventToEmit::normal(EventReason::RuleDeleted, note)).await;
        }
    }
    for schedule in obsolete.schedules.iter().filter(|schedule| schedule.name == own) {
        if remove_schedule(reconciler, schedule, &origin.key).await? {
            let note = format!("deleted the schedule {}/{}", schedule.group, schedule.name);
            writer.emit(EventToEmit::normal(EventReason::ScheduleDeleted, note)).await;
        }
    }
    let in_use = |permission| retained_rule_uses(reconciler, &origin.key, permission);
    reconciler.release_functions(writer, obsolete, wanted, in_use).await
}

/// Removes a rule. If the record is trusted, the rule is read only after EventBridge has refused a step. Returns true if
/// the rule existed.
async fn remove_rule(
    context: &Context,
    rule: &AppliedRule,
    origin: &Origin,
    trusts_record: bool,
) -> Result<bool, Error> {
    let AppliedRule { region, name, tag_keys } = rule;
    let rules = context.aws_for_removal(&origin.key).eventbridge(region);
    let set_before = tag_keys.iter().cloned().collect();
    if let Some([targets, delete]) =
        plan_recorded_removal(&set_before, &context.owner).filter(|_| trusts_record)
    {
        let removed = match carry_out(&*rules, name, &[targets]).await {
            // The targets have proved that the rule exists, so a not-found of the deletion is false.
            Ok(()) => retry_not_found(|| carry_out(&*rules, name, std::slice::from_ref(&delete))).await,
            error => error,
        };
        match removed {
            Ok(()) => return Ok(true),
            // The rule is gone, has other targets or is managed by a service: a read shows the rest.
            Err(error) if matches!(error.kind, AwsErrorKind::NotFound | AwsErrorKind::Invalid) => {}
            Err(error) => return Err(Error::aws(Component::Rule)(error)),
        }
    }
    let removed = retry_not_found(|| async {
        let observed = confirm_absent(|| read_rule(&*rules, name)).await?;
        match plan_removal(observed.as_ref(), &set_before, &context.owner, origin) {
            Ok(steps) => carry_out(&*rules, name, &steps).await.map(|()| Ok(!steps.is_empty())),
            Err(unmarked) => Ok(Err(unmarked)),
        }
    });
    removed
        .await
        .map_err(Error::aws(Component::Rule))?
        .map_err(|unmarked| not_deleted(name, region, &unmarked).into())
}

/// Removes a schedule of the operator's group. Returns true if the schedule existed.
async fn remove_schedule(
    reconciler: &Reconciler,
    schedule: &AppliedSchedule,
    key: &ObjectKey,
) -> Result<bool, Error> {
    let context = &reconciler.context;
    // A user may edit the status. A schedule in another group was never created for this object.
    if schedule.group != context.owner.id.group_name() {
        return Ok(false);
    }
    let aws = context.aws_for_removal(key);
    let account = aws.account().await.map_err(Error::aws(Component::Schedule))?.id;
    let schedules = aws.scheduler(&schedule.region);
    let place = GroupPlace { region: schedule.region.clone(), account };
    if !reconciler.schedules.groups.exists(context, &*schedules, &place).await? {
        return Ok(false);
    }
    let id = ScheduleKey::from(schedule);
    match retry_not_found(|| schedules.delete_schedule(&id)).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind == AwsErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::aws(Component::Schedule)(error)),
    }
}

/// True if a rule of a deleted object targets the function: a rule that was retained, or that is about to be deleted.
/// The claims have shown before that no existing object needs the permission.
async fn retained_rule_uses(
    reconciler: &Reconciler,
    key: &ObjectKey,
    permission: &AppliedPermission,
) -> Result<bool, Error> {
    let context = &reconciler.context;
    let Some(function) = FunctionArn::parse(&permission.function_arn) else { return Ok(false) };
    let aws = context.aws_for_removal(key);
    let rules = aws.eventbridge(&function.region);
    let prefix = context.owner.id.prefix();
    let own = key.rule_name(&context.owner.id, RawScheduledFunction::NAME);
    let now = Instant::now();
    // An older list may lack a rule that was created after the list, and that outlived its object.
    let since = (*reconciler.retained_at.lock()).max(now.checked_sub(RULE_LIST_AGE)).unwrap_or(now);
    let listed = rules.list(&prefix, since).await.map_err(Error::aws(Component::Rule))?;
    // The rules of existing objects target other functions, or their objects claim the permission.
    let is_of_object = |name: &String| *name == own || context.stores.has_rule(name);
    if listed.is_some_and(|listed| listed.keys().all(is_of_object)) {
        return Ok(false);
    }
    let names = rules
        .rules_with_target(&permission.function_arn, &prefix)
        .await
        .map_err(Error::aws(Component::Rule))?;
    for name in names.iter().filter(|name| **name != own) {
        // The list may be stale, so each rule is read.
        let described = confirm_absent(|| rules.describe(name)).await.map_err(Error::aws(Component::Rule))?;
        if described.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
