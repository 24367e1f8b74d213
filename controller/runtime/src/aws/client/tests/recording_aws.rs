//! A fake AWS for the tests of the client.

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
use lambda_triggers_core::plan::rule::{RuleSettings, Target};
use lambda_triggers_core::plan::schedule::{ScheduleBody, ScheduleKey};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{ACCOUNT, REGION};
use crate::aws::{
    Account, Aws, AwsError, DatedSchedule, EventBridgeApi, EventBridgeReads, Function, LambdaApi,
    LambdaReads, ListedRule, ListedRules, ListedSchedule, ListedSchedules, ListedTags, S3Api, S3Reads,
    SchedulerApi, SchedulerReads, Validation,
};

/// A fake AWS that accepts every call and records the name of the call.
#[derive(Clone, Default)]
pub struct RecordingAws(pub Arc<Mutex<Vec<&'static str>>>);

impl RecordingAws {
    fn note<T>(&self, call: &'static str, answer: T) -> Result<T, AwsError> {
        self.0.lock().push(call);
        Ok(answer)
    }

    pub fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock())
    }
}

#[async_trait]
impl Aws for RecordingAws {
    fn default_region(&self) -> &str {
        REGION
    }
    async fn account(&self) -> Result<Account, AwsError> {
        self.note("account", Account { id: ACCOUNT.into() })
    }
    fn lambda(&self, _: &str) -> Arc<dyn LambdaApi> {
        Arc::new(self.clone())
    }
    fn eventbridge(&self, _: &str) -> Arc<dyn EventBridgeApi> {
        Arc::new(self.clone())
    }
    fn scheduler(&self, _: &str) -> Arc<dyn SchedulerApi> {
        Arc::new(self.clone())
    }
    fn s3(&self, _: &str) -> Arc<dyn S3Api> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl LambdaReads for RecordingAws {
    async fn function(&self, _: &str, _: Option<&str>, _: Instant) -> Result<Option<Function>, AwsError> {
        self.note("function", None)
    }
    async fn policy(&self, _: &FunctionArn, _: Instant) -> Result<Option<Policy>, AwsError> {
        self.note("policy", Some(Policy::default()))
    }
    async fn deployed(&self, _: &str) -> Result<Option<ObservedFunction>, AwsError> {
        self.note("deployed", None)
    }
    async fn event_invoke_config(&self, _: &str) -> Result<Option<EventInvokeConfig>, AwsError> {
        self.note("event_invoke_config", None)
    }
}

#[async_trait]
impl LambdaApi for RecordingAws {
    async fn add_permission(&self, _: &FunctionArn, _: &Statement, _: Option<&str>) -> Result<(), AwsError> {
        self.note("add_permission", ())
    }
    async fn remove_permission(&self, _: &FunctionArn, _: &str, _: Option<&str>) -> Result<(), AwsError> {
        self.note("remove_permission", ())
    }
    async fn create_function(&self, _: &DesiredFunction) -> Result<(), AwsError> {
        self.note("create_function", ())
    }
    async fn update_code(&self, _: &str, _: &CodeSource, _: Architecture) -> Result<(), AwsError> {
        self.note("update_code", ())
    }
    async fn update_configuration(&self, _: &str, _: &Configuration) -> Result<(), AwsError> {
        self.note("update_configuration", ())
    }
    async fn tag_function(&self, _: &FunctionArn, _: &Tags) -> Result<(), AwsError> {
        self.note("tag_function", ())
    }
    async fn untag_function(&self, _: &FunctionArn, _: &[String]) -> Result<(), AwsError> {
        self.note("untag_function", ())
    }
    async fn put_concurrency(&self, _: &str, _: i32) -> Result<(), AwsError> {
        self.note("put_concurrency", ())
    }
    async fn delete_concurrency(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_concurrency", ())
    }
    async fn put_event_invoke_config(&self, _: &str, _: &EventInvokeConfig) -> Result<(), AwsError> {
        self.note("put_event_invoke_config", ())
    }
    async fn delete_event_invoke_config(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_event_invoke_config", ())
    }
    async fn delete_function(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_function", ())
    }
}

#[async_trait]
impl EventBridgeReads for RecordingAws {
    async fn list(&self, _: &str, _: Instant) -> Result<Option<ListedRules>, AwsError> {
        self.note("list", Some(ListedRules::default()))
    }
    async fn describe(&self, _: &str) -> Result<Option<ListedRule>, AwsError> {
        self.note("describe", None)
    }
    async fn targets(&self, _: &str) -> Result<Vec<(String, Option<Target>)>, AwsError> {
        self.note("targets", vec![])
    }
    async fn tags(&self, _: &ListedRule) -> Result<Tags, AwsError> {
        self.note("tags", Tags::new())
    }
    async fn tags_of_rules(&self, _: &OwnerId) -> Result<ListedTags, AwsError> {
        self.note("tags_of_rules", ListedTags::default())
    }
    async fn rules_with_target(&self, _: &str, _: &str) -> Result<Vec<String>, AwsError> {
        self.note("rules_with_target", vec![])
    }
}

#[async_trait]
impl EventBridgeApi for RecordingAws {
    async fn put_rule(&self, _: &str, _: &RuleSettings, _: &Tags) -> Result<(), AwsError> {
        self.note("put_rule", ())
    }
    async fn tag_rule(&self, _: &str, _: &Tags) -> Result<(), AwsError> {
        self.note("tag_rule", ())
    }
    async fn untag_rule(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
        self.note("untag_rule", ())
    }
    async fn put_target(&self, _: &str, _: &Target) -> Result<(), AwsError> {
        self.note("put_target", ())
    }
    async fn remove_targets(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
        self.note("remove_targets", ())
    }
    async fn delete_rule(&self, _: &str) -> Result<(), AwsError> {
        self.note("delete_rule", ())
    }
}

#[async_trait]
impl SchedulerReads for RecordingAws {
    /// A list with the schedules `a` and `b`.
    async fn list(&self, _: &str, _: Instant) -> Result<Option<ListedSchedules>, AwsError> {
        let listed =
            ListedSchedule { enabled: true, target_arn: "arn".into(), modified: Timestamp::UNIX_EPOCH };
        let schedules = ["a", "b"].map(|name| (name.to_owned(), listed.clone()));
        self.note("list_schedules", Some(Arc::new(schedules.into())))
    }
    async fn schedule(&self, _: &ScheduleKey) -> Result<Option<DatedSchedule>, AwsError> {
        self.note("schedule", None)
    }
    async fn group_tags(&self, _: &str) -> Result<Option<Tags>, AwsError> {
        self.note("group_tags", None)
    }
}

#[async_trait]
impl SchedulerApi for RecordingAws {
    async fn create_schedule(&self, _: &ScheduleKey, _: &ScheduleBody) -> Result<(), AwsError> {
        self.note("create_schedule", ())
    }
    async fn update_schedule(&self, _: &ScheduleKey, _: &ScheduleBody) -> Result<(), AwsError> {
        self.note("update_schedule", ())
    }
    async fn delete_schedule(&self, _: &ScheduleKey) -> Result<(), AwsError> {
        self.note("delete_schedule", ())
    }
    async fn create_group(&self, _: &str, _: &Tags) -> Result<(), AwsError> {
        self.note("create_group", ())
    }
    async fn tag_group(&self, _: &str, _: &Tags) -> Result<(), AwsError> {
        self.note("tag_group", ())
    }
}

#[async_trait]
impl S3Reads for RecordingAws {
    async fn get(&self, _: &Bucket) -> Result<String, AwsError> {
        self.note("get", String::new())
    }
    async fn get_of_any_owner(&self, _: &Bucket) -> Result<(), AwsError> {
        self.note("get_of_any_owner", ())
    }
    async fn is_own_bucket(&self, _: &Bucket) -> Result<bool, AwsError> {
        self.note("is_own_bucket", false)
    }
}

#[async_trait]
impl S3Api for RecordingAws {
    async fn put(&self, _: &Bucket, _: String, _: Validation) -> Result<(), AwsError> {
        self.note("put", ())
    }
}
