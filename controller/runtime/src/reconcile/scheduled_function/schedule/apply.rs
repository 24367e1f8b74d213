//! The writes of a schedule, and of the group before the first write.

use jiff::Timestamp;
use lambda_triggers_core::plan::intent::scheduled_function::ScheduleIntent;
use lambda_triggers_core::plan::schedule::{ScheduleKey, SchedulePlan, ScheduleStep, plan_schedule};
use lambda_triggers_core::status::{Component, Reason};

use crate::aws::{AwsError, AwsErrorKind, SchedulerApi};
use crate::objects::RawScheduledFunction;
use crate::reconcile::error::{Error, Reported};
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::recorded::Recorded;
use crate::reconcile::schedules::GroupPlace;
use crate::reconcile::status::StatusWriter;

/// Fails if the group belongs to somebody else, or if AWS denies the check. The check comes before the record, so that
/// the next attempts do not change the status.
pub async fn check_group(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    intent: &ScheduleIntent,
) -> Result<(), Error> {
    let context = &reconciler.context;
    let schedules = context.aws(&writer.id.key).scheduler(&intent.region);
    reconciler.schedules.groups.check(context, &*schedules, &place(intent)).await
}

fn place(intent: &ScheduleIntent) -> GroupPlace {
    GroupPlace { region: intent.region.clone(), account: intent.account.clone() }
}

/// Carries out the plan of a recorded schedule. Returns the plan that was carried out: if AWS shows another state than
/// the plan expects, the schedule is read and planned again.
pub async fn apply(
    reconciler: &Reconciler,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
    intent: &ScheduleIntent,
    plan: SchedulePlan,
    recorded: &Recorded,
    now: Timestamp,
) -> Result<SchedulePlan, Error> {
    let Some(step) = &plan.step else { return Ok(plan) };
    let is_new = matches!(step, ScheduleStep::Create(_));
    // A list from before the write may still show the remembered schedule.
    reconciler.schedules.remembered.forget(&writer.id.uid);
    let done = write(reconciler, writer, intent, &plan, recorded, now).await;
    match done {
        // Nothing was created, and a deletion of the schedule could be denied too. After other refusals the record stays, so
        // that the next attempts do not change the status.
        Err(error) if is_new && is_denied(&error) => {
            writer.withdraw_record();
            Err(error)
        }
        done => {
            writer.changed_aws = true;
            Ok(done?.unwrap_or(plan))
        }
    }
}

/// Writes the group and the schedule. Returns another plan if the schedule was planned again.
async fn write(
    reconciler: &Reconciler,
    writer: &StatusWriter<'_, RawScheduledFunction>,
    intent: &ScheduleIntent,
    plan: &SchedulePlan,
    recorded: &Recorded,
    now: Timestamp,
) -> Result<Option<SchedulePlan>, Error> {
    let (context, groups) = (&reconciler.context, &reconciler.schedules.groups);
    let schedules = context.aws(&writer.id.key).scheduler(&intent.region);
    let place = place(intent);
    let key = &intent.schedule.key;
    let ensure_group = async || {
        if let Some(event) = groups.ensure(context, &*schedules, place.clone(), recorded).await? {
            writer.emit(event).await;
        }
        Ok::<_, Error>(())
    };
    let failed = |error: AwsError| failed(intent, error);
    ensure_group().await?;
    match carry_out(&*schedules, key, plan).await {
        Ok(()) => return Ok(None),
        Err(error) if is_outdated(plan, &error.kind) => {}
        Err(error) => return Err(failed(error)),
    }
    groups.forget(&place).await;
    ensure_group().await?;
    let found = schedules.schedule(key).await.map_err(failed)?.map(|dated| dated.schedule);
    let plan = plan_schedule(&intent.schedule, found.as_ref(), now);
    carry_out(&*schedules, key, &plan).await.map_err(failed)?;
    Ok(Some(plan))
}

/// Carries out the step of a plan. A schedule that AWS has deleted in the meantime needs no deletion.
async fn carry_out(
    schedules: &dyn SchedulerApi,
    key: &ScheduleKey,
    plan: &SchedulePlan,
) -> Result<(), AwsError> {
    match &plan.step {
        Some(ScheduleStep::Create(body)) => schedules.create_schedule(key, body).await,
        Some(ScheduleStep::Update(body)) => schedules.update_schedule(key, body).await,
        Some(ScheduleStep::Delete) => match schedules.delete_schedule(key).await {
            Err(error) if error.kind == AwsErrorKind::NotFound => Ok(()),
            done => done,
        },
        None => Ok(()),
    }
}

fn is_denied(error: &Error) -> bool {
    error
        .failure()
        .is_some_and(|failure| matches!(failure.reason, Reason::AccessDenied | Reason::NotPermitted))
}

/// True if AWS has another state than the plan expects: the schedule exists already, or the schedule or the group is
/// gone.
fn is_outdated(plan: &SchedulePlan, kind: &AwsErrorKind) -> bool {
    let is_new = matches!(plan.step, Some(ScheduleStep::Create(_)));
    *kind == AwsErrorKind::NotFound || is_new && *kind == AwsErrorKind::Conflict
}

/// The error of a write. The refusal of the role gets a message with the trust policy to set.
fn failed(intent: &ScheduleIntent, error: AwsError) -> Error {
    if error.kind == AwsErrorKind::SchedulerRoleRefused {
        return Error::Trigger { failure: Reported(intent.role_refused()), source: Some(Box::new(error)) };
    }
    Error::aws(Component::Schedule)(error)
}
