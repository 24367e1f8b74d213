//! EventBridge Scheduler through the SDK.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::BuildError;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::primitives::DateTime;
use aws_sdk_scheduler::types::{
    self as sdk, ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState,
};
use jiff::Timestamp;
use lambda_triggers_core::api::{RetryPolicy, Tags};
use lambda_triggers_core::operations as op;
use lambda_triggers_core::plan::schedule::{
    ObservedSchedule, ScheduleBody, ScheduleKey, ScheduleSettings, ScheduleTarget, full_retry,
};
use tokio::time::Instant;

use crate::aws::{
    AwsError, AwsErrorKind, DatedSchedule, ListedSchedule, ListedSchedules, SchedulerApi, SchedulerReads,
};

/// The maximum number of schedules in one page of ListSchedules
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListSchedules.html>).
const PAGE: i32 = 100;

/// EventBridge Scheduler in one Region.
pub struct SdkScheduler {
    client: Client,
}

impl SdkScheduler {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

/// Sends a schedule with all settings. CreateSchedule and UpdateSchedule have the same fields in separate builders. The
/// SDK adds a client token, which the SDK's own retries repeat: AWS makes the change once.
macro_rules! send {
    ($call:expr, $action:expr, $key:expr, $body:expr) => {{
        let (key, ScheduleBody { settings, start }): (&ScheduleKey, &ScheduleBody) = ($key, $body);
        let invalid = |e| AwsError::unexpected(AwsErrorKind::Invalid, $action, on(key), e);
        let Fields { window, state, after_completion, target } =
            Fields::from_settings(settings).map_err(invalid)?;
        $call
            .name(&key.name)
            .group_name(&key.group)
            .schedule_expression(&settings.expression)
            .schedule_expression_timezone(&settings.time_zone)
            .set_start_date(start.map(sdk_date))
            .set_end_date(settings.end.map(sdk_date))
            .set_description(Some(settings.description.clone()).filter(|text| !text.is_empty()))
            .state(state)
            .flexible_time_window(window)
            .action_after_completion(after_completion)
            .target(target)
            .send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk($action, on(key), e))
    }};
}

#[async_trait]
impl SchedulerReads for SdkScheduler {
    async fn list(&self, group: &str, _since: Instant) -> Result<Option<ListedSchedules>, AwsError> {
        let pages = self.client.list_schedules().group_name(group).max_results(PAGE).into_paginator();
        let answer = pages.items().send().try_collect().await;
        let answer = answer.map_err(|e| AwsError::from_sdk(op::LIST_SCHEDULES.action, on_group(group), e));
        let schedules = missing_as_none(answer)?.unwrap_or_default();
        Ok(Some(Arc::new(schedules.into_iter().filter_map(listed).collect())))
    }

    async fn schedule(&self, key: &ScheduleKey) -> Result<Option<DatedSchedule>, AwsError> {
        const ACTION: &str = op::GET_SCHEDULE.action;
        let answer = self.client.get_schedule().name(&key.name).group_name(&key.group).send().await;
        let answer = missing_as_none(answer.map_err(|e| AwsError::from_sdk(ACTION, on(key), e)))?;
        let unreadable = || {
            AwsError::unexpected(AwsErrorKind::Invalid, ACTION, on(key), "the answer describes no schedule")
        };
        answer.map(|answer| observed(&answer).ok_or_else(unreadable)).transpose()
    }

    async fn group_tags(&self, arn: &str) -> Result<Option<Tags>, AwsError> {
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.map_err(|e| AwsError::from_sdk(op::LIST_GROUP_TAGS.action, on_arn(arn), e));
        let pair = |tag: &sdk::Tag| (tag.key().to_owned(), tag.value().to_owned());
        Ok(missing_as_none(answer)?.map(|answer| answer.tags().iter().map(pair).collect()))
    }
}

#[async_trait]
impl SchedulerApi for SdkScheduler {
    async fn create_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError> {
        send!(self.client.create_schedule(), op::CREATE_SCHEDULE.action, key, body)
    }

    async fn update_schedule(&self, key: &ScheduleKey, body: &ScheduleBody) -> Result<(), AwsError> {
        send!(self.client.update_schedule(), op::UPDATE_SCHEDULE.action, key, body)
    }

    async fn delete_schedule(&self, key: &ScheduleKey) -> Result<(), AwsError> {
        let answer = self.client.delete_schedule().name(&key.name).group_name(&key.group).send().await;
        answer.map(drop).map_err(|e| AwsError::from_sdk(op::DELETE_SCHEDULE.action, on(key), e))
    }

    async fn create_group(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        const ACTION: &str = op::CREATE_SCHEDULE_GROUP.action;
        let tags = sdk_tags(tags, ACTION, on_group(name))?;
        let answer = self.client.create_schedule_group().name(name).set_tags(Some(tags)).send().await;
        answer.map(drop).map_err(|e| AwsError::from_sdk(ACTION, on_group(name), e))
    }

    async fn tag_group(&self, arn: &str, tags: &Tags) -> Result<(), AwsError> {
        const ACTION: &str = op::TAG_GROUP.action;
        let tags = sdk_tags(tags, ACTION, on_arn(arn))?;
        let answer = self.client.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await;
        answer.map(drop).map_err(|e| AwsError::from_sdk(ACTION, on_arn(arn), e))
    }
}

fn on(key: &ScheduleKey) -> String {
    format!("schedule {key}")
}

fn on_group(name: &str) -> String {
    format!("schedule group {name}")
}

fn on_arn(group: &str) -> String {
    on_group(group.rsplit_once('/').map_or(group, |(_, name)| name))
}

fn missing_as_none<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Err(error) if error.kind == AwsErrorKind::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

/// Converts a schedule in a list, with its name.
fn listed(schedule: sdk::ScheduleSummary) -> Option<(String, ListedSchedule)> {
    let listed = ListedSchedule {
        enabled: state(schedule.state()) == ScheduleState::Enabled,
        target_arn: schedule.target()?.arn().to_owned(),
        modified: timestamp(schedule.last_modification_date()?)?,
    };
    Some((schedule.name?, listed))
}

/// The schedule in an answer; `None` if the answer describes no schedule.
fn observed(answer: &GetScheduleOutput) -> Option<DatedSchedule> {
    let fields = Fields::from_answer(answer)?;
    let settings = ScheduleSettings {
        expression: answer.schedule_expression()?.to_owned(),
        time_zone: answer.schedule_expression_timezone().unwrap_or("UTC").to_owned(),
        end: whole_seconds(answer.end_date()),
        window_minutes: fields.window.maximum_window_in_minutes(),
        enabled: fields.state == ScheduleState::Enabled,
        deletes_itself: fields.after_completion == ActionAfterCompletion::Delete,
        description: answer.description().unwrap_or_default().to_owned(),
        target: target(&fields.target),
    };
    // The rebuilt fields have lost all unknown settings.
    let is_known = Fields::from_settings(&settings).is_ok_and(|rebuilt| rebuilt == fields);
    let has_more = answer.kms_key_arn().is_some() || !is_known;
    let schedule = ObservedSchedule { settings, start: whole_seconds(answer.start_date()), has_more };
    Some(DatedSchedule { schedule, modified: timestamp(answer.last_modification_date()?)? })
}

/// The fields of a schedule with a type of the SDK, except for dates. All defaults are filled in.
#[derive(PartialEq)]
struct Fields {
    window: FlexibleTimeWindow,
    state: ScheduleState,
    after_completion: ActionAfterCompletion,
    target: sdk::Target,
}

impl Fields {
    fn from_settings(settings: &ScheduleSettings) -> Result<Self, BuildError> {
        let mode = match settings.window_minutes {
            Some(_) => FlexibleTimeWindowMode::Flexible,
            None => FlexibleTimeWindowMode::Off,
        };
        let window = FlexibleTimeWindow::builder()
            .mode(mode)
            .set_maximum_window_in_minutes(settings.window_minutes)
            .build()?;
        Ok(Self {
            window,
            state: if settings.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled },
            after_completion: match settings.deletes_itself {
                true => ActionAfterCompletion::Delete,
                false => ActionAfterCompletion::None,
            },
            target: sdk_target(&settings.target)?,
        })
    }

    fn from_answer(answer: &GetScheduleOutput) -> Option<Self> {
        let mut target = answer.target()?.clone();
        let retry_policy = target.retry_policy().map(|policy| RetryPolicy {
            maximum_retry_attempts: policy.maximum_retry_attempts(),
            maximum_event_age_seconds: policy.maximum_event_age_in_seconds(),
        });
        target.retry_policy = Some(sdk_retry(&full_retry(retry_policy.as_ref())));
        Some(Self {
            window: answer.flexible_time_window()?.clone(),
            state: state(answer.state()),
            after_completion: answer
                .action_after_completion()
                .cloned()
                .unwrap_or(ActionAfterCompletion::None),
            target,
        })
    }
}

fn state(found: Option<&ScheduleState>) -> ScheduleState {
    found.cloned().unwrap_or(ScheduleState::Enabled)
}

/// Converts a target with a full retry policy. Settings that the operator never sets are lost.
fn target(target: &sdk::Target) -> ScheduleTarget {
    let retry_policy = target.retry_policy();
    ScheduleTarget {
        arn: target.arn().to_owned(),
        role_arn: target.role_arn().to_owned(),
        input: target.input().map(Into::into),
        retry_policy: RetryPolicy {
            maximum_retry_attempts: retry_policy.and_then(|policy| policy.maximum_retry_attempts()),
            maximum_event_age_seconds: retry_policy.and_then(|policy| policy.maximum_event_age_in_seconds()),
        },
        dead_letter_queue_arn: target.dead_letter_config().and_then(|c| c.arn()).map(Into::into),
    }
}

fn sdk_target(target: &ScheduleTarget) -> Result<sdk::Target, BuildError> {
    let ScheduleTarget { arn, role_arn, input, retry_policy, dead_letter_queue_arn } = target;
    let dead_letter =
        dead_letter_queue_arn.as_ref().map(|arn| sdk::DeadLetterConfig::builder().arn(arn).build());
    sdk::Target::builder()
        .arn(arn)
        .role_arn(role_arn)
        .set_input(input.clone())
        .retry_policy(sdk_retry(retry_policy))
        .set_dead_letter_config(dead_letter)
        .build()
}

fn sdk_retry(policy: &RetryPolicy) -> sdk::RetryPolicy {
    sdk::RetryPolicy::builder()
        .set_maximum_retry_attempts(policy.maximum_retry_attempts)
        .set_maximum_event_age_in_seconds(policy.maximum_event_age_seconds)
        .build()
}

fn sdk_tags(tags: &Tags, action: &'static str, on: String) -> Result<Vec<sdk::Tag>, AwsError> {
    tags.iter()
        .map(|(key, value)| sdk::Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|e| AwsError::unexpected(AwsErrorKind::Invalid, action, on, e))
}

fn sdk_date(time: Timestamp) -> DateTime {
    DateTime::from_secs(time.as_second())
}

fn whole_seconds(date: Option<&DateTime>) -> Option<Timestamp> {
    date.and_then(|date| Timestamp::from_second(date.secs()).ok())
}

fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(date.as_nanos()).ok()
}

#[cfg(test)]
mod tests;
