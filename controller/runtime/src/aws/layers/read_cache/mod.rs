//! The read cache: a layer in which resyncs share reads. A cached read may only prove that nothing needs to change.
//! After a cached read, every write is refused until the caller has read from AWS again.

mod entries;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::prefix_of;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};
use tracing::warn;

use crate::aws::call_context::CallContext;
use crate::aws::{
    Account, Aws, AwsError, AwsErrorKind, DeploymentApi, EventBridgeApi, Function, LambdaApi, ListedRule,
    S3Api,
};
use crate::error_chain;
use entries::CachedReads;

/// AWS with one set of credentials, and a cache shared by all callers.
pub struct ReadCache {
    inner: Arc<dyn Aws>,
    entries: Arc<CacheEntries>,
}

/// The cached reads by kind of resource.
#[derive(Default)]
struct CacheEntries {
    /// By Region, requested name or ARN, and qualifier.
    functions: CachedReads<(String, String, Option<String>), Function>,
    policies: CachedReads<FunctionArn, Policy>,
    /// By Region and name prefix. The value maps names to rules.
    rules: CachedReads<(String, String), Arc<BTreeMap<String, ListedRule>>>,
}

impl ReadCache {
    /// Caches the reads of `inner`.
    pub fn new(inner: Arc<dyn Aws>) -> Self {
        Self { inner, entries: Arc::default() }
    }

    fn port<P: ?Sized>(&self, inner: Arc<P>, region: &str) -> Arc<Port<P>> {
        Arc::new(Port { inner, entries: self.entries.clone(), region: region.into() })
    }
}

/// A port in one Region.
struct Port<P: ?Sized> {
    inner: Arc<P>,
    entries: Arc<CacheEntries>,
    region: String,
}

/// Refuses a write after a cached read. The caller must read from AWS again first.
fn require_fresh(action: &'static str, on: &str) -> Result<(), AwsError> {
    if CallContext::current().used_cached_read() {
        let why = "the write is based on cached data, and needs a new read first";
        return Err(AwsError::unexpected(AwsErrorKind::Unavailable, action, on, why));
    }
    Ok(())
}

#[async_trait]
impl Aws for ReadCache {
    fn default_region(&self) -> &str {
        self.inner.default_region()
    }

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

    /// Not cached here: the bucket worker shares its own reads.
    fn s3(&self, region: &str) -> Arc<dyn S3Api> {
        self.inner.s3(region)
    }
}

#[async_trait]
impl LambdaApi for Port<dyn LambdaApi> {
    async fn function(&self, name: &str, qualifier: Option<&str>) -> Result<Option<Function>, AwsError> {
        let key = (self.region.clone(), name.to_owned(), qualifier.map(ToOwned::to_owned));
        // A missing or failed function needs a reconcile without cached reads.
        let is_fine = |function: &Function| function.failed.is_none();
        self.entries.functions.get_or_fetch(key, is_fine, self.inner.function(name, qualifier)).await
    }

    async fn policy(&self, function: &FunctionArn) -> Result<Option<Policy>, AwsError> {
        self.entries.policies.get_or_fetch(function.clone(), |_| true, self.inner.policy(function)).await
    }

    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        require_fresh("lambda:AddPermission", &function.short())?;
        let _writing = self.entries.policies.invalidate(function);
        self.inner.add_permission(function, statement, revision).await
    }

    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        require_fresh("lambda:RemovePermission", &function.short())?;
        let _writing = self.entries.policies.invalidate(function);
        self.inner.remove_permission(function, statement_id, revision).await
    }
}

/// Not cached: only one object reads a deployed function.
#[async_trait]
impl DeploymentApi for Port<dyn DeploymentApi> {
    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError> {
        self.inner.deployed(name).await
    }

    async fn create(&self, function: &DesiredFunction) -> Result<(), AwsError> {
        require_fresh("lambda:CreateFunction", &function.name)?;
        self.inner.create(function).await
    }

    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError> {
        require_fresh("lambda:UpdateFunctionCode", name)?;
        self.inner.update_code(name, code, architecture).await
    }

    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError> {
        require_fresh("lambda:UpdateFunctionConfiguration", name)?;
        self.inner.update_configuration(name, configuration).await
    }

    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError> {
        require_fresh("lambda:TagResource", &function.name)?;
        self.inner.tag_function(function, tags).await
    }

    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError> {
        require_fresh("lambda:UntagResource", &function.name)?;
        self.inner.untag_function(function, keys).await
    }

    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError> {
        require_fresh("lambda:PutFunctionConcurrency", name)?;
        self.inner.put_concurrency(name, runs).await
    }

    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError> {
        require_fresh("lambda:DeleteFunctionConcurrency", name)?;
        self.inner.delete_concurrency(name).await
    }

    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        self.inner.event_invoke_config(name).await
    }

    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError> {
        require_fresh("lambda:PutFunctionEventInvokeConfig", name)?;
        self.inner.put_event_invoke_config(name, config).await
    }

    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError> {
        require_fresh("lambda:DeleteFunctionEventInvokeConfig", name)?;
        self.inner.delete_event_invoke_config(name).await
    }

    /// Other objects may have cached the function and the policy by this name.
    async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        require_fresh("lambda:DeleteFunction", name)?;
        self.entries
            .functions
            .forget(|(_, name_or_arn, _)| name_or_arn == name || name_or_arn.contains(&format!(":{name}")));
        self.entries.policies.forget(|function| function.name == name);
        self.inner.delete_function(name).await
    }
}

impl Port<dyn EventBridgeApi> {
    /// The rule from the list shared by all resyncs; `None` if the list does not contain the rule.
    async fn listed(&self, name: &str) -> Result<Option<ListedRule>, AwsError> {
        let shares = CallContext::current().oldest_cached_read().is_some();
        let Some(prefix) = prefix_of(name).filter(|_| shares) else { return Ok(None) };
        let list = async {
            let rules = match self.inner.list(prefix).await {
                Ok(rules) => rules,
                Err(error) if error.kind == AwsErrorKind::Denied => {
                    warn!(error = error_chain(&error), "cannot list rules; reading each rule separately");
                    vec![]
                }
                Err(error) => return Err(error),
            };
            Ok(Some(Arc::new(rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect())))
        };
        let key = (self.region.clone(), prefix.to_owned());
        let rules = self.entries.rules.get_or_fetch(key, |_| true, list).await?;
        Ok(rules.and_then(|rules| rules.get(name).cloned()))
    }
}

/// Only one object reads a rule, so a single rule is not cached. Resyncs share the list of rules.
#[async_trait]
impl EventBridgeApi for Port<dyn EventBridgeApi> {
    async fn list(&self, prefix: &str) -> Result<Vec<ListedRule>, AwsError> {
        self.inner.list(prefix).await
    }

    async fn complete(&self, rule: ListedRule) -> Result<ObservedRule, AwsError> {
        self.inner.complete(rule).await
    }

    async fn rule(&self, name: &str) -> Result<Option<ObservedRule>, AwsError> {
        if let Some(rule) = self.listed(name).await? {
            match self.inner.complete(rule).await {
                Err(error) if error.kind == AwsErrorKind::NotFound => {}
                complete => return complete.map(Some),
            }
        }
        self.inner.rule(name).await
    }

    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        self.inner.rules_with_target(arn, prefix).await
    }

    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError> {
        require_fresh("events:PutRule", name)?;
        self.inner.put_rule(name, settings, tags).await
    }

    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        require_fresh("events:TagResource", name)?;
        self.inner.tag_rule(name, tags).await
    }

    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        require_fresh("events:UntagResource", name)?;
        self.inner.untag_rule(name, keys).await
    }

    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError> {
        require_fresh("events:PutTargets", rule)?;
        self.inner.put_target(rule, target).await
    }

    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError> {
        require_fresh("events:RemoveTargets", rule)?;
        self.inner.remove_targets(rule, ids).await
    }

    async fn delete_rule(&self, name: &str) -> Result<(), AwsError> {
        require_fresh("events:DeleteRule", name)?;
        self.inner.delete_rule(name).await
    }
}
