//! The kind `ScheduledFunction`: an EventBridge rule that invokes a function.

mod apply;
mod cleanup;
mod steps;

use lambda_triggers_core::status::Outcome;

use crate::objects::RawScheduledFunction;
use crate::reconcile::error::Error;
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

impl ReconcileKind for RawScheduledFunction {
    async fn apply(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<Outcome, Error> {
        apply::apply(reconciler, self, writer).await
    }

    async fn cleanup(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<(), Error> {
        cleanup::cleanup(reconciler, self, writer).await
    }

    /// A rule stays without further work: only the deletion of the object removes the rule.
    async fn retain(&self, _: &Reconciler, _: &mut StatusWriter<'_, Self>) -> Result<(), Error> {
        Ok(())
    }
}
