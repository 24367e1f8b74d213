//! The deployment of a function from `spec.function.definition`: observe, plan and apply. The operator starts one
//! update at a time and does not wait for its end.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{AppliedFunction, FunctionDefinition};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::Origin;
use lambda_triggers_core::plan::function::{
    CodeSource, DesiredFunction, FunctionConflict, FunctionState, FunctionStep, ObservedFunction,
    plan_async_invoke, plan_function,
};
use lambda_triggers_core::plan::tags::check_count;
use lambda_triggers_core::status::{Component, EventReason, Failure, Reason};

use super::applied::{set_retries_before, tags_set_before, with_function};
use super::code::{ClusterCode, cluster_code};
use super::report::{emit_event, failure, status};
use super::steps::carry_out;
use crate::objects::Trigger;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::events::EventToEmit;
use crate::reconcile::status::StatusWriter;
use crate::reconcile::wakes::Hindrance;

/// The result of a deployment.
pub struct Deployment {
    /// The ARN; `None` while Lambda creates the function, since no trigger can reference the function yet.
    pub arn: Option<FunctionArn>,
    /// The identity of the function for the status.
    pub applied: AppliedFunction,
    /// True while Lambda applies a change of this operator, or has to apply a further change.
    pub in_progress: bool,
    /// The failure of the last update by Lambda. The triggers of the function stay.
    pub failed: Option<Failure>,
}

/// Applies the definition to the function, as far as the state of the function allows.
pub async fn deploy<K: Trigger>(
    context: &Context,
    writer: &mut StatusWriter<'_, K>,
    region: &str,
    definition: &FunctionDefinition,
) -> Result<Deployment, Error> {
    let origin = writer.origin();
    let code = cluster_code(context, &origin.key.namespace, definition).await?;
    let (files, warning) = code.map(|ClusterCode { archive, warning }| (archive, warning)).unzip();
    let default_tags = &context.settings.default_tags;
    let desired = DesiredFunction::from_definition(&context.owner, &origin, default_tags, definition, files);
    check_count("spec.function.definition.tags", &desired.tags)
        .map_err(|message| Error::found(Component::Function, Reason::InvalidSpec, message))?;
    let aws = context.aws(&origin.key);
    let lambda = aws.lambda(region);
    let observed = lambda.deployed(&desired.name).await.map_err(Error::aws(Component::Function))?;
    if let Some(conflict) = observed.as_ref().and_then(|function| held(context, region, function, &origin)) {
        if let FunctionConflict::Held { kind, key } = &conflict {
            writer.wake_after(Hindrance::Holder(kind.clone(), key.clone()));
        }
        writer.wake_after(Hindrance::Function(region.into(), desired.name.clone()));
        return Err(conflicting(&desired.name, region, &conflict.to_string()));
    }
    let set_before = tags_set_before(&writer.status.applied, region, &desired.name);
    let known_code = writer.status.function.as_ref().and_then(|function| function.code_sha256.clone());
    let plan = plan_function(
        &desired,
        observed.as_ref(),
        &set_before,
        known_code.as_deref(),
        &context.owner,
        &origin,
        definition.adoption_policy,
    );
    let mut plan = plan.map_err(|conflict| {
        writer.wake_after(Hindrance::Function(region.into(), desired.name.clone()));
        conflicting(&desired.name, region, &conflict.to_string())
    })?;
    let sets_retries = desired.async_invoke.is_some();
    let manages_retries = sets_retries || set_retries_before(&writer.status.applied, region, &desired.name);
    if manages_retries && observed.is_some() {
        let found = lambda.event_invoke_config(&desired.name).await;
        let found = found.map_err(Error::aws(Component::Function))?;
        plan_async_invoke(&mut plan, desired.async_invoke.as_ref(), found.as_ref());
    }
    let applied = AppliedFunction {
        region: region.into(),
        name: desired.name.clone(),
        tag_keys: desired
            .tags
            .keys()
            .chain(&set_before)
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        async_invoke: manages_retries,
    };
    let new_code = is_new(&desired.code, known_code.as_deref());
    let sends_code = plan.steps.iter().any(|step| matches!(step, FunctionStep::UpdateCode(..)));
    // Lambda may be changing a function in sync for another client, or by itself, for example when Lambda activates an
    // idle function. The function counts as in sync until the change ends. A difference after the end is drift.
    let for_others = writer.was_in_sync && !new_code && !plan.steps.iter().any(FunctionStep::is_awaited);
    // True if Lambda has not tried this spec or this code yet.
    let untried = new_code && sends_code || writer.status.observed_generation != writer.id.generation;
    let account = aws.account().await.map_err(Error::aws(Component::Function))?;
    let with_function = with_function(&writer.status.applied, &account.id, &applied);
    writer.record_intent(with_function, "deploying the function").await?;
    writer.changed_aws |= !plan.steps.is_empty();
    let done = carry_out(&*lambda, &desired.name, observed.as_ref(), &plan.steps).await;
    done.map_err(Error::aws(Component::Function))?;
    let is_rollout = FunctionStep::are_rollout(&plan.steps, default_tags, &definition.tags);
    let is_drift = writer.was_in_sync && !new_code && !is_rollout;
    emit_event(writer, &desired.name, observed.as_ref(), &plan, is_drift).await;
    if let Some(warning) = warning.flatten().filter(|_| plan.steps.iter().any(FunctionStep::is_awaited)) {
        writer.emit(EventToEmit::warning(EventReason::HandlerNotFound, warning)).await;
    }
    writer.status.function = Some(status(observed.as_ref(), &plan, known_code));
    let failed = observed.as_ref().and_then(|function| failure(function, &plan, untried));
    let is_usable = |function: &&ObservedFunction| match function.state {
        FunctionState::Usable => true,
        FunctionState::Pending => for_others,
        FunctionState::Failed(_) => false,
    };
    let arn = observed.as_ref().filter(is_usable).map(|function| function.arn.clone());
    if arn.is_some() {
        context.wakes.wake_all(&Hindrance::Function(region.into(), desired.name.clone()));
    }
    match failed {
        // The old triggers stay, for example triggers of a function with an earlier name. A function that never worked
        // gets no trigger.
        Some(failure) if arn.is_none() => Err(failure.into()),
        failed => {
            let tag_keys = desired.tags.keys().cloned().collect();
            let applied = AppliedFunction { tag_keys, async_invoke: sets_retries, ..applied };
            writer.requeue_soon |= plan.wait;
            Ok(Deployment { arn, applied, in_progress: plan.wait && !for_others, failed })
        }
    }
}

/// The conflict if another object holds the function. `adoptionPolicy` does not change this conflict.
fn held(
    context: &Context,
    region: &str,
    function: &ObservedFunction,
    origin: &Origin,
) -> Option<FunctionConflict> {
    let (kind, key) = function.made_for(&context.owner)?;
    let is_other = (kind, &key) != (origin.kind, &origin.key);
    let held = is_other && context.stores.deploys(kind, &key, region, &function.arn.name);
    held.then(|| FunctionConflict::Held { kind: kind.into(), key })
}

/// True if the code in the cluster differs from the last code sent.
fn is_new(code: &CodeSource, known: Option<&str>) -> bool {
    matches!(code, CodeSource::Archive(archive) if known != Some(archive.sha256.as_str()))
}

fn conflicting(name: &str, region: &str, conflict: &str) -> Error {
    let message = format!("the function {name} in {region} exists and is not touched: {conflict}");
    Error::found(Component::Function, Reason::ConflictingFunction, message)
}
