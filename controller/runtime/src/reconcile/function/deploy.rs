//! LambdaApi that the operator deploys: observe, plan, apply, one update at a time and none waited for.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{Applied, AppliedFunction, DeployedFunction, FunctionDefinition};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::ownership::Origin;
use lambda_triggers_core::plan::function::{
    CodeSource, DesiredFunction, FunctionConflict, FunctionPlan, FunctionState, FunctionStep,
    ObservedFunction, plan_async_invoke, plan_function, plan_function_release, plan_function_removal,
};
use lambda_triggers_core::plan::tags::check_count;
use lambda_triggers_core::status::{Component, EventReason, Failure, Reason};
use lambda_triggers_core::tenancy::ResourceRef;

use super::code::{ClusterCode, cluster_code};
use crate::aws::{AwsError, DeploymentApi, confirm_absent, retry_not_found};
use crate::objects::{Identity, Trigger};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::events::EventToEmit;
use crate::reconcile::status::StatusWriter;
use crate::reconcile::wakes::Hindrance;

/// A function after a look at it, and what was done about it.
pub struct Deployment {
    /// Its ARN; none as long as Lambda is making it: nothing can be attached to it yet.
    pub arn: Option<FunctionArn>,
    /// Its identity, as it is kept in the status.
    pub applied: AppliedFunction,
    /// Whether Lambda is at work on it for us, or will be.
    pub in_progress: bool,
    /// Why it is not as wanted, where Lambda tried and failed. What is attached to it stays.
    pub failed: Option<Failure>,
}

/// Makes the function as its definition says, as far as Lambda lets us now.
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
    let deployments = aws.deployments(region);
    let observed = deployments.deployed(&desired.name).await.map_err(Error::aws(Component::Function))?;
    if let Some(conflict) = observed.as_ref().and_then(|function| held(context, region, function, &origin)) {
        if let FunctionConflict::Held { kind, key } = &conflict {
            writer.wait(Hindrance::Holder(kind.clone(), key.clone()));
        }
        writer.wait(Hindrance::Function(region.into(), desired.name.clone()));
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
        writer.wait(Hindrance::Function(region.into(), desired.name.clone()));
        conflicting(&desired.name, region, &conflict.to_string())
    })?;
    let sets_retries = desired.async_invoke.is_some();
    let manages_retries = sets_retries || set_retries_before(&writer.status.applied, region, &desired.name);
    if manages_retries && observed.is_some() {
        let found = deployments.event_invoke_config(&desired.name).await;
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
    // At rest, Lambda may be at work for somebody else, or of itself, as when it wakes a function that was idle. Until that is
    // done, nobody can say that the function is not as wanted, and what is then put back was their change.
    let for_others = writer.was_in_sync && !new_code && !plan.steps.iter().any(FunctionStep::is_awaited);
    // A spec, or code, of which nobody knows yet whether Lambda manages it.
    let untried = new_code && sends_code || writer.status.observed_generation != writer.id.generation;
    let account = aws.account().await.map_err(Error::aws(Component::Function))?;
    let with_function = with_function(&writer.status.applied, &account.id, &applied);
    writer.record_intent(with_function, "deploying the function").await?;
    writer.changed_aws |= !plan.steps.is_empty();
    let done = carry_out(&*deployments, &desired.name, observed.as_ref(), &plan.steps).await;
    done.map_err(Error::aws(Component::Function))?;
    let is_rollout = FunctionStep::are_rollout(&plan.steps, default_tags, &definition.tags);
    let is_drift = writer.was_in_sync && !new_code && !is_rollout;
    tell(writer, &desired.name, observed.as_ref(), &plan, is_drift).await;
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
        context.wakes.ended(&Hindrance::Function(region.into(), desired.name.clone()));
    }
    match failed {
        // Nothing is attached to what never worked: what runs in its place, as under an old name, runs on.
        Some(failure) if arn.is_none() => Err(failure.into()),
        failed => {
            let tag_keys = desired.tags.keys().cloned().collect();
            let applied = AppliedFunction { tag_keys, async_invoke: sets_retries, ..applied };
            writer.requeue_soon |= plan.wait;
            Ok(Deployment { arn, applied, in_progress: plan.wait && !for_others, failed })
        }
    }
}

/// Why a function is left to another object, which adoption does not change.
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

/// Whether the cluster holds other code than what was last sent.
fn is_new(code: &CodeSource, known: Option<&str>) -> bool {
    matches!(code, CodeSource::Archive(archive) if known != Some(archive.sha256.as_str()))
}

/// Deletes the functions that were made `before` and are `wanted` no more, as far as they are ours. A function that the
/// spec names now, where it was defined before, is the user's from here on: it stays, and loses our tags before the
/// status forgets it. Tags that outlived the record would let a later definition take the function.
pub async fn release<K: Trigger>(
    context: &Context,
    writer: &StatusWriter<'_, K>,
    before: &Applied,
    wanted: &Applied,
) -> Result<(), Error> {
    let origin = writer.origin();
    let aws = context.aws_for_removal(&origin.key);
    let is_wanted = |old: &AppliedFunction| wanted.functions.iter().any(|new| same(new, old));
    let known_code = writer.status.function.as_ref().and_then(|function| function.code_sha256.as_deref());
    for AppliedFunction { region, name, tag_keys, async_invoke: _ } in
        before.functions.iter().filter(|old| !is_wanted(old))
    {
        let deployments = aws.deployments(region);
        let set_before = tag_keys.iter().cloned().collect();
        let named = may_define(context, writer, name).await?;
        let released = retry_not_found(|| async {
            let observed = confirm_absent(|| deployments.deployed(name)).await?;
            let is_left = |function: &&ObservedFunction| {
                is_used(&function.arn, wanted) || names(context, writer, &function.arn)
            };
            let (released, steps) = match observed.as_ref().filter(is_left) {
                Some(function) => {
                    (Released::Left, Ok(plan_function_release(function, &context.owner, &origin)))
                }
                None => {
                    let observed = observed.as_ref();
                    let steps = plan_function_removal(
                        observed,
                        &set_before,
                        named,
                        known_code,
                        &context.owner,
                        &origin,
                    );
                    let deletes = steps.as_ref().is_ok_and(|steps| !steps.is_empty());
                    (if deletes { Released::Deleted } else { Released::Nothing }, steps)
                }
            };
            match steps {
                Ok(steps) => {
                    carry_out(&*deployments, name, observed.as_ref(), &steps).await.map(|()| Ok(released))
                }
                Err(unmarked) => Ok(Err(unmarked)),
            }
        });
        let released = released.await.map_err(Error::aws(Component::Function))?.map_err(|unmarked| {
            let message = format!("the function {name} in {region} is not deleted: {unmarked}");
            Error::found(Component::Function, Reason::ConflictingFunction, message)
        })?;
        let (reason, note) = match released {
            Released::Nothing => continue,
            Released::Deleted => (EventReason::FunctionDeleted, format!("deleted the function {name}")),
            Released::Left => (
                EventReason::FunctionReleased,
                format!(
                    "left the function {name} as it is and removed the operator's tags, since spec.function names it and \
                     defines it no more: nobody updates or deletes it from here on"
                ),
            ),
        };
        writer.emit(EventToEmit::normal(reason, note)).await;
        context.wakes.ended(&Hindrance::Function(region.clone(), name.clone()));
    }
    Ok(())
}

/// Requests reconciles of the objects that wait for one of these functions, which no object holds any more.
pub fn freed(context: &Context, applied: &Applied) {
    for AppliedFunction { region, name, tag_keys: _, async_invoke: _ } in &applied.functions {
        context.wakes.ended(&Hindrance::Function(region.clone(), name.clone()));
    }
}

/// The end of a function that a definition made.
enum Released {
    /// There is no such function, or another owner has it.
    Nothing,
    /// It is deleted.
    Deleted,
    /// It is its user's now.
    Left,
}

/// Whether the spec defines a function of this name, and the tenancy permits that. A status that a tenant edited is no way
/// to delete a function that the tenant may not define.
async fn may_define<K: Trigger>(
    context: &Context,
    writer: &StatusWriter<'_, K>,
    name: &str,
) -> Result<bool, Error> {
    let Identity { key, .. } = &writer.id;
    if name == key.function_name(&context.owner.id, K::NAME) {
        return Ok(true);
    }
    if writer.spec.value()["function"]["definition"]["functionName"] != name {
        return Ok(false);
    }
    let Some(tenancy) = context.credentials.tenancy() else { return Ok(true) };
    let own = context.credentials.implicit_grants(&context.owner.id, key, &[K::NAME]).await;
    let own = own.map_err(Error::aws(Component::Function))?;
    Ok(tenancy.authorize(&key.namespace, &own, &ResourceRef::DeployedFunction(name.into())).is_ok())
}

/// Whether the spec names this function.
fn names<K: Trigger>(context: &Context, writer: &StatusWriter<'_, K>, function: &FunctionArn) -> bool {
    let spec = writer.spec.value();
    let named = &spec["function"];
    match named["arn"].as_str().and_then(FunctionArn::parse) {
        Some(arn) => arn.with_qualifier(None) == *function,
        None => {
            let region = spec["region"].as_str().unwrap_or(context.default_region());
            named["name"] == function.name.as_str() && region == function.region
        }
    }
}

/// Whether a trigger that is wanted invokes the function, by any qualifier.
fn is_used(function: &FunctionArn, wanted: &Applied) -> bool {
    let arns =
        wanted.permissions.iter().filter_map(|permission| FunctionArn::parse(&permission.function_arn));
    arns.map(|arn| arn.with_qualifier(None)).any(|arn| arn == *function)
}

/// The function that the spec alone says that a predecessor may have deployed: for an object that came back without
/// its status, as from a backup, with a spec that may be unreadable as a whole.
pub fn by_spec<K: Trigger>(
    context: &Context,
    object: &K,
    key: &ObjectKey,
    region: &str,
) -> Vec<AppliedFunction> {
    let definition = &object.spec().value()["function"]["definition"];
    let given = definition["functionName"].as_str().map(ToOwned::to_owned);
    let name = given.unwrap_or_else(|| key.function_name(&context.owner.id, K::NAME));
    let function = AppliedFunction { region: region.into(), name, tag_keys: vec![], async_invoke: false };
    definition.is_object().then_some(function).into_iter().collect()
}

/// What was made before, with what is about to be made.
pub fn union(before: &Applied, wanted: &mut Applied) {
    let new = |old: &&AppliedFunction| !wanted.functions.iter().any(|new| same(new, old));
    let old: Vec<AppliedFunction> = before.functions.iter().filter(new).cloned().collect();
    wanted.functions.extend(old);
}

fn with_function(applied: &Applied, account: &str, function: &AppliedFunction) -> Applied {
    let account = Some(account.to_owned());
    let mut all = Applied { account, functions: vec![function.clone()], ..applied.clone() };
    union(applied, &mut all);
    all
}

fn same(a: &AppliedFunction, b: &AppliedFunction) -> bool {
    (&a.region, &a.name) == (&b.region, &b.name)
}

fn tags_set_before(applied: &Applied, region: &str, name: &str) -> BTreeSet<String> {
    let this = |function: &&AppliedFunction| function.region == region && function.name == name;
    applied.functions.iter().filter(this).flat_map(|function| function.tag_keys.iter().cloned()).collect()
}

/// True if an earlier definition set the retries of asynchronous invocations.
fn set_retries_before(applied: &Applied, region: &str, name: &str) -> bool {
    applied
        .functions
        .iter()
        .any(|function| function.region == region && function.name == name && function.async_invoke)
}

async fn carry_out(
    deployments: &dyn DeploymentApi,
    name: &str,
    observed: Option<&ObservedFunction>,
    steps: &[FunctionStep],
) -> Result<(), AwsError> {
    for step in steps {
        match (step, observed) {
            (FunctionStep::Create(function), _) => deployments.create(function).await,
            (FunctionStep::UpdateCode(code, architecture), _) => {
                deployments.update_code(name, code, *architecture).await
            }
            (FunctionStep::UpdateConfiguration(configuration), _) => {
                deployments.update_configuration(name, configuration).await
            }
            (FunctionStep::Tag(tags), Some(function)) => deployments.tag_function(&function.arn, tags).await,
            (FunctionStep::Untag(keys), Some(function)) => {
                deployments.untag_function(&function.arn, &keys.iter().cloned().collect::<Vec<_>>()).await
            }
            // Only a function that is there has tags to change.
            (FunctionStep::Tag(_) | FunctionStep::Untag(_), None) => Ok(()),
            (FunctionStep::PutConcurrency(runs), _) => deployments.put_concurrency(name, *runs).await,
            (FunctionStep::DeleteConcurrency, _) => deployments.delete_concurrency(name).await,
            (FunctionStep::PutEventInvokeConfig(config), _) => {
                deployments.put_event_invoke_config(name, config).await
            }
            (FunctionStep::DeleteEventInvokeConfig, _) => deployments.delete_event_invoke_config(name).await,
            (FunctionStep::Delete, _) => deployments.delete_function(name).await,
        }?;
    }
    Ok(())
}

/// Tells what was done to the function `name`. `is_drift` is true if the function was as wanted once, and somebody else
/// changed it.
async fn tell<K: Trigger>(
    writer: &StatusWriter<'_, K>,
    name: &str,
    observed: Option<&ObservedFunction>,
    plan: &FunctionPlan,
    is_drift: bool,
) {
    if plan.steps.is_empty() {
        return;
    }
    let mut words: Vec<&str> = plan.steps.iter().map(what).collect();
    words.dedup();
    let words = words.join(", ");
    let event = match (observed, plan.adopted, is_drift) {
        (None, _, true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("created the function {name} again, which was gone"),
        ),
        (None, _, false) => {
            EventToEmit::normal(EventReason::FunctionCreated, format!("created the function {name}"))
        }
        (Some(_), true, _) => {
            EventToEmit::normal(EventReason::Adopted, format!("took over the function {name}: {words}"))
        }
        (Some(_), false, true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("put back what was changed on the function {name}: {words}"),
        ),
        (Some(_), false, false) => {
            EventToEmit::normal(EventReason::FunctionUpdated, format!("updated the function {name}: {words}"))
        }
    };
    writer.emit(event).await;
}

fn what(step: &FunctionStep) -> &'static str {
    match step {
        FunctionStep::Create(_) => "all of it",
        FunctionStep::UpdateCode(..) => "code",
        FunctionStep::UpdateConfiguration(_) => "settings",
        FunctionStep::Tag(_) | FunctionStep::Untag(_) => "tags",
        FunctionStep::PutConcurrency(_) | FunctionStep::DeleteConcurrency => "reserved concurrency",
        FunctionStep::PutEventInvokeConfig(_) | FunctionStep::DeleteEventInvokeConfig => "retries",
        FunctionStep::Delete => "a new one in place of one that could not be made",
    }
}

/// What the status says of the function. Of code that was just sent from a bucket, nobody knows the SHA-256 yet, and
/// while Lambda is at work, what was sent last counts, which is `known`.
fn status(
    observed: Option<&ObservedFunction>,
    plan: &FunctionPlan,
    known: Option<String>,
) -> DeployedFunction {
    let sent = plan.steps.iter().find_map(|step| match step {
        FunctionStep::UpdateCode(code, _) => Some(code),
        FunctionStep::Create(function) => Some(&function.code),
        _ => None,
    });
    let code_sha256 = match sent {
        Some(CodeSource::Archive(archive)) => Some(archive.sha256.clone()),
        Some(CodeSource::S3 { .. } | CodeSource::Image { .. }) => None,
        None if observed.is_some_and(ObservedFunction::is_busy) => known,
        None => observed.map(|function| function.code_sha256.clone()),
    };
    DeployedFunction {
        code_sha256,
        version: observed.map(|function| function.version.clone()),
        last_update: observed.map(|function| function.last_modified.clone()),
    }
}

/// What Lambda says it could not do. An attempt that it has not seen yet makes the last one's failure old news.
fn failure(function: &ObservedFunction, plan: &FunctionPlan, untried: bool) -> Option<Failure> {
    let name = &function.arn.name;
    let message = match (&function.state, &plan.failed) {
        (FunctionState::Failed(why), _) if plan.steps.is_empty() => format!(
            "Lambda could not make the function {name} work: {why} Mend what it says; then change the definition, or \
             delete the function in AWS, and it is created again{}",
            kms_runbook(why)
        ),
        (_, Some(why)) if !untried => format!(
            "Lambda could not update the function {name}, which runs as it was before: {why} Mend what it says; the \
             update is tried again{}",
            kms_runbook(why)
        ),
        _ => return environment_unread(function),
    };
    Some(Failure::new(Component::Function, Reason::FunctionFailed, message))
}

/// The way to the cure where KMS denies access, as to a role that was deleted and made again: the grant of Lambda is for the
/// role that is gone (<https://repost.aws/knowledge-center/lambda-kmsaccessdeniedexception-errors>).
fn kms_runbook(why: &str) -> &'static str {
    if why.contains("KMS access was denied") || why.contains("KMSAccessDenied") {
        "; if the role was deleted and made again, see docs/runbooks.md#a-role-that-was-deleted-and-made-again"
    } else {
        ""
    }
}

/// What to do where Lambda does not show the environment: nobody would event that it is not as wanted.
fn environment_unread(function: &ObservedFunction) -> Option<Failure> {
    let code = function.environment_unread.as_ref()?;
    let key = match function.configuration.kms_key_arn.as_str() {
        "" => "Lambda's own key",
        key => key,
    };
    let denied = code.contains("AccessDenied");
    let cure = if denied {
        format!("allow kms:Decrypt with {key} in the IAM policy of the operator's role")
    } else {
        format!("see that {key} exists, is enabled and permits kms:Decrypt to the operator's role")
    };
    let message = format!(
        "Lambda does not show the operator the environment of the function {} ({code}): {cure}; until then, nobody \
         notices where the environment alone is not as the definition says",
        function.arn.name
    );
    let reason = if denied { Reason::AccessDenied } else { Reason::AwsRefused };
    Some(Failure::new(Component::Function, reason, message))
}

fn conflicting(name: &str, region: &str, conflict: &str) -> Error {
    let message = format!("the function {name} in {region} exists and is not touched: {conflict}");
    Error::found(Component::Function, Reason::ConflictingFunction, message)
}
