//! The reconciler: the context, and the shared writers that stand on the context.

use std::convert::Infallible;
use std::sync::Arc;

use lambda_triggers_core::api::{Applied, AppliedPermission, FunctionRef};
use lambda_triggers_core::pacing::queue::Priority;
use lambda_triggers_core::plan::permission::{Grant, PolicyView};
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::{Component, EventReason, EventToEmit, Reason};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::bucket::Buckets;
use super::context::Context;
use super::error::Error;
use super::function;
use super::orphans::OrphanQueue;
use super::permission::{Permissions, Permitted, Refused};
use super::recorded::Recorded;
use super::schedules::Schedules;
use super::status::StatusWriter;
use crate::aws::CallContext;
use crate::objects::Trigger;

/// The plan from cached reads if there is nothing to do, and otherwise from fresh reads. `observe` accepts reads that
/// began at or after the given instant. A read is fresh if the read began at or after `began`.
pub async fn until_fresh<F>(
    began: Instant,
    since: Instant,
    observe: impl Fn(Instant) -> F,
) -> Result<(TriggerPlan, PolicyView), Error>
where
    F: Future<Output = Result<(TriggerPlan, PolicyView), Error>>,
{
    let cached = observe(since).await;
    if cached.as_ref().is_ok_and(|(plan, _)| plan.is_empty()) || since >= began {
        return cached;
    }
    observe(Instant::now()).await
}

/// Reconciles objects of both kinds.
pub struct Reconciler {
    /// The context of every reconcile.
    pub context: Arc<Context>,
    /// The single writer of each bucket's document.
    pub buckets: Buckets,
    /// The single writer of each function's policy.
    pub permissions: Arc<Permissions>,
    /// The known schedules of EventBridge Scheduler.
    pub schedules: Schedules,
    /// The last time that a rule or a schedule outlived its object.
    pub retained_at: Mutex<Option<Instant>>,
    /// The buckets to check for orphans.
    pub orphans: Arc<OrphanQueue>,
}

impl Reconciler {
    /// A reconciler without workers and without pending checks.
    pub fn new(context: Arc<Context>) -> Self {
        let permissions = Arc::<Permissions>::default();
        let orphans = Arc::new(OrphanQueue::new(context.clone()));
        let buckets = Buckets::new(context.clone(), permissions.clone(), orphans.clone());
        let schedules = Schedules::default();
        Self { context, buckets, permissions, schedules, retained_at: Mutex::default(), orphans }
    }

    /// The oldest start of a read that the reconcile of an object may use. A resync uses cached reads.
    pub fn oldest_accepted_read<K: Trigger>(&self, writer: &StatusWriter<'_, K>) -> Instant {
        let is_resync = writer.was_in_sync && CallContext::current().priority() == Priority::Low;
        if is_resync { self.context.oldest_cached_read() } else { writer.began }
    }

    /// Observes the permission of the grant. A read that began at or after `since` is accepted.
    pub async fn observe_permission<K: Trigger>(
        &self,
        writer: &StatusWriter<'_, K>,
        grant: &Grant<'_>,
        target: &FunctionRef,
        since: Instant,
    ) -> Result<PolicyView, Error> {
        let was_missing = writer.last_failure(Component::Function) == Some(Reason::FunctionNotFound.as_str());
        let (doubts, recorded) = ((writer.trusts_others, was_missing), &writer.status.applied);
        match self.permissions.observe(&self.context, &writer.id, grant, recorded, doubts, since).await {
            Ok(view) => Ok(view),
            Err(error) => Err(self.missing(writer, grant, target, error).await),
        }
    }

    /// Permits the source of the grant to invoke the function, and reports the permission. A definite refusal of a new
    /// statement withdraws the record of the plan.
    pub async fn permit<K: Trigger>(
        &self,
        writer: &mut StatusWriter<'_, K>,
        grant: &Grant<'_>,
        target: &FunctionRef,
        view: PolicyView,
        recorded: &Recorded,
    ) -> Result<(), Error> {
        let (name, source) = (grant.function.short(), &grant.source);
        let is_new = view == PolicyView::Unread;
        let permitted = self
            .permissions
            .apply(&self.context, &writer.id, grant, view, writer.trusts_others, recorded)
            .await;
        match permitted {
            Ok(Permitted::Own { added }) => {
                writer.changed_aws |= added;
                writer.mark_ready(Component::Permission);
                if added && writer.was_in_sync {
                    let note = format!("restored the permission for {source} to invoke {name}");
                    writer.emit(EventToEmit::warning(EventReason::DriftRepaired, note)).await;
                }
            }
            Ok(Permitted::ByOthers { sid }) => writer.set_external_permission(format!(
                "AWS denies the operator a change of the policy of {name}, whose statement {sid} permits {source} to invoke it"
            )),
            Ok(Permitted::External) => writer.set_external_permission(format!(
                "spec.function.permission is External: the operator neither adds nor checks the permission of {source} to invoke {name}"
            )),
            Err(Refused { error, changed }) => {
                writer.changed_aws |= changed;
                if is_new {
                    writer.withdraw_record();
                }
                return Err(self.missing(writer, grant, target, error).await);
            }
        }
        writer.mark_ready(Component::Function);
        Ok(())
    }

    async fn missing<K: Trigger>(
        &self,
        writer: &StatusWriter<'_, K>,
        grant: &Grant<'_>,
        target: &FunctionRef,
        error: Error,
    ) -> Error {
        function::missing(&self.context, writer, &grant.function.region, target, error).await
    }

    /// Removes the obsolete functions, then the obsolete permissions. The object needs the resources of `wanted`.
    /// `in_use` returns true if an AWS resource of this operator still needs the statement.
    pub async fn release_functions<'a, K: Trigger, F>(
        &self,
        writer: &StatusWriter<'_, K>,
        obsolete: &'a Applied,
        wanted: &Applied,
        in_use: impl Fn(&'a AppliedPermission) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<bool, Error>>,
    {
        let deleted = function::release(&self.context, writer, obsolete, wanted).await?;
        deleted.0.iter().for_each(|function| self.permissions.forget_function(function));
        for permission in &obsolete.permissions {
            if deleted.have_policy_of(permission) {
                self.permissions.unclaim(permission, &writer.id.uid);
                continue;
            }
            self.permissions.release(&self.context, permission, &writer.id, || in_use(permission)).await?;
        }
        Ok(())
    }

    /// Checks each bucket of the orphan queue when its check is due. Never ends.
    pub async fn check_orphans(&self) -> Infallible {
        loop {
            let (bucket, check) = self.orphans.next_due().await;
            let succeeded = self.buckets.check(&bucket, &check.namespace).await.is_ok();
            self.orphans.finish(bucket, &check, succeeded).await;
        }
    }
}
