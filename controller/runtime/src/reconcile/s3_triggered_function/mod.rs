//! The kind `S3TriggeredFunction`: entries in a bucket's notification configuration that invoke a function.

mod apply;
mod cleanup;
mod observe;

use lambda_triggers_core::plan::intent::s3_triggered_function::{Intent, Valid};
use lambda_triggers_core::status::{Component, Reason};

use crate::objects::{RawS3TriggeredFunction, valid_spec};
use crate::reconcile::authorize::authorize;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::reconciled::{Reconciled, Settled};
use crate::reconcile::reconciler::{Reconciler, until_fresh};
use crate::reconcile::status::StatusWriter;

impl ReconcileKind for RawS3TriggeredFunction {
    /// Validates, authorizes, observes, plans, records, applies and reports, in this order.
    async fn apply(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<Reconciled, Error> {
        let invalid = |message| Error::found(Component::Notification, Reason::InvalidSpec, message);
        let spec = valid_spec(self).map_err(invalid)?;
        let valid = Valid::new(spec, writer.context.default_region())?;
        authorize::<Self>(reconciler, &writer.id, &valid.spec, &writer.status.applied).await?;
        // The bucket's worker now waits a moment for this request, and writes once for all requests of the batch.
        let reservation = reconciler.buckets.reserve(&valid.spec.bucket);
        let since = reconciler.oldest_accepted_read(writer);
        let target = &valid.spec.function;
        let (context, permissions) = (&reconciler.context, &reconciler.permissions);
        let resolved =
            function::resolve(context, permissions, writer, &valid.region, target, (since, false)).await;
        let mut function = apply::unless_missing(reconciler, writer, resolved).await?;
        let Some(arn) = function.arn.take() else { return Ok(function.creating()) };
        writer.show_function(&arn);

        let deployed = std::mem::take(&mut function.applied);
        let intent = Intent::new(&context.owner, &writer.id.key, &valid, arn, deployed);
        let observe = |since| observe::observe_and_plan(reconciler, writer, &intent, since);
        let observed = until_fresh(writer.began, since, observe).await;
        let (plan, policy) = apply::unless_missing(reconciler, writer, observed).await?;
        let message = "creating the permission and the bucket's entries";
        let recorded = writer.record_plan(&plan, message).await?;
        let permitted = reconciler.permit(writer, &intent.grant(), target, policy, &recorded).await;
        apply::unless_missing(reconciler, writer, permitted).await?;
        drop(reservation);
        let in_use = apply::write_entries(reconciler, writer, &intent, &recorded, since).await?;
        cleanup::release(reconciler, writer, &plan.obsolete, &plan.wanted, in_use).await?;
        writer.status.applied = plan.wanted;
        function.reconciled(Settled::lasting(Ok(valid.outcome())))
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
