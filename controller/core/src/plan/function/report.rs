//! The event, the status and the failure of a deployed function.

use super::{CodeSource, FunctionConflict, FunctionPlan, FunctionState, FunctionStep, ObservedFunction};
use crate::api::DeployedFunction;
use crate::ownership::Unmarked;
use crate::status::{Component, EventReason, EventToEmit, Failure, Reason};

/// The event for the steps on the function `name`. `is_drift` is true if the function was in sync before.
pub fn event(
    name: &str,
    observed: Option<&ObservedFunction>,
    plan: &FunctionPlan,
    is_drift: bool,
) -> Option<EventToEmit> {
    if plan.steps.is_empty() {
        return None;
    }
    let mut words: Vec<&str> = plan.steps.iter().map(what).collect();
    words.dedup();
    let words = words.join(", ");
    Some(match (observed, plan.adopted, is_drift) {
        (None, _, true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("created the function {name} again, which was deleted"),
        ),
        (None, _, false) => {
            EventToEmit::normal(EventReason::FunctionCreated, format!("created the function {name}"))
        }
        (Some(_), true, _) => {
            EventToEmit::normal(EventReason::Adopted, format!("adopted the function {name}: {words}"))
        }
        (Some(_), false, true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("reverted a change of the function {name}: {words}"),
        ),
        (Some(_), false, false) => {
            EventToEmit::normal(EventReason::FunctionUpdated, format!("updated the function {name}: {words}"))
        }
    })
}

fn what(step: &FunctionStep) -> &'static str {
    match step {
        FunctionStep::Create(_) => "the whole function",
        FunctionStep::UpdateCode(..) => "code",
        FunctionStep::UpdateConfiguration(_) => "settings",
        FunctionStep::Tag(_) | FunctionStep::Untag(_) => "tags",
        FunctionStep::PutConcurrency(_) | FunctionStep::DeleteConcurrency => "reserved concurrency",
        FunctionStep::PutEventInvokeConfig(_) | FunctionStep::DeleteEventInvokeConfig => "retries",
        FunctionStep::Delete => "replacement of a function in the state Failed",
    }
}

/// The function in the status. The SHA-256 of code from S3 is unknown right after the update. While Lambda applies a
/// change, the last sent code counts, which is `known`.
pub fn status(
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

/// The failure if an existing function is not touched.
pub fn conflicting(name: &str, region: &str, conflict: &FunctionConflict) -> Failure {
    let message = format!("the function {name} in {region} exists and is not touched: {conflict}");
    Failure::new(Component::Function, Reason::ConflictingFunction, message)
}

/// The failure if a function of unknown ownership is not deleted.
pub fn not_deleted(name: &str, region: &str, unmarked: &Unmarked) -> Failure {
    let message = format!("the function {name} in {region} is not deleted: {unmarked}");
    Failure::new(Component::Function, Reason::ConflictingFunction, message)
}

/// The failure that Lambda reports. A failure of an earlier attempt does not count if Lambda has not seen the current
/// attempt.
pub fn failure(function: &ObservedFunction, plan: &FunctionPlan, untried: bool) -> Option<Failure> {
    let name = &function.arn.name;
    let message = match (&function.state, &plan.failed) {
        (FunctionState::Failed(why), _) if plan.steps.is_empty() => format!(
            "Lambda reports the state Failed for the function {name}: {why} Fix the cause. Then change the \
             definition, or delete the function in AWS, and the operator creates the function again{}",
            kms_runbook(why)
        ),
        (_, Some(why)) if !untried => format!(
            "Lambda could not update the function {name}, which keeps running as before the update: {why} Fix \
             the cause; the operator tries the update again{}",
            kms_runbook(why)
        ),
        _ => return environment_unread(function),
    };
    Some(Failure::new(Component::Function, Reason::FunctionFailed, message))
}

/// The link to the runbook if KMS denies access. The cause may be a role that was deleted and created again: Lambda's
/// grant is for the deleted role (<https://repost.aws/knowledge-center/lambda-kmsaccessdeniedexception-errors>).
fn kms_runbook(why: &str) -> &'static str {
    if why.contains("KMS access was denied") || why.contains("KMSAccessDenied") {
        "; if the role was deleted and created again, see \
         docs/runbooks.md#a-role-that-was-deleted-and-created-again"
    } else {
        ""
    }
}

/// The failure if Lambda does not show the environment. The operator cannot detect drift of the environment then.
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
        format!("make sure that {key} exists, is enabled and permits kms:Decrypt to the operator's role")
    };
    let message = format!(
        "Lambda does not show the operator the environment of the function {} ({code}): {cure}. Until then, \
         the operator does not detect drift of the environment alone",
        function.arn.name
    );
    let reason = if denied { Reason::AccessDenied } else { Reason::AwsRefused };
    Some(Failure::new(Component::Function, reason, message))
}
