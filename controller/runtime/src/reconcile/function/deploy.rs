//! The deployment of a function from `spec.function.definition`: observe, plan and apply. The operator starts one
//! update at a time and does not wait for its end.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{AdoptionPolicy, AppliedFunction, FunctionDefinition};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::Origin;
use lambda_triggers_core::plan::function::{
    ClusterCode, CodeSource, DesiredFunction, EventInvokeConfig, FunctionConflict, FunctionPlan,
    FunctionState, FunctionStep, ObservedFunction, conflicting, event, failure, plan_async_invoke,
    plan_function, status,
};
use lambda_triggers_core::plan::tags::check_count;
use lambda_triggers_core::status::{Component, EventReason, EventToEmit, Reason};

use super::applied::with_function;
use super::code::cluster_code;
use super::resolved::Resolved;
use super::steps::apply;
use crate::aws::{AwsErrorKind, LambdaReads};
use crate::objects::Trigger;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::permission::Permissions;
use crate::reconcile::status::StatusWriter;
use crate::reconcile::wakes::Hindrance;

/// Applies the definition to the function, as far as the state of the function allows. A function that the status does
/// not record is created without a read: Lambda's answer tells if the name is in use, and a read then decides.
pub async fn deploy<K: Trigger>(
    context: &Context,
    permissions: &Permissions,
    writer: &mut StatusWriter<'_, K>,
    region: &str,
    account: &str,
    definition: &FunctionDefinition,
) -> Result<Resolved, Error> {
    let origin = writer.origin();
    let code = cluster_code(context, &origin.key.namespace, definition).await?;
    let (files, warning) = code.map(|ClusterCode { archive, warning }| (archive, warning)).unzip();
    let default_tags = &context.settings.default_tags;
    let desired = DesiredFunction::from_definition(&context.owner, &origin, default_tags, definition, files);
    check_count("spec.function.definition.tags", &desired.tags)
        .map_err(|message| Error::found(Component::Function, Reason::InvalidSpec, message))?;
    let before = writer.status.applied.clone();
    let recorded = before.function(region, &desired.name);
    let deployment = Deployment {
        region,
        set_before: recorded.iter().flat_map(|function| function.tag_keys.iter().cloned()).collect(),
        known_code: writer.status.function.as_ref().and_then(|function| function.code_sha256.clone()),
        manages_retries: desired.async_invoke.is_some()
            || recorded.is_some_and(|function| function.async_invoke),
        adoption_policy: definition.adoption_policy,
        desired,
    };
    let name = &deployment.desired.name;
    let lambda = context.aws(&origin.key).lambda(region);
    // After a conflict, another creation would be one more refused write at each resync.
    let is_new = recorded.is_none() && writer.last_failure(Component::Function).is_none();
    let mut observed = if is_new { None } else { deployment.observe(&*lambda).await? };
    let plan = loop {
        let plan = deployment.plan(context, writer, observed.as_ref()).inspect_err(|_| {
            writer.status.applied.clone_from(&before);
        })?;
        let applied = deployment.applied(observed.is_some() || !is_new);
        let recorded =
            writer.record(with_function(&before, account, &applied), "deploying the function").await?;
        writer.changed_aws |= !plan.steps.is_empty();
        let function = observed.as_ref().map(|observed| &observed.function);
        match apply(&*lambda, name, function, &plan.steps, &recorded).await {
            Err(error) if observed.is_none() && error.kind == AwsErrorKind::Conflict => {
                let found = deployment.observe(&*lambda).await?;
                observed = Some(found.ok_or_else(|| Error::aws(Component::Function)(error))?);
            }
            done => {
                done.map_err(Error::aws(Component::Function))?;
                break plan;
            }
        }
    };
    writer.status.applied = with_function(&before, account, &deployment.applied(true));
    if plan.steps.iter().any(|step| matches!(step, FunctionStep::Create(_))) {
        permissions.forget_function(&FunctionArn::of_name(name, region, account));
    }
    let new_code = is_new_code(&deployment.desired.code, deployment.known_code.as_deref());
    let sends_code = plan.steps.iter().any(|step| matches!(step, FunctionStep::UpdateCode(..)));
    // Lambda may be changing a function in sync for another client, or by itself, for example when Lambda activates an
    // idle function. The function counts as in sync until the change ends. A difference after the end is drift.
    let for_others = writer.was_in_sync && !new_code && !plan.steps.iter().any(FunctionStep::is_awaited);
    // True if Lambda has not tried this spec or this code yet.
    let untried = new_code && sends_code || writer.status.observed_generation != writer.id.generation;
    let is_rollout = FunctionStep::are_rollout(&plan.steps, default_tags, &definition.tags);
    let is_drift = writer.was_in_sync && !new_code && !is_rollout;
    let observed = observed.map(|observed| observed.function);
    if let Some(event) = event(name, observed.as_ref(), &plan, is_drift) {
        writer.emit(event).await;
    }
    if let Some(warning) = warning.flatten().filter(|_| plan.steps.iter().any(FunctionStep::is_awaited)) {
        writer.emit(EventToEmit::warning(EventReason::HandlerNotFound, warning)).await;
    }
    writer.status.function = Some(status(observed.as_ref(), &plan, deployment.known_code.clone()));
    let failed = observed.as_ref().and_then(|function| failure(function, &plan, untried));
    let is_usable = |function: &&ObservedFunction| match function.state {
        FunctionState::Usable => true,
        FunctionState::Pending => for_others,
        FunctionState::Failed(_) => false,
    };
    let arn = observed.as_ref().filter(is_usable).map(|function| function.arn.clone());
    if arn.is_some() {
        context.wakes.wake_all(&Hindrance::Function(region.into(), name.clone()));
    }
    match failed {
        // The old triggers stay, for example triggers of a function with an earlier name. A function that never worked
        // gets no trigger.
        Some(failure) if arn.is_none() => Err(failure.into()),
        failed => {
            let in_progress = plan.wait && !for_others;
            Ok(Resolved {
                arn,
                applied: vec![deployment.wanted()],
                in_progress,
                requeue_soon: plan.wait,
                failed,
            })
        }
    }
}

/// The facts that decide about the function of a definition.
struct Deployment<'a> {
    region: &'a str,
    desired: DesiredFunction,
    /// The keys of the tags that the operator has set.
    set_before: BTreeSet<String>,
    /// The hash of the last code sent.
    known_code: Option<String>,
    /// True if this definition or an earlier one sets the retries of asynchronous invocations.
    manages_retries: bool,
    adoption_policy: AdoptionPolicy,
}

/// A function with the configuration of asynchronous invocations, if the operator manages the configuration.
struct Observed {
    function: ObservedFunction,
    async_invoke: Option<EventInvokeConfig>,
}

impl Deployment<'_> {
    /// Reads the function; `None` if not found.
    async fn observe(&self, lambda: &dyn LambdaReads) -> Result<Option<Observed>, Error> {
        let name = &self.desired.name;
        let function = lambda.deployed(name).await.map_err(Error::aws(Component::Function))?;
        let Some(function) = function else { return Ok(None) };
        let mut async_invoke = None;
        if self.manages_retries {
            let found = lambda.event_invoke_config(name).await;
            async_invoke = found.map_err(Error::aws(Component::Function))?;
        }
        Ok(Some(Observed { function, async_invoke }))
    }

    /// The steps for the function. After a conflict, the object waits for the end of the conflict.
    fn plan<K: Trigger>(
        &self,
        context: &Context,
        writer: &StatusWriter<'_, K>,
        observed: Option<&Observed>,
    ) -> Result<FunctionPlan, Error> {
        let (origin, name) = (writer.origin(), &self.desired.name);
        let conflict = |conflict: FunctionConflict| {
            if let FunctionConflict::Held { kind, key } = &conflict {
                writer.wake_after(Hindrance::Holder(kind.clone(), key.clone()));
            }
            writer.wake_after(Hindrance::Function(self.region.into(), name.clone()));
            Error::from(conflicting(name, self.region, &conflict))
        };
        let function = observed.map(|observed| &observed.function);
        if let Some(held) = function.and_then(|function| held(context, self.region, function, &origin)) {
            return Err(conflict(held));
        }
        let mut plan = plan_function(
            &self.desired,
            function,
            &self.set_before,
            self.known_code.as_deref(),
            &context.owner,
            &origin,
            self.adoption_policy,
        )
        .map_err(conflict)?;
        if let Some(observed) = observed.filter(|_| self.manages_retries) {
            plan_async_invoke(&mut plan, self.desired.async_invoke.as_ref(), observed.async_invoke.as_ref());
        }
        Ok(plan)
    }

    /// The record of the function. Before a creation without a read, the record names no tags: the function of this name
    /// may be foreign.
    fn applied(&self, names_tags: bool) -> AppliedFunction {
        let keys: BTreeSet<&String> = self.desired.tags.keys().chain(&self.set_before).collect();
        let tag_keys = if names_tags { keys.into_iter().cloned().collect() } else { vec![] };
        AppliedFunction { tag_keys, async_invoke: self.manages_retries, ..self.wanted() }
    }

    /// The record of the function after all changes.
    fn wanted(&self) -> AppliedFunction {
        AppliedFunction {
            region: self.region.into(),
            name: self.desired.name.clone(),
            tag_keys: self.desired.tags.keys().cloned().collect(),
            async_invoke: self.desired.async_invoke.is_some(),
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
fn is_new_code(code: &CodeSource, known: Option<&str>) -> bool {
    matches!(code, CodeSource::Archive(archive) if known != Some(archive.sha256.as_str()))
}
