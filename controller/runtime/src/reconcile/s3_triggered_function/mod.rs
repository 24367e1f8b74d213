//! The kind `S3TriggeredFunction`: entries in a bucket's notification configuration that invoke a function.

mod apply;
mod cleanup;

use lambda_triggers_core::status::Outcome;

use crate::objects::RawS3TriggeredFunction;
use crate::reconcile::error::Error;
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::StatusWriter;

impl ReconcileKind for RawS3TriggeredFunction {
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

    async fn retain(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<(), Error> {
        cleanup::retain(reconciler, writer).await
    }
}
