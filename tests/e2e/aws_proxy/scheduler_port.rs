//! The operator's port of EventBridge Scheduler, over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_sdk_lambda::config::{Credentials, Region};
use jiff::Timestamp;
use lambda_triggers::aws::{Aws, AwsErrorKind, DatedSchedule, RateLimiter, SchedulerApi, Sdk};
use lambda_triggers::leadership::Leadership;
use lambda_triggers::telemetry::Telemetry;
use lambda_triggers_core::api::{RetryPolicy, Tags};
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::plan::schedule::{
    ObservedSchedule, ScheduleBody, ScheduleKey, ScheduleSettings, ScheduleTarget, group_arn,
};
use lambda_triggers_tests::env;
use tokio::time::Instant;

use super::REGION;
use super::table::{Defaults, Runner};
use crate::support::LIMIT;

const GROUP: &str = "lt-1a2b3c4d";

/// An account with the role `scheduler`, and the operator's port in this account.
async fn account() -> (Runner, Arc<dyn SchedulerApi>) {
    let mut aws = Runner::new(&Defaults::new()).await;
    aws.run_steps("[{proxy: {scheduler_time: '2027-03-01T12:00:00Z'}}, {CreateRole: {}}]").await;
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .endpoint_url(aws.proxy.url())
        .credentials_provider(Credentials::new(&aws.account, "test", None, None, "test"))
        .load()
        .await;
    let rate_limiter = RateLimiter::new(Rates::default());
    let leadership = Leadership::default();
    leadership.renewed(Some(Instant::now() + LIMIT));
    let sdk = Sdk::from_config(config, Some(leadership), Telemetry::default(), rate_limiter).unwrap();
    let schedules = Arc::new(sdk).into_client().scheduler(REGION);
    (aws, schedules)
}

fn key(name: &str) -> ScheduleKey {
    ScheduleKey { group: GROUP.into(), name: name.into() }
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

/// A schedule in which everything optional has AWS's default.
fn plain(account: &str) -> ScheduleBody {
    let settings = ScheduleSettings {
        expression: "cron(0 18 * * ? *)".into(),
        time_zone: "UTC".into(),
        end: None,
        window_minutes: None,
        enabled: true,
        deletes_itself: false,
        description: String::new(),
        target: ScheduleTarget {
            arn: format!("arn:aws:lambda:{REGION}:{account}:function:report"),
            role_arn: format!("arn:aws:iam::{account}:role/scheduler"),
            input: None,
            retry_policy: RetryPolicy {
                maximum_retry_attempts: Some(185),
                maximum_event_age_seconds: Some(86_400),
            },
            dead_letter_queue_arn: None,
        },
    };
    ScheduleBody { settings, start: None }
}

/// A schedule with another value for each setting.
fn full(account: &str) -> ScheduleBody {
    let settings = ScheduleSettings {
        expression: "rate(2 hours)".into(),
        time_zone: "Europe/Berlin".into(),
        end: time("2028-01-31T23:59:59Z"),
        window_minutes: Some(15),
        enabled: false,
        deletes_itself: true,
        description: "the report, every two hours".into(),
        target: ScheduleTarget {
            arn: format!("arn:aws:lambda:{REGION}:{account}:function:report:live"),
            role_arn: format!("arn:aws:iam::{account}:role/scheduler"),
            input: Some(r#"{"id":"<aws.scheduler.execution-id>"}"#.into()),
            retry_policy: RetryPolicy {
                maximum_retry_attempts: Some(0),
                maximum_event_age_seconds: Some(60),
            },
            dead_letter_queue_arn: Some(format!("arn:aws:sqs:{REGION}:{account}:failed")),
        },
    };
    ScheduleBody { settings, start: time("2027-03-01T13:00:00Z") }
}

/// The schedule that GetSchedule returns after a write of `body`.
fn written(body: &ScheduleBody) -> ObservedSchedule {
    ObservedSchedule { settings: body.settings.clone(), start: body.start, has_more: false }
}

async fn read(schedules: &dyn SchedulerApi, name: &str) -> DatedSchedule {
    schedules.schedule(&key(name)).await.unwrap().unwrap()
}

#[test]
fn the_port_reads_what_it_has_written() {
    env::block_on(async {
        let (aws, schedules) = account().await;
        let (plain, full) = (plain(&aws.account), full(&aws.account));
        schedules.create_group(GROUP, &Tags::new()).await.unwrap();
        schedules.create_schedule(&key("plain"), &plain).await.unwrap();
        schedules.create_schedule(&key("full"), &full).await.unwrap();
        let [first, second] = [read(&*schedules, "plain").await, read(&*schedules, "full").await];
        assert_eq!([&first.schedule, &second.schedule], [&written(&plain), &written(&full)]);
        let listed = schedules.list(GROUP, Instant::now()).await.unwrap().unwrap();
        let expected = [("full".to_owned(), second.listed()), ("plain".to_owned(), first.listed())];
        assert_eq!(*listed, BTreeMap::from(expected));

        // An update resets everything that it leaves out.
        for body in [&full, &plain] {
            let before = read(&*schedules, "plain").await;
            schedules.update_schedule(&key("plain"), body).await.unwrap();
            let after = read(&*schedules, "plain").await;
            assert_eq!(after.schedule, written(body));
            assert!(after.modified > before.modified, "{after:?}");
        }
        schedules.delete_schedule(&key("full")).await.unwrap();
        assert_eq!(schedules.schedule(&key("full")).await.unwrap(), None);
    });
}

#[test]
fn the_port_creates_and_tags_a_group() {
    env::block_on(async {
        let (aws, schedules) = account().await;
        let arn = group_arn(GROUP, REGION, &aws.account);
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let tags = [tag("lambda-triggers.dev/owner", "1a2b3c4d"), tag("team", "a b")];
        assert_eq!(schedules.group_tags(&arn).await.unwrap(), None);
        schedules.create_group(GROUP, &tags.clone().into()).await.unwrap();
        assert_eq!(schedules.group_tags(&arn).await.unwrap(), Some(tags.clone().into()));
        let [owner, _] = tags;
        let changed = [tag("team", "b"), tag("cluster", "c")];
        schedules.tag_group(&arn, &changed.clone().into()).await.unwrap();
        let expected = [owner].into_iter().chain(changed).collect();
        assert_eq!(schedules.group_tags(&arn).await.unwrap(), Some(expected));
        let refused = schedules.create_group(GROUP, &Tags::new()).await.unwrap_err();
        assert_eq!(refused.kind, AwsErrorKind::Conflict);
    });
}

#[test]
fn a_schedule_of_another_writer_has_the_defaults_of_aws() {
    env::block_on(async {
        let (mut aws, schedules) = account().await;
        aws.run_steps(
            "
- CreateScheduleGroup: {Name: lt-1a2b3c4d}
- CreateSchedule: &schedule
    Name: theirs
    GroupName: lt-1a2b3c4d
    Target: {Arn: 'arn:aws:lambda:eu-west-1:$account:function:report', RoleArn: 'arn:aws:iam::$account:role/scheduler'}
- CreateSchedule:
    <<: *schedule
    Name: encrypted
    KmsKeyArn: 'arn:aws:kms:eu-west-1:$account:key/1'
",
        )
        .await;
        let expected = written(&plain(&aws.account));
        assert_eq!(read(&*schedules, "theirs").await.schedule, expected);
        let encrypted = ObservedSchedule { has_more: true, ..expected };
        assert_eq!(read(&*schedules, "encrypted").await.schedule, encrypted);
    });
}

#[test]
fn the_port_reads_all_pages_of_a_list() {
    env::block_on(async {
        let (mut aws, schedules) = account().await;
        aws.run_steps(
            "
- CreateScheduleGroup: {Name: lt-1a2b3c4d}
- {CreateSchedule: {Name: page-$number, GroupName: lt-1a2b3c4d}, repeat: 201}
- proxy: clear_calls
",
        )
        .await;
        let listed = schedules.list(GROUP, Instant::now()).await.unwrap().unwrap();
        let expected: Vec<String> = (0..201).map(|number| format!("page-{number:03}")).collect();
        assert_eq!(listed.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
        assert_eq!(aws.proxy.count(&aws.account, "ListSchedules"), 3);
    });
}

#[test]
fn the_port_tells_missing_schedules_and_refusals_apart() {
    env::block_on(async {
        let (mut aws, schedules) = account().await;
        let body = plain(&aws.account);
        // The group is missing.
        assert_eq!(schedules.list(GROUP, Instant::now()).await.unwrap(), Some(Arc::default()));
        assert_eq!(schedules.schedule(&key("a")).await.unwrap(), None);
        let no_group = schedules.create_schedule(&key("a"), &body).await;
        schedules.create_group(GROUP, &Tags::new()).await.unwrap();
        let missing =
            [schedules.update_schedule(&key("a"), &body).await, schedules.delete_schedule(&key("a")).await];
        let mut refused_role = body.clone();
        refused_role.settings.target.role_arn = format!("arn:aws:iam::{}:role/missing", aws.account);
        let refused_role = schedules.create_schedule(&key("a"), &refused_role).await;
        schedules.create_schedule(&key("a"), &body).await.unwrap();
        let exists = schedules.create_schedule(&key("a"), &body).await;
        aws.run_steps("[{proxy: {inject: {on: CreateSchedule, fault: schedule_quota_exceeded}}}]").await;
        let quota = schedules.create_schedule(&key("b"), &body).await;
        let [update, delete] = missing;
        let found = [no_group, update, delete, refused_role, exists, quota].map(|result| {
            let error = result.unwrap_err();
            (error.action, error.kind)
        });
        assert_eq!(
            found,
            [
                ("scheduler:CreateSchedule", AwsErrorKind::NotFound),
                ("scheduler:UpdateSchedule", AwsErrorKind::NotFound),
                ("scheduler:DeleteSchedule", AwsErrorKind::NotFound),
                ("scheduler:CreateSchedule", AwsErrorKind::SchedulerRoleRefused),
                ("scheduler:CreateSchedule", AwsErrorKind::Conflict),
                ("scheduler:CreateSchedule", AwsErrorKind::Quota),
            ]
        );
        aws.run_steps("[{proxy: {inject: {on: ListSchedules, fault: denied}}}]").await;
        assert_eq!(schedules.list(GROUP, Instant::now()).await.unwrap(), None);
    });
}

#[test]
fn a_lost_answer_makes_one_schedule() {
    env::block_on(async {
        let (mut aws, schedules) = account().await;
        let body = plain(&aws.account);
        schedules.create_group(GROUP, &Tags::new()).await.unwrap();
        aws.run_steps("[{proxy: {inject: {on: CreateSchedule, fault: lost_answer}}}]").await;
        // The second attempt of the SDK has the client token of the first.
        schedules.create_schedule(&key("a"), &body).await.unwrap();
        assert_eq!(aws.proxy.count(&aws.account, "CreateSchedule"), 2);
        assert_eq!(read(&*schedules, "a").await.schedule, written(&body));
    });
}
