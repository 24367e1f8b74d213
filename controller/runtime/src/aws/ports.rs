//! The AWS ports: every AWS operation of the operator. Each method is one API call, or one paged list. Reads and
//! writes have separate traits, so that a read-only handle cannot write. The `sdk` module implements the ports with the
//! AWS SDK, and the `client` module wraps them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};
use lambda_triggers_core::plan::schedule::{ObservedSchedule, ScheduleBody, ScheduleKey};
use tokio::time::Instant;

use super::AwsError;

/// All AWS services of the operator, with one set of credentials.
#[async_trait]
pub trait Aws: Send + Sync {
    /// The Region for resources without `spec.region`.
    fn default_region(&self) -> &str;
    /// The account of the credentials.
    async fn account(&self) -> Result<Account, AwsError>;
    /// Lambda in a Region.
    fn lambda(&self, region: &str) -> Arc<dyn LambdaApi>;
    /// EventBridge in a Region.
    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi>;
    /// EventBridge Scheduler in a Region.
    fn scheduler(&self, region: &str) -> Arc<dyn SchedulerApi>;
    /// S3 in a Region.
    fn s3(&self, region: &str) -> Arc<dyn S3Api>;
}

/// An AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account ID, 12 digits.
    pub id: String,
}

/// A Lambda function, as observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The ARN, with the requested qualifier.
    pub arn: FunctionArn,
    /// The reason for the state `Failed`, in which a function cannot be invoked; `None` in all other states.
    pub failed: Option<String>,
}

/// The reads of Lambda.
#[async_trait]
pub trait LambdaReads: Send + Sync {
    /// Reads the function by name or ARN, at an alias or version; `None` if not found. A cached read that began at or
    /// after `since` is accepted.
    async fn function(
        &self,
        name: &str,
        qualifier: Option<&str>,
        since: Instant,
    ) -> Result<Option<Function>, AwsError>;
    /// Reads the resource policy at the function's qualifier. A function without a policy has an empty policy; `None`
    /// if the function is not found. A cached read that began at or after `since` is accepted.
    async fn policy(&self, function: &FunctionArn, since: Instant) -> Result<Option<Policy>, AwsError>;
    /// Reads a deployed function with code, tags and concurrency; `None` if not found.
    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError>;
    /// Reads the configuration of asynchronous invocations; `None` if not found.
    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError>;
}

/// The Lambda operations on functions and resource policies.
#[async_trait]
pub trait LambdaApi: LambdaReads {
    /// Adds a permission statement if the policy still has this `revision`.
    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError>;
    /// Removes a permission statement if the policy still has this `revision`. A missing statement or function is the
    /// error [`NotFound`](super::AwsErrorKind::NotFound).
    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError>;
    /// Creates a function.
    async fn create_function(&self, function: &DesiredFunction) -> Result<(), AwsError>;
    /// Sets the code and the instruction set.
    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError>;
    /// Replaces all settings. Unset settings return to Lambda's defaults.
    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError>;
    /// Sets tags.
    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError>;
    /// Removes tags.
    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError>;
    /// Reserves `runs` concurrent executions for the function.
    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError>;
    /// Removes the reserved concurrency.
    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError>;
    /// Replaces the configuration of asynchronous invocations.
    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError>;
    /// Deletes the configuration of asynchronous invocations. A missing configuration is no error.
    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError>;
    /// Deletes a function with all versions. A missing function is the error
    /// [`NotFound`](super::AwsErrorKind::NotFound), which may be false for a function created a moment ago.
    async fn delete_function(&self, name: &str) -> Result<(), AwsError>;
}

/// The rules of a list by name.
pub type ListedRules = Arc<BTreeMap<String, ListedRule>>;

/// The tags of rules by ARN.
pub type ListedTags = Arc<BTreeMap<String, Tags>>;

/// A rule without tags and targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRule {
    /// The name on the default event bus.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// The settings of PutRule. A rule with only an event pattern has an empty expression.
    pub settings: RuleSettings,
    /// True if the rule also has an event pattern or a role.
    pub has_more: bool,
    /// The AWS service that manages the rule, if any.
    pub managed_by: Option<String>,
}

impl ListedRule {
    /// Adds the tags and targets to the listed rule.
    pub fn with(self, tags: Tags, targets: Vec<(String, Option<Target>)>) -> ObservedRule {
        let Self { name: _, arn: _, settings, has_more, managed_by } = self;
        ObservedRule { settings, has_more, managed_by, tags, targets }
    }
}

/// The reads of EventBridge on the default bus: schedules exist on no other bus.
#[async_trait]
pub trait EventBridgeReads: Send + Sync {
    /// Lists the rules with this name prefix, or all rules with an empty prefix; `None` if AWS denies the list. A cached
    /// list that began at or after `since` is accepted.
    async fn list(&self, prefix: &str, since: Instant) -> Result<Option<ListedRules>, AwsError>;
    /// Reads a rule without tags and targets; `None` if not found.
    async fn describe(&self, name: &str) -> Result<Option<ListedRule>, AwsError>;
    /// Reads the targets of a rule by Id; `None` for a target with settings that the operator never sets. A missing rule
    /// is the error [`NotFound`](super::AwsErrorKind::NotFound).
    async fn targets(&self, name: &str) -> Result<Vec<(String, Option<Target>)>, AwsError>;
    /// Reads the tags of a rule. A missing rule is the error [`NotFound`](super::AwsErrorKind::NotFound).
    async fn tags(&self, rule: &ListedRule) -> Result<Tags, AwsError>;
    /// Reads the tags of all rules of the operator at once, by ARN. The answer may be some moments old, or lack a new
    /// rule.
    async fn tags_of_rules(&self, owner: &OwnerId) -> Result<ListedTags, AwsError>;
    /// Lists the names of the rules with this target and this name prefix.
    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError>;
}

/// The EventBridge operations on the default bus.
#[async_trait]
pub trait EventBridgeApi: EventBridgeReads {
    /// Creates a rule, or replaces all settings of an existing rule. Only a new rule gets the tags.
    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError>;
    /// Sets tags on a rule.
    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError>;
    /// Removes tags from a rule.
    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError>;
    /// Sets a target of a rule.
    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError>;
    /// Removes targets from a rule, by Id. A missing rule is the error [`NotFound`](super::AwsErrorKind::NotFound).
    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError>;
    /// Deletes a rule without targets. A missing rule is no error, or the error
    /// [`NotFound`](super::AwsErrorKind::NotFound), which EventBridge may answer for a rule created a moment ago.
    async fn delete_rule(&self, name: &str) -> Result<(), AwsError>;
}

/// The schedules of a list by name.
pub type ListedSchedules = Arc<BTreeMap<String, ListedSchedule>>;

/// A schedule in a list, which shows neither expression nor role nor input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSchedule {
    /// True for the state `ENABLED`.
    pub enabled: bool,
    /// The ARN of the target.
    pub target_arn: String,
    /// The time of the last change.
    pub modified: Timestamp,
}

/// A schedule with the time of its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatedSchedule {
    /// The schedule.
    pub schedule: ObservedSchedule,
    /// The time of the last change.
    pub modified: Timestamp,
}

impl DatedSchedule {
    /// The schedule as a list shows it.
    pub fn listed(&self) -> ListedSchedule {
        let settings = &self.schedule.settings;
        let target_arn = settings.target.arn.clone();
        ListedSchedule { enabled: settings.enabled, target_arn, modified: self.modified }
    }
}

/// The reads of EventBridge Scheduler.
#[async_trait]
pub trait SchedulerReads: Send + Sync {
    /// Lists the schedules of a group. A missing group has no schedules; `None` if AWS denies the list. A cached list that
    /// began at or after `since` is accepted. The cached list leaves out the schedules that the operator has written
    /// since.
    async fn list(&self, group: &str, since: Instant) -> Result<Option<ListedSchedules>, AwsError>;
    /// Reads a schedule; `None` if the schedule or its group is not found.
    async fn schedule(&self, key: &ScheduleKey) -> Result<Option<DatedSchedule>, AwsError>;
    /// Reads the tags of the group with this ARN; `None` if not found.
    async fn group_tags(&self, arn: &str) -> Result<Option<Tags>, AwsError>;
}

/// The operations of EventBridge Scheduler.
#[async_trait]
pub trait SchedulerApi: SchedulerReads {
    /// Creates a schedule. A missing group is the error [`NotFound`](super::AwsErrorKind::NotFound), and an existing
    /// schedule the error [`Conflict`](super::AwsErrorKind::Conflict).
    async fn create_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError>;
    /// Replaces all settings of a schedule.
    async fn update_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError>;
    /// Deletes a schedule. A missing schedule is the error [`NotFound`](super::AwsErrorKind::NotFound), which may be false
    /// for a schedule created a moment ago.
    async fn delete_schedule(&self, key: &ScheduleKey) -> Result<(), AwsError>;
    /// Creates a group with tags. An existing group is the error [`Conflict`](super::AwsErrorKind::Conflict).
    async fn create_group(&self, name: &str, tags: &Tags) -> Result<(), AwsError>;
    /// Sets tags on the group with this ARN.
    async fn tag_group(&self, arn: &str, tags: &Tags) -> Result<(), AwsError>;
}

/// The reads of S3.
#[async_trait]
pub trait S3Reads: Send + Sync {
    /// Reads the notification configuration, as the XML from S3.
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError>;
    /// Reads and drops the notification configuration of a bucket with any owner. If [`get`](Self::get) is denied, an
    /// answer here proves a different owner.
    async fn get_of_any_owner(&self, bucket: &Bucket) -> Result<(), AwsError>;
    /// True if the caller's account has a bucket of this name, in any Region.
    async fn is_own_bucket(&self, bucket: &Bucket) -> Result<bool, AwsError>;
}

/// The S3 operations on notification configurations.
#[async_trait]
pub trait S3Api: S3Reads {
    /// Replaces the notification configuration. The call has no retry: the caller reads the document again before a
    /// second attempt.
    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError>;
}

/// The checks of destinations by S3 during a write of a notification configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// S3 checks that every destination accepts events.
    Full,
    /// S3 checks no destination, for a document with a broken foreign destination
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>).
    SkipDestinations,
}
