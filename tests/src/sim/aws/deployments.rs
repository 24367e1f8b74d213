//! Lambda's deployment API: functions that the operator creates, updates and deletes.

use async_trait::async_trait;
use lambda_triggers::aws::{AwsError, DeploymentApi};
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};

use super::client::SimClient;
use super::errors::Op;
use super::policies::missing_as_none;
use super::state::{Answer, AwsState};
use crate::aws_proxy::arn::FunctionRef;

impl SimClient {
    /// A write to the function with this name or ARN.
    async fn on_function(
        &self,
        action: &'static str,
        name: &str,
        reference: &str,
        write: impl Fn(&mut AwsState, &Op, &FunctionRef) -> Answer<()> + Send + 'static,
    ) -> Result<(), AwsError> {
        let op = self.writing(action, format!("function {name}"));
        let (region, reference, call) = (self.region.clone(), reference.to_owned(), op.clone());
        self.call(op, move |state, _| {
            let function = state.reference(&reference, &region)?;
            write(state, &call, &function)
        })
        .await
    }
}

#[async_trait]
impl DeploymentApi for SimClient {
    async fn deployed(&self, name: &str) -> Result<Option<ObservedFunction>, AwsError> {
        let op = self.reading("lambda:GetFunction", format!("function {name}"));
        let (region, name) = (self.region.clone(), name.to_owned());
        let answer = self
            .call(op, move |state, view| {
                let function = state.reference(&name, &region)?;
                let found = state.deployed(&function, view);
                state.note_read(&function);
                found
            })
            .await;
        missing_as_none(answer)
    }

    async fn create(&self, function: &DesiredFunction) -> Result<(), AwsError> {
        let (name, desired) = (function.name.clone(), function.clone());
        self.on_function("lambda:CreateFunction", &name, &name, move |state, op, function| {
            state.create_function(op, function, &desired)
        })
        .await
    }

    async fn update_code(
        &self,
        name: &str,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Result<(), AwsError> {
        let code = code.clone();
        self.on_function("lambda:UpdateFunctionCode", name, name, move |state, op, function| {
            state.update_code(op, function, &code, architecture)
        })
        .await
    }

    async fn update_configuration(&self, name: &str, configuration: &Configuration) -> Result<(), AwsError> {
        let configuration = configuration.clone();
        self.on_function("lambda:UpdateFunctionConfiguration", name, name, move |state, op, function| {
            state.update_configuration(op, function, &configuration)
        })
        .await
    }

    async fn tag_function(&self, function: &FunctionArn, tags: &Tags) -> Result<(), AwsError> {
        let (arn, tags) = (function.to_string(), tags.clone());
        self.on_function("lambda:TagResource", &function.name, &arn, move |state, op, function| {
            state.tag_function(op, function, |present| present.extend(tags.clone()))
        })
        .await
    }

    async fn untag_function(&self, function: &FunctionArn, keys: &[String]) -> Result<(), AwsError> {
        let (arn, keys) = (function.to_string(), keys.to_vec());
        self.on_function("lambda:UntagResource", &function.name, &arn, move |state, op, function| {
            state.tag_function(op, function, |present| present.retain(|key, _| !keys.contains(key)))
        })
        .await
    }

    async fn put_concurrency(&self, name: &str, runs: i32) -> Result<(), AwsError> {
        self.on_function("lambda:PutFunctionConcurrency", name, name, move |state, op, function| {
            state.put_concurrency(op, function, runs)
        })
        .await
    }

    async fn delete_concurrency(&self, name: &str) -> Result<(), AwsError> {
        self.on_function("lambda:DeleteFunctionConcurrency", name, name, |state, op, function| {
            state.delete_concurrency(op, function)
        })
        .await
    }

    async fn event_invoke_config(&self, name: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        let op = self.reading("lambda:GetFunctionEventInvokeConfig", format!("function {name}"));
        let (region, name) = (self.region.clone(), name.to_owned());
        let answer = self
            .call(op, move |state, view| {
                let function = state.reference(&name, &region)?;
                state.event_invoke_config(&function, view)
            })
            .await;
        missing_as_none(answer)
    }

    async fn put_event_invoke_config(&self, name: &str, config: &EventInvokeConfig) -> Result<(), AwsError> {
        let config = config.clone();
        self.on_function("lambda:PutFunctionEventInvokeConfig", name, name, move |state, op, function| {
            state.put_event_invoke_config(op, function, &config)
        })
        .await
    }

    async fn delete_event_invoke_config(&self, name: &str) -> Result<(), AwsError> {
        let deleted =
            self.on_function("lambda:DeleteFunctionEventInvokeConfig", name, name, |state, op, function| {
                state.delete_event_invoke_config(op, function)
            });
        missing_as_none(deleted.await).map(drop)
    }

    async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        self.on_function("lambda:DeleteFunction", name, name, |state, op, function| {
            state.delete_function(op, function)
        })
        .await
    }
}
