//! The rate-limit layer: each call waits for the rate limiter.

use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::pacing::token_bucket::Quota;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};

use super::rate_limiter::RateLimiter;
use crate::aws::{
    Account, Aws, AwsError, AwsErrorKind, Bucket, DeploymentApi, EventBridgeApi, Function, LambdaApi,
    ListedRule, S3Api, Validation,
};

/// The maximum number of rules in one page of ListRules.
const PAGE: usize = 100;

/// AWS in one account, below the quotas of the account.
pub struct RateLimited {
    inner: Arc<dyn Aws>,
    rate_limiter: RateLimiter,
}

impl RateLimited {
    /// Limits the calls to `inner`.
    pub fn new(inner: Arc<dyn Aws>, rate_limiter: RateLimiter) -> Self {
        Self { inner, rate_limiter }
    }

    fn port<P: ?Sized>(&self, inner: Arc<P>, region: &str) -> Arc<Port<P>> {
        Arc::new(Port { inner, rate_limiter: self.rate_limiter.clone(), region: region.into() })
    }
}

/// A port in one Region.
struct Port<P: ?Sized> {
    inner: Arc<P>,
    rate_limiter: RateLimiter,
    region: String,
}

impl<P: ?Sized> Port<P> {
    /// Waits for the rate limiter, makes the call, and reports throttling to the rate limiter.
    async fn call<T>(
        &self,
        quota: Quota,
        call: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        self.rate_limiter.call(quota, &self.region).await;
        self.note_throttling(quota, call.await)
    }

    fn note_throttling<T>(&self, quota: Quota, result: Result<T, AwsError>) -> Result<T, AwsError> {
        if result.as_ref().is_err_and(|error| error.kind == AwsErrorKind::Throttled) {
            self.rate_limiter.on_throttled(quota, &self.region);
        }
        result
    }

    /// Counts the further requests of one permitted call.
    fn debit(&self, quota: Quota, calls: u32) {
        self.rate_limiter.debit(quota, &self.region, calls);
    }
}

#[async_trait]
impl Aws for RateLimited {
    fn default_region(&self) -> &str {
        self.inner.default_region()
    }

    /// Not limited: the account is read only once.
    async fn account(&self) -> Result<Account, AwsError> {
        self.inner.account().await
    }

    fn lambda(&self, region: &str) -> Arc<dyn LambdaApi> {
        self.port(self.inner.lambda(region), region)
    }

    fn deployments(&self, region: &str) -> Arc<dyn DeploymentApi> {
        self.port(self.inner.deployments(region), region)
    }

    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi> {
        self.port(self.inner.eventbridge(region), region)
    }

    fn s3(&self, region: &str) -> Arc<dyn S3Api> {
        self.port(self.inner.s3(region), region)
    }
}

#[async_trait]
impl LambdaApi for Port<dyn LambdaApi> {
    async fn function(&self, name: &str, qualifier: Option<&str>) -> Result<Option<Function>, AwsError> {
        self.call(Quota::LambdaFunction, self.inner.function(name, qualifier)).await
    }

    async fn policy(&self, function: &FunctionArn) -> Result<Option<Policy>, AwsError> {
        self.call(Quota::LambdaPolicy, self.inner.policy(function)).await
    }

    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.add_permission(function, statement, revision)).await
    }

    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.remove_permission(function, statement_id, revision)).await
    }
}

#[async_trait]
impl DeploymentApi for Port<dyn DeploymentApi> {
    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError> {
        self.call(Quota::LambdaFunction, self.inner.deployed(name)).await
    }

    async fn create(&self, function: &DesiredFunction) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.create(function)).await
    }

    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.update_code(name, code, architecture)).await
    }

    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.update_configuration(name, configuration)).await
    }

    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.tag_function(function, tags)).await
    }

    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.untag_function(function, keys)).await
    }

    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.put_concurrency(name, runs)).await
    }

    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.delete_concurrency(name)).await
    }

    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        self.call(Quota::Lambda, self.inner.event_invoke_config(name)).await
    }

    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.put_event_invoke_config(name, config)).await
    }

    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.delete_event_invoke_config(name)).await
    }

    async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        self.call(Quota::Lambda, self.inner.delete_function(name)).await
    }
}

#[async_trait]
impl EventBridgeApi for Port<dyn EventBridgeApi> {
    /// Counts one request for each page of at most 100 rules
    /// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html>).
    async fn list(&self, prefix: &str) -> Result<Vec<ListedRule>, AwsError> {
        let rules = self.call(Quota::Events, self.inner.list(prefix)).await?;
        let further = rules.len().saturating_sub(1) / PAGE;
        self.debit(Quota::Events, further.try_into().unwrap_or(u32::MAX));
        Ok(rules)
    }

    /// Counts two requests: the tags and the targets.
    async fn complete(&self, rule: ListedRule) -> Result<ObservedRule, AwsError> {
        self.debit(Quota::Events, 1);
        self.call(Quota::Events, self.inner.complete(rule)).await
    }

    /// Counts two further requests for the tags and the targets of an existing rule.
    async fn rule(&self, name: &str) -> Result<Option<ObservedRule>, AwsError> {
        let rule = self.call(Quota::Events, self.inner.rule(name)).await?;
        if rule.is_some() {
            self.debit(Quota::Events, 2);
        }
        Ok(rule)
    }

    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        self.call(Quota::Events, self.inner.rules_with_target(arn, prefix)).await
    }

    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError> {
        self.call(Quota::Events, self.inner.put_rule(name, settings, tags)).await
    }

    /// Counts the request for the rule's ARN.
    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        self.debit(Quota::Events, 1);
        self.call(Quota::Events, self.inner.tag_rule(name, tags)).await
    }

    /// Counts the request for the rule's ARN.
    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        self.debit(Quota::Events, 1);
        self.call(Quota::Events, self.inner.untag_rule(name, keys)).await
    }

    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError> {
        self.call(Quota::Events, self.inner.put_target(rule, target)).await
    }

    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError> {
        self.call(Quota::Events, self.inner.remove_targets(rule, ids)).await
    }

    async fn delete_rule(&self, name: &str) -> Result<(), AwsError> {
        self.call(Quota::Events, self.inner.delete_rule(name)).await
    }
}

#[async_trait]
impl S3Api for Port<dyn S3Api> {
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError> {
        self.call(Quota::S3, self.inner.get(bucket)).await
    }

    async fn get_of_any_owner(&self, bucket: &Bucket) -> Result<(), AwsError> {
        self.call(Quota::S3, self.inner.get_of_any_owner(bucket)).await
    }

    async fn is_own_bucket(&self, bucket: &Bucket) -> Result<bool, AwsError> {
        self.call(Quota::S3, self.inner.is_own_bucket(bucket)).await
    }

    /// Never waits: during a wait, the document that was read before would become stale. Later calls wait longer
    /// instead.
    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError> {
        self.debit(Quota::S3, 1);
        let result = self.inner.put(bucket, xml, validation).await;
        self.note_throttling(Quota::S3, result)
    }
}
