//! The role with which EventBridge Scheduler invokes functions: trust policy and permissions.
//!
//! `lambda-triggers iam-policy --for scheduler-role` prints the permissions, and `--for scheduler-role-trust` the trust
//! policy. An administrator creates the role once.

use serde_json::{Value, json};

use super::{Policy, Scope, Statement};

/// The trust policy of the role.
///
/// The condition names the ARN of the schedule group. AWS refuses a role whose condition names the ARN of a schedule
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html>).
pub fn scheduler_role_trust(scope: &Scope) -> Value {
    let Scope { partition, account, .. } = scope;
    let group = format!("arn:{partition}:scheduler:*:{account}:schedule-group/{}", scope.group());
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account},
                "ArnLike": {"aws:SourceArn": group},
            },
        }],
    })
}

/// The permissions of the role: to invoke the functions of the scope, and to send undeliverable events to `queues`.
///
/// Items of `queues` are names in the account, and may contain `*`. An empty list permits all queues of the account.
/// The role sends to the queues itself, so the policies of the queues need no statement for EventBridge
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>).
pub fn scheduler_role_permissions(scope: &Scope, queues: &[String]) -> Policy {
    let Scope { partition, account, .. } = scope;
    let queues = scope.arns(queues, |name| format!("arn:{partition}:sqs:*:{account}:{name}"));
    let statement =
        |sid, action, resources| Statement { sid, actions: vec![action], resources, conditions: vec![] };
    Policy {
        statements: vec![
            statement("Invoke", "lambda:InvokeFunction", scope.functions()),
            statement("DeadLetters", "sqs:SendMessage", queues),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::OwnerId;

    fn scope() -> Scope {
        Scope::for_account("123456789012", Some(OwnerId::parse("1a2b3c4d").unwrap()))
    }

    #[test]
    fn the_trust_policy_names_the_group_and_the_account() {
        let expected = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "scheduler.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": "123456789012"},
                    "ArnLike": {
                        "aws:SourceArn": "arn:aws:scheduler:*:123456789012:schedule-group/lt-1a2b3c4d",
                    },
                },
            }],
        });
        assert_eq!(scheduler_role_trust(&scope()), expected);
    }

    #[test]
    fn the_permissions_cover_functions_with_aliases_and_queues() {
        let permissions = |functions: &[&str], queues: &[&str]| {
            let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let scope = Scope { functions: texts(functions), ..scope() };
            serde_json::to_value(scheduler_role_permissions(&scope, &texts(queues))).unwrap()
        };
        let document = |functions: &[&str], queues: &[&str]| {
            json!({
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "Invoke",
                        "Effect": "Allow",
                        "Action": ["lambda:InvokeFunction"],
                        "Resource": functions,
                    },
                    {"Sid": "DeadLetters", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": queues},
                ],
            })
        };
        let all = document(&["arn:aws:lambda:*:123456789012:function:*"], &["arn:aws:sqs:*:123456789012:*"]);
        assert_eq!(permissions(&[], &[]), all);
        let named = document(
            &[
                "arn:aws:lambda:*:123456789012:function:report",
                "arn:aws:lambda:*:123456789012:function:report:*",
            ],
            &["arn:aws:sqs:*:123456789012:failed-*"],
        );
        assert_eq!(permissions(&["report"], &["failed-*"]), named);
    }
}
