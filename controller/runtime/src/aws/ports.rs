//! The ports: what this operator asks of AWS, and nothing else. Each method is one call, or one paged call.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};

use super::AwsError;

/// All of AWS, by Region.
#[async_trait]
pub trait Aws: Send + Sync {
    /// The Region of resources that name none.
    fn default_region(&self) -> &str;
    /// The account whose credentials are used.
    async fn account(&self) -> Result<Account, AwsError>;
    /// Lambda in a Region.
    fn lambda(&self, region: &str) -> Arc<dyn LambdaApi>;
    /// Lambda in a Region, for functions that the operator deploys.
    fn deployments(&self, region: &str) -> Arc<dyn DeploymentApi>;
    /// EventBridge in a Region.
    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi>;
    /// S3 in a Region.
    fn s3(&self, region: &str) -> Arc<dyn S3Api>;
}

/// An AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its 12 digits.
    pub id: String,
}

/// A function as Lambda describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its ARN, with the qualifier that was asked for.
    pub arn: FunctionArn,
    /// Why it cannot be invoked, if its state is `Failed`.
    pub failed: Option<String>,
}

/// Lambda's part.
#[async_trait]
pub trait LambdaApi: Send + Sync {
    /// The function of that name or ARN, at that alias or version; none if there is none.
    async fn function(&self, name: &str, qualifier: Option<&str>) -> Result<Option<Function>, AwsError>;
    /// The resource policy of a function at its qualifier; empty if it has none, none if there is no such function.
    async fn policy(&self, function: &FunctionArn) -> Result<Option<Policy>, AwsError>;
    /// Adds a statement, if the policy still is of `revision`.
    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError>;
    /// Removes a statement, if the policy still is of `revision`. One that is not there is removed already.
    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError>;
}

/// Lambda's part in functions that the operator deploys. All take the function's name.
#[async_trait]
pub trait DeploymentApi: Send + Sync {
    /// The function with code, tags and concurrency; none if there is none.
    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError>;
    /// Creates a function.
    async fn create(&self, function: &DesiredFunction) -> Result<(), AwsError>;
    /// Sets code and instruction set.
    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError>;
    /// Sets all settings; what is not set goes back to Lambda's default.
    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError>;
    /// Sets tags.
    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError>;
    /// Removes tags.
    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError>;
    /// Keeps so many runs at a time for the function.
    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError>;
    /// Keeps none.
    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError>;
    /// The configuration of asynchronous invocations; none if there is none.
    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError>;
    /// Replaces the configuration of asynchronous invocations.
    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError>;
    /// Deletes the configuration of asynchronous invocations. One that is not there is deleted already.
    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError>;
    /// Deletes a function with all of its versions. One that is not there is an error, [`AwsErrorKind::NotFound`]: Lambda may say
    /// so of one that was made a moment ago.
    async fn delete_function(&self, name: &str) -> Result<(), AwsError>;
}

/// A rule as lists of them tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRule {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What PutRule sets; the expression is empty for a rule with an event pattern alone.
    pub settings: RuleSettings,
    /// Whether it has an event pattern besides, or a role.
    pub has_more: bool,
    /// The AWS service that manages it.
    pub managed_by: Option<String>,
}

impl ListedRule {
    /// The whole rule.
    pub fn with(self, tags: Tags, targets: Vec<(String, Option<Target>)>) -> ObservedRule {
        let Self { name: _, arn: _, settings, has_more, managed_by } = self;
        ObservedRule { settings, has_more, managed_by, tags, targets }
    }
}

/// EventBridge's part, on the default bus: schedules exist on no other.
#[async_trait]
pub trait EventBridgeApi: Send + Sync {
    /// The rules whose names begin with `prefix`.
    async fn list(&self, prefix: &str) -> Result<Vec<ListedRule>, AwsError>;
    /// A rule of a list with its tags and targets. One that has gone since is an error, [`AwsErrorKind::NotFound`].
    async fn complete(&self, rule: ListedRule) -> Result<ObservedRule, AwsError>;
    /// The rule with its tags and targets; none if there is none.
    async fn rule(&self, name: &str) -> Result<Option<ObservedRule>, AwsError>;
    /// The names of the rules that have this target, as far as they begin with `prefix`.
    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError>;
    /// Creates a rule, or sets all settings of one that exists; tags count for a new one only.
    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError>;
    /// Sets tags on a rule.
    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError>;
    /// Removes tags from a rule.
    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError>;
    /// Sets a target of a rule.
    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError>;
    /// Removes targets from a rule, by Id.
    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError>;
    /// Deletes a rule without targets. One that is not there is deleted already, or an error, [`AwsErrorKind::NotFound`]:
    /// EventBridge may say so of one that was made a moment ago.
    async fn delete_rule(&self, name: &str) -> Result<(), AwsError>;
}

/// A bucket, and where it is said to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// Its Region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// The account that is expected to own it: S3 refuses every call if another one does, as after the name has
    /// passed to somebody else.
    pub owner: String,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// S3's part.
#[async_trait]
pub trait S3Api: Send + Sync {
    /// The bucket's notification configuration, as the XML that S3 sent.
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError>;
    /// Reads and drops the notification configuration, whatever account owns the bucket. Where [`get`](Self::get) is refused,
    /// an answer here proves another owner.
    async fn get_of_any_owner(&self, bucket: &Bucket) -> Result<(), AwsError>;
    /// True if the caller's own account has a bucket of this name, in any Region.
    async fn is_own_bucket(&self, bucket: &Bucket) -> Result<bool, AwsError>;
    /// Replaces the bucket's notification configuration. Tried once only: the caller looks before it tries again.
    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError>;
}

/// What S3 looks at before it takes a notification configuration, beyond the document itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// Whether it can deliver to each destination.
    Full,
    /// Nothing: for a document in which somebody else's destination is broken
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>).
    SkipDestinations,
}
