//! The least IAM policies of the commands that only read AWS.

use super::Scope;
use super::policy::{Policy, Statement};
use crate::operations as op;

/// A command that only reads AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `lambda-triggers plan`.
    Plan,
    /// `lambda-triggers import`.
    Import,
    /// `lambda-triggers explain`.
    Explain,
}

/// Lambda adds the tags to the answer of GetFunction for a caller with this action.
const LIST_FUNCTION_TAGS: &str = "lambda:ListTags";

/// The least policy of a command, with all of its flags. The actions of a list, and GetMetricData, support no
/// resource-level permissions.
pub fn command_policy(command: Command, scope: &Scope) -> Policy {
    let Scope { partition, account, .. } = scope;
    let statement = |sid, actions: &[&'static str], resources| Statement {
        sid,
        actions: actions.to_vec(),
        resources,
        conditions: vec![],
    };
    let every = || vec!["*".to_owned()];
    let scheduler = |resource: String| vec![format!("arn:{partition}:scheduler:*:{account}:{resource}")];
    let functions = [op::GET_FUNCTION.action, op::GET_POLICY.action, LIST_FUNCTION_TAGS];
    let read_functions = |more: &[&'static str]| {
        statement("ReadFunctions", &[&functions[..], more].concat(), scope.functions())
    };
    let read_buckets =
        statement("ReadBuckets", &[op::GET_NOTIFICATION.action], scope.buckets(&scope.buckets, ""))
            .when(scope.bucket_owners());
    let group = scope.group();
    let own_schedules = || {
        let schedules = scheduler(format!("schedule/{group}/*"));
        statement("ReadSchedules", &[op::GET_SCHEDULE.action], schedules)
    };
    let own_group = || {
        let groups = scheduler(format!("schedule-group/{group}"));
        statement("ReadScheduleGroup", &[op::LIST_GROUP_TAGS.action], groups)
    };
    let rule_parts = [op::LIST_TARGETS.action, op::LIST_TAGS.action];
    let with_rule = [&[op::DESCRIBE_RULE.action][..], &rule_parts].concat();
    let statements = match command {
        Command::Plan => vec![
            read_functions(&[op::GET_EVENT_INVOKE_CONFIG.action]),
            read_buckets,
            statement("ReadRules", &rule_parts, vec![scope.own_rules()]),
            statement("ListRules", &[op::LIST_RULES.action, op::LIST_RULES_BY_TARGET.action], every()),
            own_schedules(),
            own_group(),
            statement("ListSchedules", &[op::LIST_SCHEDULES.action], every()),
            statement("ListTags", &[op::LIST_TAGS_OF_RULES.action], every()),
        ],
        Command::Import => vec![
            read_functions(&[]),
            read_buckets,
            statement("ReadRules", &with_rule, vec![format!("arn:{partition}:events:*:{account}:rule/*")]),
            statement("ListRules", &[op::LIST_RULES.action], every()),
            statement("ReadSchedules", &[op::GET_SCHEDULE.action], scheduler("schedule/*/*".into())),
            own_group(),
            statement("ListSchedules", &[op::LIST_SCHEDULES.action], every()),
        ],
        Command::Explain => vec![
            read_functions(&[]),
            read_buckets,
            statement(
                "ReadRules",
                &[op::DESCRIBE_RULE.action, op::LIST_TARGETS.action],
                vec![scope.own_rules()],
            ),
            statement("ListRules", &[op::LIST_RULES_BY_TARGET.action], every()),
            own_schedules(),
            statement("ReadMetrics", &[op::GET_METRICS.action], every()),
        ],
    };
    Policy { statements }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::iam::{Feature, least_policy};
    use crate::ownership::OwnerId;

    fn scope() -> Scope {
        Scope::for_account("123456789012", Some(OwnerId::parse("1a2b3c4d").unwrap()))
    }

    #[test]
    fn the_policy_of_a_plan_names_the_resources_of_the_operator() {
        let functions = "arn:aws:lambda:*:123456789012:function:*";
        let allow = |sid: &str, actions: &[&str], resource: &str| json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource]});
        let mut buckets = allow("ReadBuckets", &["s3:GetBucketNotification"], "arn:aws:s3:::photos");
        buckets["Condition"] = json!({"StringEquals": {"s3:ResourceAccount": ["123456789012"]}});
        let group = "scheduler:*:123456789012:schedule";
        let expected = json!([
            allow(
                "ReadFunctions",
                &[
                    "lambda:GetFunction",
                    "lambda:GetPolicy",
                    "lambda:ListTags",
                    "lambda:GetFunctionEventInvokeConfig"
                ],
                functions
            ),
            buckets,
            allow(
                "ReadRules",
                &["events:ListTargetsByRule", "events:ListTagsForResource"],
                "arn:aws:events:*:123456789012:rule/lt-1a2b3c4d-*"
            ),
            allow("ListRules", &["events:ListRules", "events:ListRuleNamesByTarget"], "*"),
            allow("ReadSchedules", &["scheduler:GetSchedule"], &format!("arn:aws:{group}/lt-1a2b3c4d/*")),
            allow(
                "ReadScheduleGroup",
                &["scheduler:ListTagsForResource"],
                &format!("arn:aws:{group}-group/lt-1a2b3c4d")
            ),
            allow("ListSchedules", &["scheduler:ListSchedules"], "*"),
            allow("ListTags", &["tag:GetResources"], "*"),
        ]);
        let scope = Scope { buckets: vec!["photos".into()], ..scope() };
        let policy = serde_json::to_value(command_policy(Command::Plan, &scope)).unwrap();
        assert_eq!(policy["Statement"], expected);
    }

    #[test]
    fn the_policy_of_an_import_covers_the_resources_of_others() {
        let policy = command_policy(Command::Import, &scope());
        let resources = |sid: &str| {
            policy.statements.iter().find(|statement| statement.sid == sid).unwrap().resources.clone()
        };
        assert_eq!(resources("ReadRules"), ["arn:aws:events:*:123456789012:rule/*"]);
        assert_eq!(resources("ReadSchedules"), ["arn:aws:scheduler:*:123456789012:schedule/*/*"]);
    }

    #[test]
    fn a_command_needs_no_action_that_writes() {
        let mut of_operator: BTreeSet<&str> =
            least_policy(&scope().with(Feature::ALL)).actions().into_iter().collect();
        of_operator.extend([op::LIST_TAGS_OF_RULES.action, op::GET_METRICS.action]);
        let reads = ["Describe", "Get", "List"];
        for command in [Command::Plan, Command::Import, Command::Explain] {
            for action in command_policy(command, &scope()).actions() {
                let (_, operation) = action.split_once(':').unwrap();
                assert!(reads.iter().any(|read| operation.starts_with(read)), "{command:?}: {action}");
                assert!(of_operator.contains(action), "{command:?}: {action}");
            }
        }
    }
}
