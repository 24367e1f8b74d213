//! The authorization layer: checks each call against the tenancy before the call is sent.
//!
//! The reconciler has checked the whole spec before. This layer is the second check: even a bug in the reconciler
//! cannot send a forbidden call.

use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::{FunctionArn, partition_of};
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};
use lambda_triggers_core::tenancy::{
    ImplicitGrants, ResourceRef, references_of_code, references_of_configuration,
};

use super::tenant_policy::TenantPolicy;
use crate::aws::{
    Account, Aws, AwsError, Bucket, DeploymentApi, EventBridgeApi, Function, LambdaApi, ListedRule, S3Api,
    Validation,
};

/// AWS on behalf of a namespace.
pub struct Authorized {
    aws: Arc<dyn Aws>,
    policy: Arc<TenantPolicy>,
}

impl Authorized {
    /// Wraps `aws` with the policy.
    pub fn new(aws: Arc<dyn Aws>, policy: TenantPolicy) -> Self {
        Self { aws, policy: Arc::new(policy) }
    }

    fn port<P: ?Sized>(&self, port: Arc<P>, region: &str) -> Arc<Port<P>> {
        Arc::new(Port { port, region: region.into(), policy: self.policy.clone() })
    }
}

#[async_trait]
impl Aws for Authorized {
    fn default_region(&self) -> &str {
        self.aws.default_region()
    }

    async fn account(&self) -> Result<Account, AwsError> {
        const ACTION: &str = "sts:GetCallerIdentity";
        self.policy.permit_removal(ACTION)?;
        let account = self.aws.account().await?;
        match &self.policy.role {
            Some(role) if role.account() != account.id => {
                let words =
                    format!("role {} is not in its own account, but in account {}", role.arn, account.id);
                Err(self.policy.refused(ACTION, words))
            }
            _ => Ok(account),
        }
    }

    fn lambda(&self, region: &str) -> Arc<dyn LambdaApi> {
        self.port(self.aws.lambda(region), region)
    }

    fn deployments(&self, region: &str) -> Arc<dyn DeploymentApi> {
        self.port(self.aws.deployments(region), region)
    }

    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi> {
        self.port(self.aws.eventbridge(region), region)
    }

    fn s3(&self, region: &str) -> Arc<dyn S3Api> {
        self.port(self.aws.s3(region), region)
    }
}

/// A port in one Region.
struct Port<P: ?Sized> {
    port: Arc<P>,
    region: String,
    policy: Arc<TenantPolicy>,
}

impl<P: ?Sized> Port<P> {
    /// Adds the assumed role to an error.
    fn with_role<T>(&self, result: Result<T, AwsError>) -> Result<T, AwsError> {
        let role = || self.policy.role.clone().map(Box::new);
        result.map_err(|error| AwsError { role: role(), ..error })
    }

    async fn permit(&self, action: &'static str, references: Vec<ResourceRef>) -> Result<(), AwsError> {
        self.policy.permit(action, &self.region, |_| references).await
    }

    async fn deploys(
        &self,
        action: &'static str,
        name: &str,
        references: Vec<ResourceRef>,
    ) -> Result<(), AwsError> {
        self.policy.permit_creation(action)?;
        let name = ResourceRef::DeployedFunction(name.into());
        self.permit(action, [name].into_iter().chain(references).collect()).await
    }
}

#[async_trait]
impl LambdaApi for Port<dyn LambdaApi> {
    async fn function(&self, name: &str, qualifier: Option<&str>) -> Result<Option<Function>, AwsError> {
        let named = |own: &ImplicitGrants| FunctionArn {
            partition: partition_of(&self.region).into(),
            region: self.region.clone(),
            account: own.account.clone(),
            name: name.into(),
            qualifier: None,
        };
        let references = |own: &ImplicitGrants| {
            let mut arn = FunctionArn::parse(name).unwrap_or_else(|| named(own));
            arn.qualifier = qualifier.map(ToOwned::to_owned).or(arn.qualifier);
            vec![ResourceRef::Function(arn)]
        };
        self.policy.permit("lambda:GetFunction", &self.region, references).await?;
        self.with_role(self.port.function(name, qualifier).await)
    }

    async fn policy(&self, function: &FunctionArn) -> Result<Option<Policy>, AwsError> {
        self.permit("lambda:GetPolicy", vec![ResourceRef::Function(function.clone())]).await?;
        self.with_role(self.port.policy(function).await)
    }

    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        const ACTION: &str = "lambda:AddPermission";
        self.policy.permit_creation(ACTION)?;
        self.policy.require_own_statement(ACTION, &statement.id)?;
        let bucket =
            statement.source_arn.split_once(":s3:::").map(|(_, name)| ResourceRef::Bucket(name.into()));
        let owner = statement.source_account.clone().map(ResourceRef::BucketOwner);
        let references = [ResourceRef::Function(function.clone())].into_iter().chain(bucket).chain(owner);
        self.permit(ACTION, references.collect()).await?;
        self.with_role(self.port.add_permission(function, statement, revision).await)
    }

    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        const ACTION: &str = "lambda:RemovePermission";
        self.policy.require_own_statement(ACTION, statement_id)?;
        self.permit(ACTION, vec![ResourceRef::Function(function.clone())]).await?;
        self.with_role(self.port.remove_permission(function, statement_id, revision).await)
    }
}

#[async_trait]
impl DeploymentApi for Port<dyn DeploymentApi> {
    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError> {
        self.permit("lambda:GetFunction", vec![ResourceRef::DeployedFunction(name.into())]).await?;
        self.with_role(self.port.deployed(name).await)
    }

    async fn create(&self, function: &DesiredFunction) -> Result<(), AwsError> {
        let DesiredFunction { name, configuration, code, .. } = function;
        let references =
            references_of_configuration(configuration).into_iter().chain(references_of_code(code));
        self.deploys("lambda:CreateFunction", name, references.collect()).await?;
        self.with_role(self.port.create(function).await)
    }

    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError> {
        self.deploys("lambda:UpdateFunctionCode", name, references_of_code(code)).await?;
        self.with_role(self.port.update_code(name, code, architecture).await)
    }

    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError> {
        let references = references_of_configuration(configuration);
        self.deploys("lambda:UpdateFunctionConfiguration", name, references).await?;
        self.with_role(self.port.update_configuration(name, configuration).await)
    }

    /// Permitted during cleanup: a function without the owner tag is tagged before the deletion.
    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError> {
        let references = vec![
            ResourceRef::DeployedFunction(function.name.clone()),
            ResourceRef::Function(function.clone()),
        ];
        self.permit("lambda:TagResource", references).await?;
        self.with_role(self.port.tag_function(function, tags).await)
    }

    /// Permitted during cleanup: a retained function loses the operator's tags.
    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError> {
        let references = vec![
            ResourceRef::DeployedFunction(function.name.clone()),
            ResourceRef::Function(function.clone()),
        ];
        self.permit("lambda:UntagResource", references).await?;
        self.with_role(self.port.untag_function(function, keys).await)
    }

    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError> {
        let resource = ResourceRef::ReservedConcurrency(runs);
        self.deploys("lambda:PutFunctionConcurrency", name, vec![resource]).await?;
        self.with_role(self.port.put_concurrency(name, runs).await)
    }

    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError> {
        self.deploys("lambda:DeleteFunctionConcurrency", name, vec![]).await?;
        self.with_role(self.port.delete_concurrency(name).await)
    }

    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        let resource = ResourceRef::DeployedFunction(name.into());
        self.permit("lambda:GetFunctionEventInvokeConfig", vec![resource]).await?;
        self.with_role(self.port.event_invoke_config(name).await)
    }

    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError> {
        self.deploys("lambda:PutFunctionEventInvokeConfig", name, vec![]).await?;
        self.with_role(self.port.put_event_invoke_config(name, config).await)
    }

    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError> {
        self.deploys("lambda:DeleteFunctionEventInvokeConfig", name, vec![]).await?;
        self.with_role(self.port.delete_event_invoke_config(name).await)
    }

    /// Permitted during cleanup: the tags have proved that the function was created for the object.
    async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        self.permit("lambda:DeleteFunction", vec![ResourceRef::DeployedFunction(name.into())]).await?;
        self.with_role(self.port.delete_function(name).await)
    }
}

impl Port<dyn EventBridgeApi> {
    /// Permits a call that creates or changes the object's rule.
    async fn require_own_rule(
        &self,
        action: &'static str,
        name: &str,
        references: Vec<ResourceRef>,
    ) -> Result<(), AwsError> {
        self.policy.permit_creation(action)?;
        self.policy.require_own_rule(action, name)?;
        self.permit(action, references).await
    }
}

#[async_trait]
impl EventBridgeApi for Port<dyn EventBridgeApi> {
    async fn list(&self, prefix: &str) -> Result<Vec<ListedRule>, AwsError> {
        const ACTION: &str = "events:ListRules";
        self.policy.require_own(ACTION, prefix == self.policy.owner.prefix(), "what is looked for")?;
        self.permit(ACTION, vec![]).await?;
        self.with_role(self.port.list(prefix).await)
    }

    async fn complete(&self, rule: ListedRule) -> Result<ObservedRule, AwsError> {
        const ACTION: &str = "events:ListTargetsByRule";
        if !self.policy.removes {
            self.policy.require_own_rule(ACTION, &rule.name)?;
        }
        self.permit(ACTION, vec![]).await?;
        self.with_role(self.port.complete(rule).await)
    }

    async fn rule(&self, name: &str) -> Result<Option<ObservedRule>, AwsError> {
        const ACTION: &str = "events:DescribeRule";
        if !self.policy.removes {
            self.policy.require_own_rule(ACTION, name)?;
        }
        self.permit(ACTION, vec![]).await?;
        self.with_role(self.port.rule(name).await)
    }

    /// Used only by cleanup, to find rules of the operator that still need the function.
    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        const ACTION: &str = "events:ListRuleNamesByTarget";
        self.policy.require_own(ACTION, prefix == self.policy.owner.prefix(), "what is looked for")?;
        self.permit(ACTION, vec![]).await?;
        self.with_role(self.port.rules_with_target(arn, prefix).await)
    }

    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError> {
        self.require_own_rule("events:PutRule", name, vec![]).await?;
        self.with_role(self.port.put_rule(name, settings, tags).await)
    }

    /// Permitted during cleanup: a rule without tags is tagged before the targets are removed.
    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        const ACTION: &str = "events:TagResource";
        self.policy.require_own_rule(ACTION, name)?;
        self.permit(ACTION, vec![]).await?;
        self.with_role(self.port.tag_rule(name, tags).await)
    }

    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        self.require_own_rule("events:UntagResource", name, vec![]).await?;
        self.with_role(self.port.untag_rule(name, keys).await)
    }

    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError> {
        const ACTION: &str = "events:PutTargets";
        let function = FunctionArn::parse(&target.arn);
        self.policy.require_own(ACTION, function.is_some(), &format!("target {}", target.arn))?;
        let queue = target.dead_letter_queue_arn.clone().map(ResourceRef::DeadLetterQueue);
        let references = function.map(ResourceRef::RuleTarget).into_iter().chain(queue).collect();
        self.require_own_rule(ACTION, rule, references).await?;
        self.with_role(self.port.put_target(rule, target).await)
    }

    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError> {
        const ACTION: &str = "events:RemoveTargets";
        self.policy.require_own_rule(ACTION, rule)?;
        self.permit(ACTION, vec![]).await?;
        self.with_role(self.port.remove_targets(rule, ids).await)
    }

    async fn delete_rule(&self, name: &str) -> Result<(), AwsError> {
        const ACTION: &str = "events:DeleteRule";
        self.policy.require_own_rule(ACTION, name)?;
        self.permit(ACTION, vec![]).await?;
        self.with_role(self.port.delete_rule(name).await)
    }
}

#[async_trait]
impl S3Api for Port<dyn S3Api> {
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError> {
        self.permit("s3:GetBucketNotification", references_of_bucket(bucket)).await?;
        self.with_role(self.port.get(bucket).await)
    }

    async fn get_of_any_owner(&self, bucket: &Bucket) -> Result<(), AwsError> {
        self.permit("s3:GetBucketNotification", references_of_bucket(bucket)).await?;
        self.with_role(self.port.get_of_any_owner(bucket).await)
    }

    async fn is_own_bucket(&self, bucket: &Bucket) -> Result<bool, AwsError> {
        self.permit("s3:ListAllMyBuckets", references_of_bucket(bucket)).await?;
        self.with_role(self.port.is_own_bucket(bucket).await)
    }

    /// Permitted during cleanup: the bucket worker has removed the object's entries from the document.
    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError> {
        self.permit("s3:PutBucketNotification", references_of_bucket(bucket)).await?;
        self.with_role(self.port.put(bucket, xml, validation).await)
    }
}

fn references_of_bucket(bucket: &Bucket) -> Vec<ResourceRef> {
    vec![ResourceRef::Bucket(bucket.name.clone()), ResourceRef::BucketOwner(bucket.owner.clone())]
}

#[cfg(test)]
mod tests;
