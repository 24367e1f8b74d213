//! The kind `ScheduledFunction`: an EventBridge rule that invokes a function.

mod apply;
mod cleanup;
mod observe;

use lambda_triggers_core::api::{AppliedFunction, Backend};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::intent::scheduled_function::{Operator, RuleIntent, Valid};
use lambda_triggers_core::status::{Component, Failure, Reason};
use tokio::time::Instant;

use crate::objects::{RawScheduledFunction, valid_spec};
use crate::reconcile::authorize::authorize;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::reconciled::Reconciled;
use crate::reconcile::reconciler::{Reconciler, until_fresh};
use crate::reconcile::status::StatusWriter;

impl ReconcileKind for RawScheduledFunction {
    /// Validates, authorizes, observes, plans, records, applies and reports, in this order.
    async fn apply(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<Reconciled, Error> {
        let valid = validate(self, writer)?;
        authorize::<Self>(reconciler, &writer.id, &valid.spec, &writer.status.applied).await?;
        let (context, permissions) = (&reconciler.context, &reconciler.permissions);
        let account = context.aws(&writer.id.key).account().await.map_err(Error::aws(Component::Function))?;
        valid.check_account(&account.id)?;
        let since = reconciler.oldest_accepted_read(writer);
        let mut function =
            function::resolve(context, permissions, writer, &valid.region, &valid.spec.function, since)
                .await?;
        let Some(arn) = function.arn.take() else { return Ok(function.creating()) };
        writer.show_function(&arn);

        let deployed = std::mem::take(&mut function.applied);
        let intent = intent(context, writer, &valid, &account.id, arn, deployed)?;
        let observe = |since| observe::observe_and_plan(reconciler, writer, &intent, since);
        let (plan, policy) = until_fresh(writer.began, since, observe).await?;
        let recorded = writer.record_plan(&plan, "creating the rule and the permission").await?;
        apply::apply(reconciler, writer, &intent, &plan, policy, &recorded).await?;
        cleanup::release(reconciler, writer, &plan.obsolete, &plan.wanted).await?;
        writer.status.applied = plan.wanted;
        let Reconciled { outcome, requeue_soon } = function.reconciled(intent.outcome())?;
        Ok(Reconciled { outcome: intent.check_next_run(outcome)?, requeue_soon })
    }

    async fn cleanup(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<(), Error> {
        cleanup::cleanup(reconciler, self, writer).await
    }

    /// A rule stays without further work: only the deletion of the object removes the rule.
    async fn retain(&self, reconciler: &Reconciler, _: &mut StatusWriter<'_, Self>) -> Result<(), Error> {
        *reconciler.retained_at.lock() = Some(Instant::now());
        Ok(())
    }
}

/// The valid spec of an object. The schedule appears in the status.
fn validate(
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
) -> Result<Valid, Error> {
    let spec =
        valid_spec(object).map_err(|message| Error::found(Component::Rule, Reason::InvalidSpec, message))?;
    let valid = Valid::new(spec, writer.context.default_region(), Backend::Rule)?;
    writer.status.schedule = Some(valid.schedule.expression.to_string());
    writer.status.schedule_description = Some(valid.schedule.in_words());
    Ok(valid)
}

/// The intent for a function that exists.
fn intent(
    context: &Context,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    valid: &Valid,
    account: &str,
    function: FunctionArn,
    deployed: Vec<AppliedFunction>,
) -> Result<RuleIntent, Failure> {
    let operator = Operator { owner: &context.owner, default_tags: &context.settings.default_tags, account };
    RuleIntent::new(operator, writer.origin(), valid, function, deployed, context.settings.clock.now())
}
