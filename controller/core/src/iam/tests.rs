use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn scope() -> Scope {
    Scope::for_account("123456789012", Some(OwnerId::parse("1a2b3c4d").unwrap()))
}

fn statement(policy: &Policy, sid: &str) -> Value {
    let found = policy.statements.iter().find(|statement| statement.sid == sid);
    serde_json::to_value(found.unwrap_or_else(|| panic!("no statement {sid}"))).unwrap()
}

#[test]
fn the_policy_for_triggers_alone_is_small() {
    let functions = "arn:aws:lambda:*:123456789012:function:*";
    let rules = "arn:aws:events:*:123456789012:rule/lt-1a2b3c4d-*";
    assert_eq!(
        serde_json::to_value(least_policy(&scope())).unwrap(),
        json!({
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "ReadFunctions",
                    "Effect": "Allow",
                    "Action": ["lambda:GetFunction", "lambda:GetPolicy"],
                    "Resource": [functions],
                },
                {
                    "Sid": "PermitTriggers",
                    "Effect": "Allow",
                    "Action": ["lambda:AddPermission", "lambda:RemovePermission"],
                    "Resource": [functions],
                    "Condition": {
                        "StringEqualsIfExists": {"lambda:Principal": ["events.amazonaws.com", "s3.amazonaws.com"]},
                    },
                },
                {
                    "Sid": "MergeBucketEntries",
                    "Effect": "Allow",
                    "Action": ["s3:GetBucketNotification", "s3:PutBucketNotification"],
                    "Resource": ["arn:aws:s3:::*"],
                    "Condition": {"StringEquals": {"s3:ResourceAccount": ["123456789012"]}},
                },
                {
                    "Sid": "FindOwnBuckets",
                    "Effect": "Allow",
                    "Action": ["s3:ListAllMyBuckets"],
                    "Resource": ["*"],
                },
                {
                    "Sid": "OwnRules",
                    "Effect": "Allow",
                    "Action": [
                        "events:DescribeRule", "events:ListTargetsByRule", "events:ListTagsForResource",
                        "events:PutRule", "events:TagResource", "events:UntagResource", "events:RemoveTargets",
                        "events:DeleteRule",
                    ],
                    "Resource": [rules],
                },
                {
                    "Sid": "OwnTargets",
                    "Effect": "Allow",
                    "Action": ["events:PutTargets"],
                    "Resource": [rules],
                    "Condition": {"ForAllValues:ArnLike": {"events:TargetArn": [functions]}},
                },
                {
                    "Sid": "FindRules",
                    "Effect": "Allow",
                    "Action": ["events:ListRules", "events:ListRuleNamesByTarget"],
                    "Resource": ["*"],
                },
            ],
        })
    );
}

#[test]
fn names_in_the_scope_limit_every_statement() {
    let scope = Scope {
        partition: "aws-cn".into(),
        functions: vec![
            "report".into(),
            "media-*".into(),
            "arn:aws-cn:lambda:cn-north-1:210987654321:function:thumbs".into(),
        ],
        buckets: vec!["photos".into()],
        bucket_owners: vec!["210987654321".into()],
        code_buckets: vec!["builds".into()],
        function_roles: vec!["functions/*".into()],
        scheduler_roles: vec!["arn:aws-cn:iam::123456789012:role/schedules".into()],
        tenant_roles: vec!["arn:aws-cn:iam::210987654321:role/lambda-triggers".into()],
        ..scope().with(Feature::ALL)
    };
    let policy = least_policy(&scope);
    let resource = |sid: &str| statement(&policy, sid)["Resource"].clone();
    let functions = json!([
        "arn:aws-cn:lambda:*:123456789012:function:report",
        "arn:aws-cn:lambda:*:123456789012:function:report:*",
        "arn:aws-cn:lambda:*:123456789012:function:media-*",
        "arn:aws-cn:lambda:cn-north-1:210987654321:function:thumbs",
        "arn:aws-cn:lambda:cn-north-1:210987654321:function:thumbs:*",
    ]);
    for sid in ["ReadFunctions", "PermitTriggers", "DeployFunctions", "DeleteOwnFunctions"] {
        assert_eq!(resource(sid), functions, "{sid}");
    }
    assert_eq!(
        statement(&policy, "OwnTargets")["Condition"],
        json!({"ForAllValues:ArnLike": {"events:TargetArn": functions}})
    );
    assert_eq!(
        statement(&policy, "DeleteOwnFunctions")["Condition"],
        json!({"StringEquals": {"aws:ResourceTag/lambda-triggers.dev/owner": ["1a2b3c4d"]}})
    );
    let owners = json!({"StringEquals": {"s3:ResourceAccount": ["123456789012", "210987654321"]}});
    for (sid, buckets) in [("MergeBucketEntries", "photos"), ("ReadCodeArchives", "builds/*")] {
        let Value::Object(found) = statement(&policy, sid) else { panic!("{sid} is no object") };
        assert_eq!(found["Resource"], json!([format!("arn:aws-cn:s3:::{buckets}")]));
        assert_eq!(found["Condition"], owners);
    }
    assert_eq!(resource("GiveRolesToFunctions"), json!(["arn:aws-cn:iam::123456789012:role/functions/*"]));
    assert_eq!(resource("PassSchedulerRole"), json!(["arn:aws-cn:iam::123456789012:role/schedules"]));
    assert_eq!(resource("AssumeTenantRoles"), json!(["arn:aws-cn:iam::210987654321:role/lambda-triggers"]));
}

#[test]
fn each_action_is_documented_and_in_a_statement() {
    let policy = least_policy(&scope().with(Feature::ALL));
    let documented: BTreeSet<_> = actions().iter().map(|action| action.name).collect();
    let in_statements: BTreeSet<_> = actions().iter().map(|action| (action.statement, action.name)).collect();
    assert_eq!(in_statements.len(), actions().len(), "duplicate action");
    assert_eq!(policy.actions(), documented.into_iter().collect::<Vec<_>>());
    for feature in Feature::ALL {
        let of_feature: BTreeSet<_> =
            actions().iter().filter(|action| action.feature == feature).map(|action| action.name).collect();
        let before = least_policy(&scope()).actions();
        let added = least_policy(&scope().with([feature])).actions();
        let added: BTreeSet<_> = added
            .into_iter()
            .filter(|action| feature == Feature::Triggers || !before.contains(action))
            .collect();
        assert_eq!(added, of_feature, "{feature:?}");
    }
}

#[test]
fn scheduler_needs_its_group_and_a_role_for_scheduler_alone() {
    let policy = least_policy(&scope().with([Feature::Scheduler]));
    let own = policy.statements.iter().skip_while(|statement| statement.sid != "OwnSchedules");
    assert_eq!(
        serde_json::to_value(own.collect::<Vec<_>>()).unwrap(),
        json!([
            {
                "Sid": "OwnSchedules",
                "Effect": "Allow",
                "Action": [
                    "scheduler:GetSchedule", "scheduler:CreateSchedule", "scheduler:UpdateSchedule",
                    "scheduler:DeleteSchedule",
                ],
                "Resource": ["arn:aws:scheduler:*:123456789012:schedule/lt-1a2b3c4d/*"],
            },
            {
                "Sid": "OwnScheduleGroup",
                "Effect": "Allow",
                "Action": [
                    "scheduler:CreateScheduleGroup", "scheduler:ListTagsForResource", "scheduler:TagResource",
                ],
                "Resource": ["arn:aws:scheduler:*:123456789012:schedule-group/lt-1a2b3c4d"],
            },
            {"Sid": "FindSchedules", "Effect": "Allow", "Action": ["scheduler:ListSchedules"], "Resource": ["*"]},
            {
                "Sid": "PassSchedulerRole",
                "Effect": "Allow",
                "Action": ["iam:PassRole"],
                "Resource": ["arn:aws:iam::123456789012:role/*"],
                "Condition": {"StringEquals": {"iam:PassedToService": ["scheduler.amazonaws.com"]}},
            },
        ])
    );
}

/// The deletion of a group deletes all schedules of the group, also retained schedules.
#[test]
fn no_policy_permits_the_deletion_of_a_group() {
    let actions = least_policy(&scope().with(Feature::ALL)).actions();
    assert!(
        !actions.iter().any(|action| action.contains("Delete") && action.contains("Group")),
        "{actions:?}"
    );
}

/// A managed policy has at most 6,144 characters without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
#[test]
fn the_full_policy_fits_into_one_managed_policy() {
    let text = serde_json::to_string(&least_policy(&scope().with(Feature::ALL))).unwrap();
    assert!(text.len() < 6144, "{} characters", text.len());
}

#[test]
fn filtering_actions_leaves_no_empty_statement() {
    let policy =
        least_policy(&scope()).only(|action| !action.starts_with("s3:") && action != "lambda:GetPolicy");
    let sids: Vec<_> = policy.statements.iter().map(|statement| statement.sid).collect();
    assert_eq!(sids, ["ReadFunctions", "PermitTriggers", "OwnRules", "OwnTargets", "FindRules"]);
    assert_eq!(policy.statements[0].actions, ["lambda:GetFunction"]);
}
