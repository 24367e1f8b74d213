//! The AWS operations of the operator. The least IAM policy, the authorization of calls and the rate limiter
//! read this table.

use crate::pacing::token_bucket::Quota;

/// An operation of an AWS port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The IAM action of the first request, such as `lambda:AddPermission`.
    pub action: &'static str,
    /// The change that the operation makes.
    pub effect: Effect,
    /// The number of requests. An operation with pages may send more.
    pub requests: u32,
}

/// The change that an operation makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// No change.
    Read,
    /// A creation or a change. The cleanup of an object may not create or change anything.
    Change,
    /// A removal, or a change that precedes a removal.
    Cleanup,
}

impl Operation {
    /// The AWS quota of the requests; `None` for the services that are called rarely: STS, the tagging API and CloudWatch.
    pub fn quota(&self) -> Option<Quota> {
        Quota::from_action(self.action)
    }

    /// True if the operation changes AWS.
    pub fn writes(&self) -> bool {
        self.effect != Effect::Read
    }
}

const fn read(action: &'static str) -> Operation {
    Operation { action, effect: Effect::Read, requests: 1 }
}

const fn change(action: &'static str) -> Operation {
    Operation { action, effect: Effect::Change, requests: 1 }
}

const fn cleanup(action: &'static str) -> Operation {
    Operation { action, effect: Effect::Cleanup, requests: 1 }
}

#[expect(missing_docs, reason = "the action is the name")]
mod table {
    use super::{Operation, change, cleanup, read};

    pub const GET_CALLER_IDENTITY: Operation = read("sts:GetCallerIdentity");
    pub const ASSUME_ROLE: Operation = read("sts:AssumeRole");

    pub const GET_FUNCTION: Operation = read("lambda:GetFunction");
    pub const GET_POLICY: Operation = read("lambda:GetPolicy");
    pub const ADD_PERMISSION: Operation = change("lambda:AddPermission");
    pub const REMOVE_PERMISSION: Operation = cleanup("lambda:RemovePermission");
    pub const GET_EVENT_INVOKE_CONFIG: Operation = read("lambda:GetFunctionEventInvokeConfig");
    pub const CREATE_FUNCTION: Operation = change("lambda:CreateFunction");
    pub const UPDATE_CODE: Operation = change("lambda:UpdateFunctionCode");
    pub const UPDATE_CONFIGURATION: Operation = change("lambda:UpdateFunctionConfiguration");
    /// A function without the owner tag gets its tags before the deletion.
    pub const TAG_FUNCTION: Operation = cleanup("lambda:TagResource");
    /// A retained function loses the operator's tags.
    pub const UNTAG_FUNCTION: Operation = cleanup("lambda:UntagResource");
    pub const PUT_CONCURRENCY: Operation = change("lambda:PutFunctionConcurrency");
    pub const DELETE_CONCURRENCY: Operation = change("lambda:DeleteFunctionConcurrency");
    pub const PUT_EVENT_INVOKE_CONFIG: Operation = change("lambda:PutFunctionEventInvokeConfig");
    pub const DELETE_EVENT_INVOKE_CONFIG: Operation = change("lambda:DeleteFunctionEventInvokeConfig");
    /// The tags have proved that the function was created for the object.
    pub const DELETE_FUNCTION: Operation = cleanup("lambda:DeleteFunction");

    pub const LIST_RULES: Operation = read("events:ListRules");
    pub const DESCRIBE_RULE: Operation = read("events:DescribeRule");
    pub const LIST_TARGETS: Operation = read("events:ListTargetsByRule");
    pub const LIST_TAGS: Operation = read("events:ListTagsForResource");
    pub const LIST_RULES_BY_TARGET: Operation = read("events:ListRuleNamesByTarget");
    pub const LIST_TAGS_OF_RULES: Operation = read("tag:GetResources");
    pub const PUT_RULE: Operation = change("events:PutRule");
    /// A rule without tags gets its tags before the removal of the targets. The first request reads the ARN.
    pub const TAG_RULE: Operation = Operation { requests: 2, ..cleanup("events:TagResource") };
    /// The first request reads the ARN.
    pub const UNTAG_RULE: Operation = Operation { requests: 2, ..change("events:UntagResource") };
    pub const PUT_TARGETS: Operation = change("events:PutTargets");
    pub const REMOVE_TARGETS: Operation = cleanup("events:RemoveTargets");
    pub const DELETE_RULE: Operation = cleanup("events:DeleteRule");

    pub const GET_SCHEDULE: Operation = read("scheduler:GetSchedule");
    pub const LIST_SCHEDULES: Operation = read("scheduler:ListSchedules");
    pub const CREATE_SCHEDULE: Operation = change("scheduler:CreateSchedule");
    pub const UPDATE_SCHEDULE: Operation = change("scheduler:UpdateSchedule");
    pub const DELETE_SCHEDULE: Operation = cleanup("scheduler:DeleteSchedule");
    pub const CREATE_SCHEDULE_GROUP: Operation = change("scheduler:CreateScheduleGroup");
    pub const LIST_GROUP_TAGS: Operation = read("scheduler:ListTagsForResource");
    pub const TAG_GROUP: Operation = change("scheduler:TagResource");

    pub const GET_METRICS: Operation = read("cloudwatch:GetMetricData");

    pub const GET_NOTIFICATION: Operation = read("s3:GetBucketNotification");
    pub const LIST_BUCKETS: Operation = read("s3:ListAllMyBuckets");
    /// A cleanup writes the document without the object's entries.
    pub const PUT_NOTIFICATION: Operation = cleanup("s3:PutBucketNotification");
}
pub use table::*;
