//! EventBridge Scheduler through the client. Only one object reads a schedule, so a single schedule is not cached.
//! Resyncs share the list of the group.

use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::operations::{self as op, Operation};
use lambda_triggers_core::plan::schedule::{ScheduleBody, ScheduleKey};
use lambda_triggers_core::tenancy::ResourceRef;
use tokio::time::Instant;
use tracing::warn;

use super::aws_client::Port;
use super::tenant_policy::Resource;
use crate::aws::{AwsError, AwsErrorKind, DatedSchedule, ListedSchedules, SchedulerApi, SchedulerReads};
use crate::error_chain;

/// The maximum number of schedules in one page of ListSchedules
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListSchedules.html>).
const PAGE: usize = 100;

fn own(key: &ScheduleKey) -> Vec<Resource<'_>> {
    vec![Resource::OwnSchedule(key)]
}

/// The schedule, and all resources in its body.
fn resources<'a>(key: &'a ScheduleKey, body: &'a ScheduleBody) -> Vec<Resource<'a>> {
    let target = &body.settings.target;
    let queue = target.dead_letter_queue_arn.clone().map(ResourceRef::DeadLetterQueue);
    let in_body = [Resource::RuleTarget(&target.arn), Resource::SchedulerRole(&target.role_arn)];
    own(key).into_iter().chain(in_body).chain(queue.map(Resource::Ref)).collect()
}

impl Port<dyn SchedulerApi> {
    /// Sends the list. A denial counts as an answer: each schedule is then read separately.
    async fn send_list(&self, group: &str, since: Instant) -> Result<Option<ListedSchedules>, AwsError> {
        match self.send(&op::LIST_SCHEDULES, self.inner.list(group, since)).await {
            Ok(schedules) => {
                let listed = schedules.as_ref().map_or(0, |schedules| schedules.len());
                let further_pages = listed.saturating_sub(1) / PAGE;
                self.debit(&op::LIST_SCHEDULES, further_pages.try_into().unwrap_or(u32::MAX));
                Ok(schedules)
            }
            Err(error) if error.kind == AwsErrorKind::Denied => {
                warn!(error = error_chain(&error), "cannot list schedules; reading each schedule separately");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a schedule.
    async fn write(
        &self,
        operation: &Operation,
        key: &ScheduleKey,
        resources: Vec<Resource<'_>>,
        call: impl Future<Output = Result<(), AwsError>>,
    ) -> Result<(), AwsError> {
        self.authorize(operation, resources).await?;
        let _unlist = UnlistOnDrop { port: self, key };
        self.send(operation, call).await
    }

    fn list_key(&self, group: &str) -> (String, String) {
        (self.region.clone(), group.to_owned())
    }
}

/// Removes a written schedule from the cached list on drop. A resync then reads the schedule: the list may predate the
/// write. All other schedules keep their entries. The drop also covers a write that failed or was cancelled, because AWS
/// may have applied the write.
struct UnlistOnDrop<'a> {
    port: &'a Port<dyn SchedulerApi>,
    key: &'a ScheduleKey,
}

impl Drop for UnlistOnDrop<'_> {
    fn drop(&mut self) {
        let Self { port, key } = self;
        port.cache().schedules.modify(&port.list_key(&key.group), |schedules| {
            if let Some(schedules) = schedules {
                Arc::make_mut(schedules).remove(&key.name);
            }
        });
    }
}

#[async_trait]
impl SchedulerReads for Port<dyn SchedulerApi> {
    async fn list(&self, group: &str, since: Instant) -> Result<Option<ListedSchedules>, AwsError> {
        self.authorize(&op::LIST_SCHEDULES, vec![Resource::OwnGroup(group)]).await?;
        let fetch = async { self.send_list(group, since).await.map(Some) };
        let key = self.list_key(group);
        self.cache().schedules.get_or_fetch(key, since, |_| true, fetch).await.map(Option::flatten)
    }

    async fn schedule(&self, key: &ScheduleKey) -> Result<Option<DatedSchedule>, AwsError> {
        self.call(&op::GET_SCHEDULE, own(key), self.inner.schedule(key)).await
    }

    async fn group_tags(&self, arn: &str) -> Result<Option<Tags>, AwsError> {
        self.call(&op::LIST_GROUP_TAGS, vec![Resource::OwnGroup(arn)], self.inner.group_tags(arn)).await
    }
}

#[async_trait]
impl SchedulerApi for Port<dyn SchedulerApi> {
    async fn create_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError> {
        let call = self.inner.create_schedule(key, body);
        self.write(&op::CREATE_SCHEDULE, key, resources(key, body), call).await
    }

    async fn update_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError> {
        let call = self.inner.update_schedule(key, body);
        self.write(&op::UPDATE_SCHEDULE, key, resources(key, body), call).await
    }

    async fn delete_schedule(&self, key: &ScheduleKey) -> Result<(), AwsError> {
        self.write(&op::DELETE_SCHEDULE, key, own(key), self.inner.delete_schedule(key)).await
    }

    async fn create_group(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        let call = self.inner.create_group(name, tags);
        self.call(&op::CREATE_SCHEDULE_GROUP, vec![Resource::OwnGroup(name)], call).await
    }

    async fn tag_group(&self, arn: &str, tags: &Tags) -> Result<(), AwsError> {
        self.call(&op::TAG_GROUP, vec![Resource::OwnGroup(arn)], self.inner.tag_group(arn, tags)).await
    }
}
