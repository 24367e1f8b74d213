//! Checks of EventBridge Scheduler: the role, the schedule group, and the permissions to read.

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{Owner, OwnerId};
use lambda_triggers_core::plan::schedule::{ScheduleKey, group_arn, plan_group};
use lambda_triggers_core::status::Component;
use lambda_triggers_core::tenancy::check_own_scheduler_role;
use tokio::time::Instant;

use super::check::{Check, read};
use crate::aws::{Aws, Caller, Sdk};

/// The subject of the checks.
pub const SCHEDULER: &str = "EventBridge Scheduler";

/// Checks the operator's own `role` for EventBridge Scheduler, and the reads of the operator. `functions` are names or
/// ARNs.
pub async fn examine(
    sdk: &Sdk,
    caller: &Caller,
    owner: Option<&OwnerId>,
    role: Option<&str>,
    functions: &[String],
) -> Vec<Check> {
    let Some(role) = role else {
        let finding = "no role is set, so only rules run schedules; to use it, create a role with lambda-triggers \
                       doctor --print-scheduler-role, and give --scheduler-role-arn";
        return vec![Check::skipped(SCHEDULER, finding)];
    };
    let mut checks = vec![match check_own_scheduler_role(role, &caller.account) {
        Ok(()) => Check::ok(SCHEDULER, format!("invokes the functions with {role}")),
        Err(refusal) => Check::failed(SCHEDULER, refusal.to_string()),
    }];
    if let Some(owner) = owner {
        checks.extend(reads(sdk, caller, owner).await);
    }
    let command = simulation(role, functions, sdk.default_region(), &caller.account);
    checks.push(Check::skipped(
        format!("invocations by {role}"),
        format!("doctor does not call IAM; print the decision of IAM with {command}"),
    ));
    checks
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

/// The command that prints whether the role may invoke the functions. IAM alone can answer, and the operator has no
/// other use for a client of IAM.
fn simulation(role: &str, functions: &[String], region: &str, account: &str) -> String {
    let arn = |function: &String| match function.starts_with("arn:") {
        true => function.clone(),
        false => FunctionArn::of_name(function, region, account).to_string(),
    };
    let example = ["NAME".to_owned()];
    let functions = if functions.is_empty() { &example } else { functions };
    let functions: Vec<String> = functions.iter().map(arn).collect();
    format!(
        "aws iam simulate-principal-policy --policy-source-arn {role} --action-names lambda:InvokeFunction \
         --resource-arns {} --query 'EvaluationResults[].[EvalResourceName,EvalDecision]' --output text",
        functions.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulation_names_each_function_by_its_arn() {
        const ROLE: &str = "arn:aws:iam::123456789012:role/schedules";
        let command = |functions: &[&str]| {
            let functions: Vec<String> = functions.iter().map(ToString::to_string).collect();
            simulation(ROLE, &functions, "eu-west-1", "123456789012")
        };
        let expected = |arns: &str| {
            format!(
                "aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::123456789012:role/schedules \
                 --action-names lambda:InvokeFunction --resource-arns {arns} --query \
                 'EvaluationResults[].[EvalResourceName,EvalDecision]' --output text"
            )
        };
        assert_eq!(command(&[]), expected("arn:aws:lambda:eu-west-1:123456789012:function:NAME"));
        let other = "arn:aws:lambda:us-east-1:123456789012:function:thumbs";
        let arns = format!("arn:aws:lambda:eu-west-1:123456789012:function:report:live {other}");
        assert_eq!(command(&["report:live", other]), expected(&arns));
    }
}
