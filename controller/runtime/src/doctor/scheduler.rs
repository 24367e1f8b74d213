//! Checks of EventBridge Scheduler: the role and its permissions, the schedule group, and the permissions to read.

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::diagnosis::Check;
use lambda_triggers_core::ownership::{Owner, OwnerId};
use lambda_triggers_core::plan::schedule::{ScheduleKey, group_arn, plan_group};
use lambda_triggers_core::status::Component;
use lambda_triggers_core::tenancy::check_own_scheduler_role;
use tokio::time::Instant;

use super::read;
use crate::aws::{Aws, AwsError, AwsErrorKind, Caller, Sdk};

/// The subject of the checks.
pub const SCHEDULER: &str = "EventBridge Scheduler";

/// Checks the operator's own `role` for EventBridge Scheduler, and the reads of the operator. The role must be able to
/// invoke `functions`.
pub async fn examine(
    sdk: &Sdk,
    caller: &Caller,
    owner: Option<&OwnerId>,
    role: Option<&str>,
    functions: &[FunctionArn],
) -> Vec<Check> {
    let Some(role) = role else {
        let finding = "no role is set, so only rules run schedules; to use it, create a role with lambda-triggers \
                       iam-policy --for scheduler-role, and give --scheduler-role-arn";
        return vec![Check::skipped(SCHEDULER, finding)];
    };
    let mut checks = match check_own_scheduler_role(role, &caller.account) {
        Ok(()) => {
            let own = Check::ok(SCHEDULER, format!("invokes the functions with {role}"));
            [vec![own], invocations(sdk, caller, role, functions).await].concat()
        }
        Err(refusal) => vec![Check::failed(SCHEDULER, refusal.to_string())],
    };
    if let Some(owner) = owner {
        checks.extend(reads(sdk, caller, owner).await);
    }
    checks
}

/// Asks IAM whether the role may invoke each function, until IAM gives no decision.
async fn invocations(sdk: &Sdk, caller: &Caller, role: &str, functions: &[FunctionArn]) -> Vec<Check> {
    if functions.is_empty() {
        let any = FunctionArn::of_name("NAME", sdk.default_region(), &caller.account);
        let command = simulation(role, &[any]);
        let finding = format!("give --function NAME to ask IAM, or print the decision of IAM with {command}");
        return vec![Check::skipped(of_role(role), finding)];
    }
    let iam = sdk.iam();
    let mut checks = vec![];
    for function in functions {
        match iam.may_invoke(role, &function.to_string()).await {
            Ok(is_allowed) => {
                checks.push(decision(role, &name_of(function, &caller.account), function, is_allowed))
            }
            Err(error) => {
                checks.push(no_decision(role, functions, &error));
                break;
            }
        }
    }
    checks
}

/// The name of a function in `account`, or the ARN of any other function.
fn name_of(function: &FunctionArn, account: &str) -> String {
    if function.account == account { function.short() } else { function.to_string() }
}

fn decision(role: &str, name: &str, function: &FunctionArn, is_allowed: bool) -> Check {
    if is_allowed {
        return Check::ok(of_role(role), format!("may invoke {name}"));
    }
    let finding = format!(
        "may not invoke {name}: allow lambda:InvokeFunction on {function} in the role's policy, as in the statement \
         Invoke of lambda-triggers iam-policy --for scheduler-role, and make sure that no policy denies it"
    );
    Check::failed(of_role(role), finding)
}

/// The check without a decision. Only a missing role is a failure, because the operator itself never calls IAM.
fn no_decision(role: &str, functions: &[FunctionArn], error: &AwsError) -> Check {
    if error.kind == AwsErrorKind::NotFound {
        let finding = "does not exist; create it with lambda-triggers iam-policy --for scheduler-role, or give another \
                       --scheduler-role-arn";
        return Check::failed(of_role(role), finding);
    }
    let (why, command) = (error.failure(Component::Permission).message, simulation(role, functions));
    Check::skipped(of_role(role), format!("{why}; or print the decision of IAM with {command}"))
}

/// The subject of the checks of a role.
fn of_role(role: &str) -> String {
    format!("role {role}")
}

/// Reads a schedule and a group that may not exist: AWS answers access denied even for a missing schedule.
async fn reads(sdk: &Sdk, caller: &Caller, owner: &OwnerId) -> Vec<Check> {
    let region = sdk.default_region();
    let scheduler = sdk.scheduler(region);
    let group = owner.group_name();
    let key = ScheduleKey { group: group.clone(), name: format!("{}doctor", owner.prefix()) };
    let tags = scheduler.group_tags(&group_arn(&group, region, &caller.account)).await;
    // The doctor changes nothing, so the operator's cluster does not matter.
    let owner = Owner { id: owner.clone(), cluster: String::new() };
    let conflict = match &tags {
        Ok(Some(tags)) => plan_group(Some(tags), &owner).err(),
        Ok(None) | Err(_) => None,
    };
    let group_check = match conflict {
        Some(conflict) => Check::failed(SCHEDULER, conflict.failure(&owner, region).message),
        None => read("scheduler:ListTagsForResource", tags, Component::Schedule, |tags| match tags {
            Some(_) => format!("on the schedule group {group}, which belongs to this operator"),
            None => format!("on the schedule group {group}, which does not exist yet"),
        }),
    };
    vec![
        read("scheduler:GetSchedule", scheduler.schedule(&key).await, Component::Schedule, |_| {
            format!("on schedules {group}/*")
        }),
        read(
            "scheduler:ListSchedules",
            scheduler.list(&group, Instant::now()).await,
            Component::Schedule,
            |_| "of any group".into(),
        ),
        group_check,
    ]
}

/// The command that prints the decision of IAM for each function. The decision outside of `ResourceSpecificResults` is
/// the strictest of all
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>).
fn simulation(role: &str, functions: &[FunctionArn]) -> String {
    let functions: Vec<String> = functions.iter().map(ToString::to_string).collect();
    format!(
        "aws iam simulate-principal-policy --policy-source-arn {role} --action-names lambda:InvokeFunction \
         --resource-arns {} --query \
         'EvaluationResults[].ResourceSpecificResults[].[EvalResourceName,EvalResourceDecision]' --output text",
        functions.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/schedules";

    fn function(name: &str) -> FunctionArn {
        FunctionArn::of_name(name, "eu-west-1", "123456789012")
    }

    #[test]
    fn the_decision_of_iam_is_a_check() {
        let check = |is_allowed| decision(ROLE, "report", &function("report"), is_allowed);
        let what = "role arn:aws:iam::123456789012:role/schedules";
        assert_eq!(check(true), Check::ok(what, "may invoke report"));
        let finding = "may not invoke report: allow lambda:InvokeFunction on \
                       arn:aws:lambda:eu-west-1:123456789012:function:report in the role's policy, as in the \
                       statement Invoke of lambda-triggers iam-policy --for scheduler-role, and make sure \
                       that no policy denies it";
        assert_eq!(check(false), Check::failed(what, finding));
    }

    #[test]
    fn only_a_missing_role_is_a_failure_without_a_decision() {
        let check = |status, code| {
            let error =
                AwsError::rejected("iam:SimulatePrincipalPolicy", of_role(ROLE), status, code, "No.", None);
            no_decision(ROLE, &[function("one"), function("two")], &error)
        };
        let what = "role arn:aws:iam::123456789012:role/schedules";
        let skipped = |why: &str| {
            let command = "aws iam simulate-principal-policy --policy-source-arn \
                           arn:aws:iam::123456789012:role/schedules --action-names lambda:InvokeFunction \
                           --resource-arns arn:aws:lambda:eu-west-1:123456789012:function:one \
                           arn:aws:lambda:eu-west-1:123456789012:function:two --query \
                           'EvaluationResults[].ResourceSpecificResults[].[EvalResourceName,EvalResourceDecision]' \
                           --output text";
            Check::skipped(what, format!("{why}; or print the decision of IAM with {command}"))
        };
        assert_eq!(
            [check(404, "NoSuchEntity"), check(403, "AccessDenied"), check(500, "PolicyEvaluation")],
            [
                Check::failed(
                    what,
                    "does not exist; create it with lambda-triggers iam-policy --for scheduler-role, or give another \
                     --scheduler-role-arn"
                ),
                skipped(
                    "AWS denies iam:SimulatePrincipalPolicy on role arn:aws:iam::123456789012:role/schedules: allow \
                     iam:SimulatePrincipalPolicy in the IAM policy of the operator's role"
                ),
                skipped(
                    "AWS failed at iam:SimulatePrincipalPolicy on role arn:aws:iam::123456789012:role/schedules \
                     (PolicyEvaluation); trying again"
                ),
            ]
        );
    }
}
