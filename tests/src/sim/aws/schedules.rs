//! EventBridge Scheduler: schedules and groups of [`crate::scheduler::store`].

use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers::aws::{AwsError, DatedSchedule, ListedSchedules, SchedulerApi, SchedulerReads};
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::plan::schedule::{ScheduleBody, ScheduleKey};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::SimClient;
use super::errors::Op;
use super::journal::Effect;
use super::policies::missing_as_none;
use super::schedule_members::{identity, read_listed, read_schedule, read_tags, schedule, tags};
use super::state::{Answer, AwsState};
use crate::scheduler::check;
use crate::scheduler::store;
use crate::sim::fault_injector::View;

impl AwsState {
    /// Reads schedules or a group. A group has no stale state.
    fn read_scheduler(&self, op: &Op, region: &str, members: &Value, view: View) -> Answer<Value> {
        let view = match view {
            View::Now => store::View::Current,
            View::Stale => store::View::Stale,
        };
        self.scheduler.read(operation(op), region, members, view)
    }

    /// Makes a write. AWS checks the members before the role.
    pub fn write_scheduler(&mut self, op: &Op, region: &str, members: &Value) -> Answer<()> {
        let (operation, now) = (operation(op), self.now());
        if matches!(operation, "CreateSchedule" | "UpdateSchedule") {
            check::schedule(members, now)?;
            if !self.scheduler_roles.contains(check::text(&members["Target"], "RoleArn")) {
                return Err(check::role_refused());
            }
        }
        self.scheduler.call(operation, region, members, now)?;
        let effect = match operation {
            "CreateSchedule" | "CreateScheduleGroup" => Effect::Created,
            "DeleteSchedule" | "DeleteScheduleGroup" => Effect::Deleted,
            _ => Effect::Changed,
        };
        self.note(op, None, effect);
        Ok(())
    }
}

/// The operation of a call, such as `CreateSchedule`.
fn operation(op: &Op) -> &'static str {
    op.action.trim_start_matches("scheduler:")
}

/// A group in the name of a call.
fn group_of(arn: &str) -> String {
    format!("schedule group {}", arn.rsplit('/').next().unwrap_or_default())
}

impl SimClient {
    /// A write to a schedule or a group.
    async fn write_scheduler(
        &self,
        action: &'static str,
        on: String,
        members: Value,
    ) -> Result<(), AwsError> {
        let op = self.writing(action, on);
        let (region, call) = (self.region.clone(), op.clone());
        self.call(op, move |state, _| state.write_scheduler(&call, &region, &members)).await
    }
}

#[async_trait]
impl SchedulerReads for SimClient {
    async fn list(&self, group: &str, _since: Instant) -> Result<Option<ListedSchedules>, AwsError> {
        let op = self.reading("scheduler:ListSchedules", format!("schedule group {group}"));
        let (region, group, call) = (self.region.clone(), group.to_owned(), op.clone());
        let list = move |state: &mut AwsState, view: View| {
            let mut listed = vec![];
            let mut members = json!({"ScheduleGroup": group});
            loop {
                let page = state.read_scheduler(&call, &region, &members, view)?;
                listed.extend(page["Schedules"].as_array().into_iter().flatten().map(read_listed));
                if page["NextToken"].is_null() {
                    return Ok(listed);
                }
                members["NextToken"] = page["NextToken"].clone();
            }
        };
        let listed = missing_as_none(self.call(op, list).await)?;
        Ok(Some(Arc::new(listed.into_iter().flatten().collect())))
    }

    async fn schedule(&self, key: &ScheduleKey) -> Result<Option<DatedSchedule>, AwsError> {
        let op = self.reading("scheduler:GetSchedule", format!("schedule {key}"));
        let (region, members, call) = (self.region.clone(), identity(key), op.clone());
        let read = move |state: &mut AwsState, view: View| {
            state.read_scheduler(&call, &region, &members, view).map(|answer| read_schedule(&answer))
        };
        missing_as_none(self.call(op, read).await)
    }

    async fn group_tags(&self, arn: &str) -> Result<Option<Tags>, AwsError> {
        let op = self.reading("scheduler:ListTagsForResource", group_of(arn));
        let (region, members, call) = (self.region.clone(), json!({"ResourceArn": arn}), op.clone());
        let read = move |state: &mut AwsState, _| {
            let now = state.now();
            let answer = state.scheduler.call(operation(&call), &region, &members, now)?;
            Ok(read_tags(&answer["Tags"]))
        };
        missing_as_none(self.call(op, read).await)
    }
}

#[async_trait]
impl SchedulerApi for SimClient {
    async fn create_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError> {
        let members = schedule(key, body);
        self.write_scheduler("scheduler:CreateSchedule", format!("schedule {key}"), members).await
    }

    async fn update_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError> {
        let members = schedule(key, body);
        self.write_scheduler("scheduler:UpdateSchedule", format!("schedule {key}"), members).await
    }

    async fn delete_schedule(&self, key: &ScheduleKey) -> Result<(), AwsError> {
        let members = identity(key);
        self.write_scheduler("scheduler:DeleteSchedule", format!("schedule {key}"), members).await
    }

    async fn create_group(&self, name: &str, tags_of_group: &Tags) -> Result<(), AwsError> {
        let members = json!({"Name": name, "Tags": tags(tags_of_group)});
        let on = format!("schedule group {name}");
        self.write_scheduler("scheduler:CreateScheduleGroup", on, members).await
    }

    async fn tag_group(&self, arn: &str, tags_to_set: &Tags) -> Result<(), AwsError> {
        let members = json!({"ResourceArn": arn, "Tags": tags(tags_to_set)});
        self.write_scheduler("scheduler:TagResource", group_of(arn), members).await
    }
}
