//! The kind `ScheduledFunction`: an EventBridge rule that invokes a function.

mod apply;
mod cleanup;
mod observe;
mod plan;

use lambda_triggers_core::status::Outcome;
use tokio::time::Instant;

use crate::objects::RawScheduledFunction;
use crate::reconcile::authorize::authorize;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::reconciler::{Reconciler, until_fresh};
use crate::reconcile::status::StatusWriter;
use plan::Intent;

impl ReconcileKind for RawScheduledFunction {
    /// Validates, authorizes, observes, plans, records, applies and reports, in this order.
    async fn apply(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<Outcome, Error> {
        let valid = plan::validate(self, writer)?;
        authorize::<Self>(reconciler, &writer.id, &valid.spec, &writer.status.applied).await?;
        let (context, permissions) = (&reconciler.context, &reconciler.permissions);
        let since = reconciler.oldest_accepted_read(writer);
        let mut function =
            function::resolve(context, permissions, writer, &valid.region, &valid.spec.function, since)
                .await?;
        writer.requeue_soon |= function.requeue_soon;
        let Some(arn) = function.arn.take() else { return Ok(function::updating("creating")) };
        writer.show_function(&arn);

        let intent = Intent::new(context, writer, &valid, arn, std::mem::take(&mut function.applied)).await?;
        let observe = |since| observe::observe_and_plan(reconciler, writer, &intent, since);
        let (plan, policy) = until_fresh(writer.began, since, observe).await?;
        let recorded = writer.record_plan(&plan, "creating the rule and the permission").await?;
        apply::apply(reconciler, writer, &intent, &plan, policy, &recorded).await?;
        cleanup::release(reconciler, writer, &plan.obsolete, &plan.wanted).await?;
        writer.status.applied = plan.wanted;
        let outcome = function.outcome(valid.outcome())?;
        intent.check_next_run(outcome)
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
