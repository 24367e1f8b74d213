//! Removes the AWS resources of a `ScheduledFunction`.

use lambda_triggers_core::api::{Applied, AppliedPermission, AppliedRule};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{Origin, rules_statement_id};
use lambda_triggers_core::plan::rule::{Target, plan_removal};
use lambda_triggers_core::status::{Component, Reason};

use super::steps::carry_out;
use crate::aws::{Aws, confirm_absent, retry_not_found};
use crate::objects::RawScheduledFunction;
use crate::reconcile::authorize::may_have_made;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

/// Removes the object's resources, and the resources of an earlier object with the same name.
pub async fn cleanup(
    reconciler: &Reconciler,
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let mut applied = writer.status.applied.clone();
    if applied.rules.is_empty() && may_have_made(context, object).await? {
        applied.merge(&by_name(context, object, &writer.origin()).await?);
    }
    release(reconciler, writer, &applied, &Applied::default()).await
}

/// The resources that an earlier object of this name may have created, from names alone. A restored backup has no
/// status. The targets of the rule name the functions whose policies have a statement.
async fn by_name(
    context: &Context,
    object: &RawScheduledFunction,
    origin: &Origin,
) -> Result<Applied, Error> {
    let key = &origin.key;
    let spec = object.spec.value();
    let region = function::region(context, spec["region"].as_str(), spec["function"]["arn"].as_str());
    let name = key.rule_name(&context.owner.id, origin.kind);
    let rules = context.aws_for_removal(key).eventbridge(&region);
    let observed = confirm_absent(|| rules.rule(&name)).await.map_err(Error::aws(Component::Rule))?;
    let targets = observed.into_iter().flat_map(|rule| rule.targets).filter_map(|(_, target)| target);
    let statement_id = rules_statement_id(&context.owner.id);
    let permission =
        |target: Target| AppliedPermission { function_arn: target.arn, statement_id: statement_id.clone() };
    Ok(Applied {
        account: None,
        functions: function::by_spec(context, object, key, &region),
        rules: vec![AppliedRule { region, name, tag_keys: vec![] }],
        notifications: vec![],
        permissions: targets.map(permission).collect(),
    })
}

/// Removes the resources that are in `before` but not in `wanted`: rules first, then permissions, then the function.
pub async fn release(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    before: &Applied,
    wanted: &Applied,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let aws = context.aws_for_removal(&writer.id.key);
    let is_wanted = |old: &AppliedRule| wanted.rules.iter().any(|new| new.key() == old.key());
    // A user may edit the status. A rule of another name was never created for this object.
    let origin = writer.origin();
    let own = origin.key.rule_name(&context.owner.id, origin.kind);
    let obsolete = before.rules.iter().filter(|rule| rule.name == own && !is_wanted(rule));
    for AppliedRule { region, name, tag_keys } in obsolete {
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
    function::release(context, writer, before, wanted).await
}

/// True if another rule of this operator targets the function, for example a retained rule or a rule that is about to
/// be deleted.
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
        // The list may be stale, so each rule is read.
        if confirm_absent(|| rules.rule(name)).await.map_err(Error::aws(Component::Rule))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
