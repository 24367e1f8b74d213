//! The actions of the least IAM policy, each with its statement, its purpose and the effect of a denial.

use super::Feature;

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
const TENANCY: (Feature, &str) = (Feature::Tenancy, "AssumeTenantRoles");

const ACTIONS: [Action; 44] = [
    action(
        "lambda:GetFunction",
        READ,
        "Finds the function that a resource names, and its state; reads a deployed one to compare it",
        "No resource gets further than `FunctionReady`",
    ),
    action(
        "lambda:GetPolicy",
        READ,
        "Looks whether S3 or EventBridge may invoke the function already",
        "No resource gets further than `PermissionReady`; none can be deleted",
    ),
    action(
        "lambda:AddPermission",
        PERMIT,
        "Lets a bucket, or the operator's rules, invoke the function",
        "Triggers for functions that have no permission yet are not made",
    ),
    action(
        "lambda:RemovePermission",
        PERMIT,
        "Takes that permission away with the last resource that needs it",
        "A resource that is deleted keeps its finalizer",
    ),
    action(
        "s3:GetBucketNotification",
        MERGE,
        "Reads what is in the bucket, of whomever, before each write and after it",
        "S3TriggeredFunctions stay as they are; one that is deleted keeps its finalizer",
    ),
    action(
        "s3:PutBucketNotification",
        MERGE,
        "Writes the document back with the operator's entries in it, or without them",
        "Entries are neither made nor removed",
    ),
    action(
        "s3:ListAllMyBuckets",
        OWN_BUCKETS,
        "Looks, after S3 refused a bucket, whether the account still has a bucket of that name",
        "A resource whose bucket was deleted, and whose name another account took, keeps its finalizer",
    ),
    action(
        "events:DescribeRule",
        RULES,
        "Compares the rule with the resource",
        "ScheduledFunctions stay as they are; one that is deleted keeps its finalizer",
    ),
    action(
        "events:ListTargetsByRule",
        RULES,
        "Compares the rule's targets with the resource",
        "A rule that exists is neither changed nor removed",
    ),
    action(
        "events:ListTagsForResource",
        RULES,
        "Tells the operator's rules from those of others by their tags",
        "A rule that exists is neither changed nor removed",
    ),
    action(
        "events:PutRule",
        RULES,
        "Makes the rule, and changes it",
        "Schedules are neither made nor changed",
    ),
    action(
        "events:TagResource",
        RULES,
        "Makes the rule with its tags, and sets those that changed",
        "Schedules are not made; tags of one that exists stay as they are",
    ),
    action(
        "events:UntagResource",
        RULES,
        "Removes tags that were taken out of `spec.tags`",
        "The resource says so until the tag is back",
    ),
    action(
        "events:RemoveTargets",
        RULES,
        "Removes targets, as it must before the rule itself",
        "A ScheduledFunction that is deleted keeps its finalizer, and its rule goes on",
    ),
    action(
        "events:DeleteRule",
        RULES,
        "Deletes the rule with its resource",
        "A ScheduledFunction that is deleted keeps its finalizer",
    ),
    action(
        "events:PutTargets",
        TARGETS,
        "Makes the function the rule's target, with its input",
        "Rules are made and run nothing",
    ),
    action(
        "events:ListRules",
        FIND,
        "Reads the settings of all rules of the operator's at once, in each look at all",
        "Each rule is asked for alone, which takes a third more calls",
    ),
    action(
        "events:ListRuleNamesByTarget",
        FIND,
        "Finds out whether another rule of the operator's still needs the permission on a function",
        "A ScheduledFunction that is deleted keeps its finalizer",
    ),
    action("lambda:CreateFunction", DEPLOY, "Makes the function of a definition", "Functions are not made"),
    action("lambda:UpdateFunctionCode", DEPLOY, "Rolls out other code", "The old code runs on"),
    action("lambda:UpdateFunctionConfiguration", DEPLOY, "Changes settings", "The old settings stay"),
    action("lambda:PutFunctionConcurrency", DEPLOY, "Sets `reservedConcurrency`", "It is not set"),
    action(
        "lambda:DeleteFunctionConcurrency",
        DEPLOY,
        "Takes `reservedConcurrency` back where it is taken out",
        "It stays set",
    ),
    action(
        "lambda:GetFunctionEventInvokeConfig",
        DEPLOY,
        "Compares the retries with `asyncInvoke`, where it is set or was",
        "Definitions with `asyncInvoke` get no further than `FunctionReady`",
    ),
    action("lambda:PutFunctionEventInvokeConfig", DEPLOY, "Sets `asyncInvoke`", "It is not set"),
    action(
        "lambda:DeleteFunctionEventInvokeConfig",
        DEPLOY,
        "Takes `asyncInvoke` back where it is taken out",
        "It stays set",
    ),
    action(
        "lambda:ListTags",
        DEPLOY,
        "Tells the operator's functions from those of others by their tags",
        "A function that exists is neither changed nor deleted",
    ),
    action(
        "lambda:TagResource",
        DEPLOY,
        "Makes functions with their tags, and sets those that changed",
        "Functions are not made; tags of one that exists stay as they are",
    ),
    action("lambda:UntagResource", DEPLOY, "Removes tags that were taken out of the definition", "They stay"),
    action(
        "lambda:DeleteFunction",
        DELETE,
        "Deletes a function with the resource that defines it, if its tag names this operator",
        "The resource keeps its finalizer",
    ),
    action(
        "iam:PassRole",
        ROLES,
        "Gives the function the role of its definition; the right that matters most: narrow it",
        "Functions are not made, and settings are not changed",
    ),
    action(
        "s3:GetObject",
        ARCHIVES,
        "Lambda reads the archive with the operator's rights",
        "Functions with code in S3 are not made",
    ),
    action(
        "s3:GetObjectVersion",
        ARCHIVES,
        "The same, where the definition names a version of the archive",
        "Functions with such code are not made",
    ),
    action(
        "ecr:BatchGetImage",
        IMAGES,
        "Lambda looks up the image with the operator's rights",
        "Functions from images are not made",
    ),
    action("ecr:GetDownloadUrlForLayer", IMAGES, "The same", "Functions from images are not made"),
    action(
        "lambda:GetLayerVersion",
        LAYERS,
        "Lambda reads the layers with the operator's rights",
        "Functions with layers are not made",
    ),
    action(
        "ec2:DescribeSecurityGroups",
        VPC,
        "Lambda looks up the network with the operator's rights",
        "Functions with `vpc` are not made",
    ),
    action("ec2:DescribeSubnets", VPC, "The same", "Functions with `vpc` are not made"),
    action("ec2:DescribeVpcs", VPC, "The same", "Functions with `vpc` are not made"),
    action(
        "kms:Encrypt",
        KMS,
        "Lambda encrypts the environment with the key of `kmsKeyArn`",
        "Functions with `kmsKeyArn` are not made",
    ),
    action(
        "kms:Decrypt",
        KMS,
        "Compares the environment with the definition",
        "A change of the environment by others is not noticed",
    ),
    action(
        "kms:CreateGrant",
        GRANTS,
        "Lambda lets the function decrypt its environment",
        "Functions with `kmsKeyArn` are not made",
    ),
    action(
        "sts:AssumeRole",
        TENANCY,
        "Acts in a namespace with the role that the tenancy file gives it",
        "Resources of that namespace stay as they are",
    ),
    action(
        "sts:TagSession",
        TENANCY,
        "Passes on the session tags that the credentials of EKS Pod Identity have",
        "With EKS Pod Identity, resources of that namespace stay as they are",
    ),
];
