//! The kind `ScheduledFunction`: a rule of EventBridge or a schedule of EventBridge Scheduler that invokes a function.

mod cleanup;
mod left_over;
mod moves;
mod rule;
mod schedule;

use lambda_triggers_core::api::Backend;
use lambda_triggers_core::plan::intent::scheduled_function::{Operator, RuleIntent, ScheduleIntent, Valid};
use lambda_triggers_core::status::{Component, Reason};
use tokio::time::Instant;

use crate::objects::{RawScheduledFunction, valid_spec};
use crate::reconcile::authorize::authorize;
use crate::reconcile::error::Error;
use crate::reconcile::function;
use crate::reconcile::kind::ReconcileKind;
use crate::reconcile::reconciled::Reconciled;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::schedules::role;
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
        let scheduler_role = match valid.backend {
            Backend::Rule => None,
            Backend::Scheduler => Some(role(&reconciler.context, &writer.id.key.namespace)?),
        };
        let (context, permissions) = (&reconciler.context, &reconciler.permissions);
        let account = context.aws(&writer.id.key).account().await.map_err(Error::aws(Component::Function))?;
        valid.check_account(&account.id)?;
        left_over::find(reconciler, self, writer, &valid, &account.id).await?;
        let since = reconciler.oldest_accepted_read(writer);
        // A resync of a schedule trusts that the function still exists.
        let is_unproven = scheduler_role.is_some() && since >= writer.began;
        let target = &valid.spec.function;
        let reads = (since, is_unproven);
        let resolved = function::resolve(context, permissions, writer, &valid.region, target, reads).await;
        let mut function = resolved?;
        let Some(arn) = function.arn.take() else { return Ok(function.creating()) };
        writer.show_function(&arn);

        let deployed = std::mem::take(&mut function.applied);
        let (origin, now) = (writer.origin(), context.settings.clock.now());
        let default_tags = &context.settings.default_tags;
        let operator = Operator { owner: &context.owner, default_tags, account: &account.id };
        let settled = match scheduler_role {
            None => {
                let intent = RuleIntent::new(operator, origin, &valid, arn, deployed, now)?;
                rule::reconcile(reconciler, writer, intent, since).await?
            }
            Some(role) => {
                let intent = ScheduleIntent::new(operator, &origin, &valid, arn, deployed, &role, now);
                schedule::reconcile(reconciler, writer, intent, since).await?
            }
        };
        function.reconciled(settled)
    }

    async fn cleanup(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<(), Error> {
        reconciler.schedules.remembered.forget(&writer.id.uid);
        cleanup::cleanup(reconciler, self, writer).await
    }

    /// A rule or a schedule stays without further work: only the deletion of the object removes it.
    async fn retain(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> Result<(), Error> {
        reconciler.schedules.remembered.forget(&writer.id.uid);
        *reconciler.retained_at.lock() = Some(Instant::now());
        Ok(())
    }
}

/// The valid spec of an object. The schedule and the backend appear in the status.
fn validate(
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
) -> Result<Valid, Error> {
    let (context, status) = (writer.context, &mut writer.status);
    let known = status.backend.unwrap_or_default();
    let spec = valid_spec(object)
        .map_err(|message| Error::found(Component::for_backend(known), Reason::InvalidSpec, message))?;
    let default_backend = context.settings.default_backend;
    status.backend = Some(spec.backend(default_backend));
    let valid = Valid::new(spec, context.default_region(), default_backend)?;
    status.schedule = Some(valid.schedule.expression.to_string());
    status.schedule_description = Some(valid.schedule.in_words());
    Ok(valid)
}
