//! Lambda's API: functions and their policies.

use async_trait::async_trait;
use lambda_triggers::aws::{AwsError, AwsErrorKind, Function, LambdaApi, LambdaReads};
use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, ObservedFunction,
};
use lambda_triggers_core::plan::permission::{Policy, Statement};
use serde_json::json;
use tokio::time::Instant;

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
impl LambdaReads for SimClient {
    async fn function(
        &self,
        name: &str,
        qualifier: Option<&str>,
        _since: Instant,
    ) -> Result<Option<Function>, AwsError> {
        let on = qualifier.map_or_else(|| name.to_owned(), |qualifier| format!("{name}:{qualifier}"));
        let op = self.reading("lambda:GetFunction", format!("function {on}"));
        let region = self.region.clone();
        let answer = self
            .call(op, move |state, view| {
                let function = state.reference(&on, &region)?;
                let found = state.function(&function, view);
                state.note_read(&function);
                found
            })
            .await;
        missing_as_none(answer)
    }

    async fn policy(&self, function: &FunctionArn, _since: Instant) -> Result<Option<Policy>, AwsError> {
        let op = self.reading("lambda:GetPolicy", format!("function {}", function.short()));
        let (region, arn, call) = (self.region.clone(), function.to_string(), op.clone());
        let answer = self
            .call(op, move |state, view| {
                let function = state.reference(&arn, &region)?;
                state.policy(&function, view)
            })
            .await;
        match answer {
            Ok((document, revision)) => Policy::parse(&document, Some(revision))
                .map(Some)
                .map_err(|error| AwsError::unexpected(AwsErrorKind::Invalid, call.action, call.on, error)),
            Err(error) if error.kind == AwsErrorKind::NotFound => {
                let message = error.message.as_deref().unwrap_or_default();
                Ok((!message.starts_with("Function not found")).then(Policy::default))
            }
            Err(error) => Err(error),
        }
    }

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
}

#[async_trait]
impl LambdaApi for SimClient {
    async fn add_permission(
        &self,
        function: &FunctionArn,
        statement: &Statement,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        let Statement { id, principal, source_arn, source_account } = statement;
        let request = json!({
            "StatementId": id,
            "Action": "lambda:InvokeFunction",
            "Principal": principal,
            "SourceArn": source_arn,
            "SourceAccount": source_account,
            "RevisionId": revision,
        });
        let op = self.writing("lambda:AddPermission", format!("function {}", function.short()));
        let (region, arn, call) = (self.region.clone(), function.to_string(), op.clone());
        self.call(op, move |state, _| {
            let function = state.reference(&arn, &region)?;
            state.add_permission(&call, &function, &request)
        })
        .await
    }

    async fn remove_permission(
        &self,
        function: &FunctionArn,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), AwsError> {
        let op = self.writing("lambda:RemovePermission", format!("function {}", function.short()));
        let (region, arn, call) = (self.region.clone(), function.to_string(), op.clone());
        let (sid, revision) = (statement_id.to_owned(), revision.map(ToOwned::to_owned));
        let remove = move |state: &mut AwsState, _| {
            let function = state.reference(&arn, &region)?;
            state.remove_permission(&call, &function, &sid, revision.as_deref())
        };
        self.call(op, remove).await
    }

    async fn create_function(&self, function: &DesiredFunction) -> Result<(), AwsError> {
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
