//! Lambda through the client. Resyncs share the reads of functions and policies. Only one object reads a deployed
//! function, so a deployed function is not cached.

use async_trait::async_trait;
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::operations as op;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use lambda_triggers_core::tenancy::{ResourceRef, references_of_code, references_of_configuration};
use tokio::time::Instant;

use super::aws_client::Port;
use super::tenant_policy::Resource;
use crate::aws::{AwsError, Function, LambdaApi, LambdaReads};

fn triggered(function: &FunctionArn) -> Resource<'static> {
    Resource::Ref(ResourceRef::Function(function.clone()))
}

/// The function that a call deploys, and the resources that the function needs.
fn deployed(name: &str, needed: impl IntoIterator<Item = ResourceRef>) -> Vec<Resource<'static>> {
    Resource::all([ResourceRef::DeployedFunction(name.into())].into_iter().chain(needed))
}

fn tagged(function: &FunctionArn) -> Vec<Resource<'static>> {
    deployed(&function.name, [ResourceRef::Function(function.clone())])
}

#[async_trait]
impl LambdaReads for Port<dyn LambdaApi> {
    async fn function(
        &self,
        name: &str,
        qualifier: Option<&str>,
        since: Instant,
    ) -> Result<Option<Function>, AwsError> {
        self.authorize(&op::GET_FUNCTION, vec![Resource::Function(name, qualifier)]).await?;
        let key = (self.region.clone(), name.to_owned(), qualifier.map(ToOwned::to_owned));
        // A missing or failed function needs a reconcile without cached reads.
        let is_fine = |function: &Function| function.failed.is_none();
        let fetch = self.send(&op::GET_FUNCTION, self.inner.function(name, qualifier, since));
        self.cache().functions.get_or_fetch(key, since, is_fine, fetch).await
    }

    async fn policy(&self, function: &FunctionArn, since: Instant) -> Result<Option<Policy>, AwsError> {
        self.authorize(&op::GET_POLICY, vec![triggered(function)]).await?;
        let fetch = self.send(&op::GET_POLICY, self.inner.policy(function, since));
        self.cache().policies.get_or_fetch(function.clone(), since, |_| true, fetch).await
    }

    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError> {
        self.call(&op::GET_FUNCTION, deployed(name, []), self.inner.deployed(name)).await
    }

    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        let call = self.inner.event_invoke_config(name);
        self.call(&op::GET_EVENT_INVOKE_CONFIG, deployed(name, []), call).await
    }
}

#[async_trait]
impl LambdaApi for Port<dyn LambdaApi> {
    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        let bucket =
            statement.source_arn.split_once(":s3:::").map(|(_, name)| ResourceRef::Bucket(name.into()));
        let owner = statement.source_account.clone().map(ResourceRef::BucketOwner);
        let mut resources = vec![triggered(function), Resource::OwnStatement(&statement.id)];
        resources.extend(bucket.into_iter().chain(owner).map(Resource::Ref));
        self.authorize(&op::ADD_PERMISSION, resources).await?;
        let _writing = self.cache().policies.invalidate(function);
        self.send(&op::ADD_PERMISSION, self.inner.add_permission(function, statement, revision)).await
    }

    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        let resources = vec![triggered(function), Resource::OwnStatement(statement_id)];
        self.authorize(&op::REMOVE_PERMISSION, resources).await?;
        let _writing = self.cache().policies.invalidate(function);
        self.send(&op::REMOVE_PERMISSION, self.inner.remove_permission(function, statement_id, revision))
            .await
    }

    async fn create_function(&self, function: &DesiredFunction) -> Result<(), AwsError> {
        let DesiredFunction { name, configuration, code, .. } = function;
        let needed = references_of_configuration(configuration).into_iter().chain(references_of_code(code));
        self.call(&op::CREATE_FUNCTION, deployed(name, needed), self.inner.create_function(function)).await
    }

    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError> {
        let call = self.inner.update_code(name, code, architecture);
        self.call(&op::UPDATE_CODE, deployed(name, references_of_code(code)), call).await
    }

    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError> {
        let resources = deployed(name, references_of_configuration(configuration));
        self.call(&op::UPDATE_CONFIGURATION, resources, self.inner.update_configuration(name, configuration))
            .await
    }

    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError> {
        self.call(&op::TAG_FUNCTION, tagged(function), self.inner.tag_function(function, tags)).await
    }

    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError> {
        self.call(&op::UNTAG_FUNCTION, tagged(function), self.inner.untag_function(function, keys)).await
    }

    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError> {
        let resources = deployed(name, [ResourceRef::ReservedConcurrency(runs)]);
        self.call(&op::PUT_CONCURRENCY, resources, self.inner.put_concurrency(name, runs)).await
    }

    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError> {
        self.call(&op::DELETE_CONCURRENCY, deployed(name, []), self.inner.delete_concurrency(name)).await
    }

    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError> {
        let call = self.inner.put_event_invoke_config(name, config);
        self.call(&op::PUT_EVENT_INVOKE_CONFIG, deployed(name, []), call).await
    }

    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError> {
        let call = self.inner.delete_event_invoke_config(name);
        self.call(&op::DELETE_EVENT_INVOKE_CONFIG, deployed(name, []), call).await
    }

    /// Other objects may have cached the function and the policy by this name.
    async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        self.authorize(&op::DELETE_FUNCTION, deployed(name, [])).await?;
        self.cache().forget_function(name);
        self.send(&op::DELETE_FUNCTION, self.inner.delete_function(name)).await
    }
}
