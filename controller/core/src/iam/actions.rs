//! The actions of the least IAM policy, each with its statement, its purpose and the effect of a denial.

use super::Feature;
use crate::operations as op;

/// An action that the operator's role needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The IAM name, such as `lambda:GetFunction`.
    pub name: &'static str,
    /// The Sid of the action's statement.
    pub statement: &'static str,
    /// The feature that needs the action.
    pub feature: Feature,
    /// The purpose of the call, for docs/iam.md.
    pub why: &'static str,
    /// The effect for users if IAM denies the action.
    pub without: &'static str,
}

/// All actions, in the order of the policy's statements.
pub fn actions() -> &'static [Action] {
    &ACTIONS
}

/// The names of all actions in a statement.
pub(super) fn in_statement(sid: &str) -> Vec<&'static str> {
    ACTIONS.iter().filter(|action| action.statement == sid).map(|action| action.name).collect()
}

const fn action(
    name: &'static str,
    (feature, statement): (Feature, &'static str),
    why: &'static str,
    without: &'static str,
) -> Action {
    Action { name, statement, feature, why, without }
}

const READ: (Feature, &str) = (Feature::Triggers, "ReadFunctions");
const PERMIT: (Feature, &str) = (Feature::Triggers, "PermitTriggers");
const MERGE: (Feature, &str) = (Feature::Triggers, "MergeBucketEntries");
const OWN_BUCKETS: (Feature, &str) = (Feature::Triggers, "FindOwnBuckets");
const RULES: (Feature, &str) = (Feature::Triggers, "OwnRules");
const TARGETS: (Feature, &str) = (Feature::Triggers, "OwnTargets");
const FIND: (Feature, &str) = (Feature::Triggers, "FindRules");
const DEPLOY: (Feature, &str) = (Feature::Definitions, "DeployFunctions");
const DELETE: (Feature, &str) = (Feature::Definitions, "DeleteOwnFunctions");
const ROLES: (Feature, &str) = (Feature::Definitions, "GiveRolesToFunctions");
const ARCHIVES: (Feature, &str) = (Feature::Archives, "ReadCodeArchives");
const IMAGES: (Feature, &str) = (Feature::Images, "UseImages");
const LAYERS: (Feature, &str) = (Feature::Layers, "UseLayers");
const VPC: (Feature, &str) = (Feature::Vpc, "FindNetworks");
const KMS: (Feature, &str) = (Feature::Kms, "EncryptEnvironments");
const GRANTS: (Feature, &str) = (Feature::Kms, "GrantKeysToFunctions");
const SCHEDULES: (Feature, &str) = (Feature::Scheduler, "OwnSchedules");
const GROUP: (Feature, &str) = (Feature::Scheduler, "OwnScheduleGroup");
const FIND_SCHEDULES: (Feature, &str) = (Feature::Scheduler, "FindSchedules");
const PASS: (Feature, &str) = (Feature::Scheduler, "PassSchedulerRole");
const TENANCY: (Feature, &str) = (Feature::Tenancy, "AssumeTenantRoles");

/// The only action of two statements, each with its own service.
const PASS_ROLE: &str = "iam:PassRole";

const ACTIONS: [Action; 53] = [
    action(
        op::GET_FUNCTION.action,
        READ,
        "Confirms that a function is missing, and reads its state once a day; reads a deployed function to detect drift",
        "Resources report the denial in `FunctionReady`",
    ),
    action(
        op::GET_POLICY.action,
        READ,
        "Checks in each resync whether S3 or EventBridge may still invoke the function",
        "Resources do not stay `PermissionReady`",
    ),
    action(
        op::ADD_PERMISSION.action,
        PERMIT,
        "Permits a bucket, or the operator's rules, to invoke the function",
        "Triggers are not created for functions that have no permission yet",
    ),
    action(
        op::REMOVE_PERMISSION.action,
        PERMIT,
        "Removes that permission with the last resource that needs it",
        "A deleted resource keeps its finalizer",
    ),
    action(
        op::GET_NOTIFICATION.action,
        MERGE,
        "Reads all entries of the bucket, also foreign entries, before and after each write",
        "S3TriggeredFunctions are not reconciled; a deleted one keeps its finalizer",
    ),
    action(
        op::PUT_NOTIFICATION.action,
        MERGE,
        "Writes the notification configuration with the operator's entries added or removed",
        "Entries are neither created nor removed",
    ),
    action(
        op::LIST_BUCKETS.action,
        OWN_BUCKETS,
        "Checks, after S3 refused a bucket, whether the account still has a bucket of that name",
        "A resource keeps its finalizer if its bucket was deleted and another account took the name",
    ),
    action(
        op::DESCRIBE_RULE.action,
        RULES,
        "Compares the rule with a changed resource",
        "Changed ScheduledFunctions are not reconciled",
    ),
    action(
        op::LIST_TARGETS.action,
        RULES,
        "Compares the rule's targets with the resource",
        "An existing rule is neither changed nor deleted",
    ),
    action(
        op::LIST_TAGS.action,
        RULES,
        "Distinguishes the operator's rules from foreign rules by their tags",
        "An existing rule is neither changed nor deleted",
    ),
    action(
        op::PUT_RULE.action,
        RULES,
        "Creates and changes the rule",
        "Schedules are neither created nor changed",
    ),
    action(
        op::TAG_RULE.action,
        RULES,
        "Creates the rule with its tags, and updates changed tags",
        "Schedules are not created; tags of an existing rule are not changed",
    ),
    action(
        op::UNTAG_RULE.action,
        RULES,
        "Removes tags that are no longer in `spec.tags`",
        "The tags stay, and the resource reports the denial",
    ),
    action(
        op::REMOVE_TARGETS.action,
        RULES,
        "Removes the targets, which EventBridge requires before the deletion of a rule",
        "A deleted ScheduledFunction keeps its finalizer, and its rule keeps firing",
    ),
    action(
        op::DELETE_RULE.action,
        RULES,
        "Deletes the rule with its resource",
        "A deleted ScheduledFunction keeps its finalizer",
    ),
    action(
        op::PUT_TARGETS.action,
        TARGETS,
        "Sets the function as the rule's target, with its input",
        "Rules are created, but run nothing",
    ),
    action(
        op::LIST_RULES.action,
        FIND,
        "Reads the settings of all rules of the operator at once, in each resync",
        "Each rule is read separately, with a third more calls",
    ),
    action(
        op::LIST_RULES_BY_TARGET.action,
        FIND,
        "Checks whether another rule of the operator still needs the permission on a function",
        "A deleted ScheduledFunction keeps its finalizer",
    ),
    action(
        op::CREATE_FUNCTION.action,
        DEPLOY,
        "Creates the function of a definition",
        "Functions are not created",
    ),
    action(op::UPDATE_CODE.action, DEPLOY, "Deploys changed code", "The old code keeps running"),
    action(op::UPDATE_CONFIGURATION.action, DEPLOY, "Changes settings", "The old settings stay"),
    action(
        op::PUT_CONCURRENCY.action,
        DEPLOY,
        "Sets `reservedConcurrency`",
        "`reservedConcurrency` is not set",
    ),
    action(
        op::DELETE_CONCURRENCY.action,
        DEPLOY,
        "Removes `reservedConcurrency` when the definition no longer has it",
        "The old value stays",
    ),
    action(
        op::GET_EVENT_INVOKE_CONFIG.action,
        DEPLOY,
        "Compares the retries with a current or former `asyncInvoke`",
        "Resources with `asyncInvoke` do not become `FunctionReady`",
    ),
    action(op::PUT_EVENT_INVOKE_CONFIG.action, DEPLOY, "Sets `asyncInvoke`", "`asyncInvoke` is not set"),
    action(
        op::DELETE_EVENT_INVOKE_CONFIG.action,
        DEPLOY,
        "Removes `asyncInvoke` when the definition no longer has it",
        "The old value stays",
    ),
    action(
        "lambda:ListTags",
        DEPLOY,
        "Distinguishes the operator's functions from foreign functions by their tags",
        "An existing function is neither changed nor deleted",
    ),
    action(
        op::TAG_FUNCTION.action,
        DEPLOY,
        "Creates functions with their tags, and updates changed tags",
        "Functions are not created; tags of an existing function are not changed",
    ),
    action(
        op::UNTAG_FUNCTION.action,
        DEPLOY,
        "Removes tags that are no longer in the definition",
        "The tags stay",
    ),
    action(
        op::DELETE_FUNCTION.action,
        DELETE,
        "Deletes a function with the resource that defines it, if the function's tag names this operator",
        "The resource keeps its finalizer",
    ),
    action(
        PASS_ROLE,
        ROLES,
        "Gives the function the role in its definition. This is the most powerful permission: restrict it",
        "Functions are not created, and settings are not changed",
    ),
    action(
        "s3:GetObject",
        ARCHIVES,
        "Lambda reads the archive with the operator's permissions",
        "Functions with code in S3 are not created",
    ),
    action(
        "s3:GetObjectVersion",
        ARCHIVES,
        "The same, if the definition names a version of the archive",
        "Functions with such code are not created",
    ),
    action(
        "ecr:BatchGetImage",
        IMAGES,
        "Lambda reads the image with the operator's permissions",
        "Functions from images are not created",
    ),
    action("ecr:GetDownloadUrlForLayer", IMAGES, "The same", "Functions from images are not created"),
    action(
        "lambda:GetLayerVersion",
        LAYERS,
        "Lambda reads the layers with the operator's permissions",
        "Functions with layers are not created",
    ),
    action(
        "ec2:DescribeSecurityGroups",
        VPC,
        "Lambda reads the network with the operator's permissions",
        "Functions with `vpc` are not created",
    ),
    action("ec2:DescribeSubnets", VPC, "The same", "Functions with `vpc` are not created"),
    action("ec2:DescribeVpcs", VPC, "The same", "Functions with `vpc` are not created"),
    action(
        "kms:Encrypt",
        KMS,
        "Lambda encrypts the environment with the key in `kmsKeyArn`",
        "Functions with `kmsKeyArn` are not created",
    ),
    action(
        "kms:Decrypt",
        KMS,
        "Compares the environment with the definition",
        "Drift of the environment is not detected",
    ),
    action(
        "kms:CreateGrant",
        GRANTS,
        "Lambda permits the function to decrypt its environment",
        "Functions with `kmsKeyArn` are not created",
    ),
    action(
        op::GET_SCHEDULE.action,
        SCHEDULES,
        "Compares the schedule with the resource",
        "ScheduledFunctions with EventBridge Scheduler are not reconciled",
    ),
    action(
        op::CREATE_SCHEDULE.action,
        SCHEDULES,
        "Creates the schedule",
        "Schedules of EventBridge Scheduler are not created",
    ),
    action(
        op::UPDATE_SCHEDULE.action,
        SCHEDULES,
        "Changes the schedule after a change of the resource, and repairs drift",
        "Schedules of EventBridge Scheduler are not changed",
    ),
    action(
        op::DELETE_SCHEDULE.action,
        SCHEDULES,
        "Deletes the schedule with its resource",
        "A deleted ScheduledFunction keeps its finalizer, and its schedule keeps running",
    ),
    action(
        op::CREATE_SCHEDULE_GROUP.action,
        GROUP,
        "Creates the group for all schedules of the operator",
        "Schedules of EventBridge Scheduler are not created",
    ),
    action(
        op::LIST_GROUP_TAGS.action,
        GROUP,
        "Distinguishes the operator's group from a foreign group by its tags",
        "Schedules of EventBridge Scheduler are neither created nor changed",
    ),
    action(
        op::TAG_GROUP.action,
        GROUP,
        "Creates the group with its tags, and updates the tag of the cluster",
        "The group is not created",
    ),
    action(
        op::LIST_SCHEDULES.action,
        FIND_SCHEDULES,
        "Reads which schedules have changed, for all schedules of the operator at once, in each resync",
        "Each schedule is read separately",
    ),
    action(
        PASS_ROLE,
        PASS,
        "Gives the schedule the role with which EventBridge Scheduler invokes the function",
        "Schedules of EventBridge Scheduler are neither created nor changed",
    ),
    action(
        op::ASSUME_ROLE.action,
        TENANCY,
        "Assumes the role of a namespace in the tenancy file",
        "Resources of that namespace are not reconciled",
    ),
    action(
        "sts:TagSession",
        TENANCY,
        "Passes on the session tags of EKS Pod Identity's credentials",
        "With EKS Pod Identity, resources of that namespace are not reconciled",
    ),
];
