//! The calls of EventBridge Scheduler. `crate::scheduler` and the tests of the AWS proxy check the service's rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers::aws::{DatedSchedule, SchedulerApi};
use lambda_triggers_core::api::{RetryPolicy, Tags};
use lambda_triggers_core::plan::schedule::{
    ObservedSchedule, ScheduleBody, ScheduleKey, ScheduleSettings, ScheduleTarget,
};
use serde_json::json;
use tokio::time::{Instant, advance};

use super::*;
use crate::sim::aws::{Applied, Effect, SCHEDULER_ROLE, Writer};
use crate::sim::fault_injector::{Call, CallFault, FaultInjector, Refusal};

const GROUP: &str = "lt-0a1b2c3d";

fn key(name: &str) -> ScheduleKey {
    ScheduleKey { group: GROUP.into(), name: name.into() }
}

/// A schedule with a value for each setting.
fn full() -> ScheduleBody {
    ScheduleBody {
        settings: ScheduleSettings {
            expression: "cron(0 18 ? * MON-FRI *)".into(),
            time_zone: "Europe/Berlin".into(),
            end: Some("2026-12-31T23:59:59Z".parse().unwrap()),
            window_minutes: Some(15),
            enabled: false,
            deletes_itself: true,
            description: "daily".into(),
            target: ScheduleTarget {
                arn: MemoryAws::new().function("resize").to_string(),
                role_arn: SCHEDULER_ROLE.into(),
                input: Some("{}".into()),
                retry_policy: retries(2, 60),
                dead_letter_queue_arn: Some(QUEUE.into()),
            },
        },
        start: Some("2026-02-01T00:00:00Z".parse().unwrap()),
    }
}

fn retries(attempts: i32, seconds: i32) -> RetryPolicy {
    RetryPolicy { maximum_retry_attempts: Some(attempts), maximum_event_age_seconds: Some(seconds) }
}

fn observed(body: ScheduleBody) -> ObservedSchedule {
    ObservedSchedule { settings: body.settings, start: body.start, has_more: false }
}

/// An AWS with our group, and with the fault for each call of the operator.
async fn aws_with_group(fault: CallFault) -> (MemoryAws, Arc<dyn SchedulerApi>) {
    let aws = MemoryAws::new();
    aws.outside().scheduler(REGION).create_group(GROUP, &tags("a")).await.unwrap();
    let ports = aws.ports(FaultInjector::new(1, move |_: &Call| fault).open());
    (aws, ports.scheduler(REGION))
}

fn tags(value: &str) -> Tags {
    [("team".to_owned(), value.to_owned())].into()
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_returned_as_written_with_the_date_of_its_last_change() {
    let (_, schedules) = aws_with_group(CallFault::Pass).await;
    schedules.create_schedule(&key("a"), &full()).await.unwrap();
    let created = schedules.schedule(&key("a")).await.unwrap().unwrap();
    assert_eq!(created.schedule, observed(full()));
    advance(Duration::from_secs(60)).await;
    let mut plain = full();
    plain.settings = ScheduleSettings {
        end: None,
        window_minutes: None,
        enabled: true,
        deletes_itself: false,
        description: String::new(),
        target: ScheduleTarget {
            input: None,
            retry_policy: retries(185, 86_400),
            dead_letter_queue_arn: None,
            ..plain.settings.target
        },
        ..plain.settings
    };
    plain.start = None;
    schedules.update_schedule(&key("a"), &plain).await.unwrap();
    let updated = schedules.schedule(&key("a")).await.unwrap().unwrap();
    assert_eq!(updated.schedule, observed(plain));
    assert!(updated.modified.duration_since(created.modified).as_secs() >= 60);
    let listed = schedules.list(GROUP, Instant::now()).await.unwrap();
    assert_eq!(listed, Some(Arc::new(BTreeMap::from([("a".to_owned(), updated.listed())]))));
}

#[tokio::test(start_paused = true)]
async fn a_list_has_all_pages_of_the_group_alone() {
    let (aws, schedules) = aws_with_group(CallFault::Pass).await;
    let outside = aws.outside().scheduler(REGION);
    outside.create_group("other", &Tags::new()).await.unwrap();
    outside.create_schedule(&ScheduleKey { group: "other".into(), name: "x".into() }, &full()).await.unwrap();
    for number in 0..250 {
        outside.create_schedule(&key(&format!("s{number}")), &full()).await.unwrap();
    }
    let count = async |group| schedules.list(group, Instant::now()).await.unwrap().map(|listed| listed.len());
    assert_eq!(count(GROUP).await, Some(250));
    assert_eq!(count("other").await, Some(1));
    assert_eq!(count("missing").await, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_needs_its_group_and_an_accepted_role() {
    let (aws, schedules) = aws_with_group(CallFault::Pass).await;
    let elsewhere = ScheduleKey { group: "missing".into(), name: "a".into() };
    let created = schedules.create_schedule(&elsewhere, &full()).await;
    assert_eq!(kind_and_message(created).0, AwsErrorKind::NotFound);
    aws.set_scheduler_role_ready(SCHEDULER_ROLE, false);
    let refused = kind_and_message(schedules.create_schedule(&key("a"), &full()).await);
    let words = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
    assert_eq!(refused.1, words);
    let mut wrong = full();
    wrong.settings.expression = "rate(1 second)".into();
    let refused = kind_and_message(schedules.create_schedule(&key("a"), &wrong).await);
    assert_eq!(refused.1, "Invalid Schedule Expression rate(1 second).");
    aws.set_scheduler_role_ready(SCHEDULER_ROLE, true);
    schedules.create_schedule(&key("a"), &full()).await.unwrap();
    let again = schedules.create_schedule(&key("a"), &full()).await;
    assert_eq!(kind_and_message(again).0, AwsErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn missing_schedules_and_groups_are_reported() {
    let (_, schedules) = aws_with_group(CallFault::Pass).await;
    assert_eq!(schedules.schedule(&key("a")).await.unwrap(), None);
    assert_eq!(
        kind_and_message(schedules.update_schedule(&key("a"), &full()).await).0,
        AwsErrorKind::NotFound
    );
    assert_eq!(kind_and_message(schedules.delete_schedule(&key("a")).await).0, AwsErrorKind::NotFound);
    let arn = |group: &str| format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{group}");
    assert_eq!(schedules.group_tags(&arn("missing")).await.unwrap(), None);
    assert_eq!(schedules.group_tags(&arn(GROUP)).await.unwrap(), Some(tags("a")));
    schedules.tag_group(&arn(GROUP), &tags("b")).await.unwrap();
    assert_eq!(schedules.group_tags(&arn(GROUP)).await.unwrap(), Some(tags("b")));
    assert_eq!(kind_and_message(schedules.create_group(GROUP, &tags("c")).await).0, AwsErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_sees_the_schedule_before_its_last_change() {
    let (aws, schedules) = aws_with_group(CallFault::Stale).await;
    let outside = aws.outside().scheduler(REGION);
    outside.create_schedule(&key("a"), &full()).await.unwrap();
    assert_eq!(schedules.schedule(&key("a")).await.unwrap(), None);
    assert_eq!(schedules.list(GROUP, Instant::now()).await.unwrap(), Some(Arc::default()));
    aws.settle();
    assert!(schedules.schedule(&key("a")).await.unwrap().is_some());
    outside.delete_schedule(&key("a")).await.unwrap();
    let DatedSchedule { schedule, .. } = schedules.schedule(&key("a")).await.unwrap().unwrap();
    assert_eq!(schedule, observed(full()));
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_the_operator_never_sets_is_seen() {
    let (aws, schedules) = aws_with_group(CallFault::Pass).await;
    schedules.create_schedule(&key("a"), &full()).await.unwrap();
    let members = aws.snapshot().schedules.into_values().next().unwrap();
    let others = [
        ("/KmsKeyArn", json!("arn:aws:kms:eu-west-1:123456789012:key/k")),
        ("/Target/SqsParameters", json!({"MessageGroupId": "a"})),
    ];
    for (member, value) in others {
        let mut changed = members.clone();
        let (parent, name) = member.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[name] = value;
        aws.write_scheduler("scheduler:UpdateSchedule", &changed).unwrap();
        let DatedSchedule { schedule, .. } = schedules.schedule(&key("a")).await.unwrap().unwrap();
        assert_eq!(schedule, ObservedSchedule { has_more: true, ..observed(full()) }, "{member}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_journal_names_the_schedule() {
    let (aws, schedules) = aws_with_group(CallFault::Pass).await;
    let before = aws.journal().len();
    schedules.create_schedule(&key("a"), &full()).await.unwrap();
    schedules.update_schedule(&key("a"), &full()).await.unwrap();
    schedules.delete_schedule(&key("a")).await.unwrap();
    let entry = |action, effect| Applied {
        by: Writer::Operator,
        action,
        on: format!("schedule {GROUP}/a"),
        part: None,
        effect,
    };
    let expected = [
        entry("scheduler:CreateSchedule", Effect::Created),
        entry("scheduler:UpdateSchedule", Effect::Changed),
        entry("scheduler:DeleteSchedule", Effect::Deleted),
    ];
    assert_eq!(aws.journal()[before..], expected);
    assert_eq!(aws.snapshot().schedules, BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn planned_refusals_have_the_codes_of_the_service() {
    let code = async |refusal| {
        let (_, schedules) = aws_with_group(CallFault::Refuse(refusal)).await;
        let error = schedules.delete_schedule(&key("a")).await.unwrap_err();
        (error.kind, error.code.map(String::from).unwrap_or_default())
    };
    let cases = [
        (Refusal::Forbidden, AwsErrorKind::Denied, "AccessDeniedException"),
        (Refusal::NotFound, AwsErrorKind::NotFound, "ResourceNotFoundException"),
        (Refusal::Conflict, AwsErrorKind::Conflict, "ConflictException"),
        (Refusal::Throttled, AwsErrorKind::Throttled, "ThrottlingException"),
        (Refusal::Server, AwsErrorKind::Unavailable, "InternalServerException"),
    ];
    for (refusal, kind, expected) in cases {
        assert_eq!(code(refusal).await, (kind, expected.to_owned()));
    }
}
