//! EventBridge Scheduler through the client: the cached list, and the authorization of each call.

use std::sync::Arc;
use std::time::Duration;

use lambda_triggers_core::api::{RetryPolicy, Tags};
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::plan::schedule::{ScheduleBody, ScheduleKey, ScheduleSettings, ScheduleTarget};
use lambda_triggers_core::tenancy::{Role, Tenancy};
use tokio::time::Instant;

use super::recording_aws::RecordingAws;
use super::{ACCOUNT, FILE, REGION, client, key, owner};
use crate::aws::client::TenantPolicy;
use crate::aws::{Aws, AwsClient, AwsErrorKind, RateLimiter, SchedulerApi};

const GROUP: &str = "lt-1a2b3c4d";

fn schedule(name: &str) -> ScheduleKey {
    ScheduleKey { group: GROUP.into(), name: name.into() }
}

fn own_schedule() -> ScheduleKey {
    schedule(&key().rule_name(&owner(), "ScheduledFunction"))
}

fn body(function: &str, role: &str) -> ScheduleBody {
    let settings = ScheduleSettings {
        expression: "rate(1 day)".into(),
        time_zone: "UTC".into(),
        end: None,
        window_minutes: None,
        enabled: true,
        deletes_itself: false,
        description: String::new(),
        target: ScheduleTarget {
            arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"),
            role_arn: format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
            input: None,
            retry_policy: RetryPolicy::default(),
            dead_letter_queue_arn: None,
        },
    };
    ScheduleBody { settings, start: None }
}

async fn listed(schedules: &dyn SchedulerApi, since: Instant) -> Vec<String> {
    let listed = schedules.list(GROUP, since).await.unwrap().unwrap();
    listed.keys().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_written_schedule_leaves_the_cached_list() {
    let (recorder, began) = (RecordingAws::default(), Instant::now());
    let schedules = client(&recorder).scheduler(REGION);
    assert_eq!(listed(&*schedules, began).await, ["a", "b"]);
    schedules.update_schedule(&schedule("b"), &body("thumbs", "media")).await.unwrap();
    assert_eq!(listed(&*schedules, began).await, ["a"]);
    assert_eq!(recorder.take(), ["list_schedules", "update_schedule"]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(listed(&*schedules, Instant::now()).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn lists_and_single_schedules_take_different_tokens() {
    // The first list starts at once, and the next lists wait for more than a second. Single schedules do not wait.
    let rates = Rates { scheduler: 25.0, ..Rates::default() };
    let client = AwsClient::new(Arc::new(RecordingAws::default()), RateLimiter::new(rates));
    let (schedules, began) = (client.scheduler(REGION), Instant::now());
    for expected in [0, 1, 2] {
        schedules.list(GROUP, Instant::now()).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), expected);
        schedules.schedule(&own_schedule()).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), expected);
        tokio::time::advance(Duration::from_nanos(1)).await;
    }
    // A cached list takes no token.
    assert_eq!(listed(&*schedules, began).await, ["a", "b"]);
    assert_eq!(began.elapsed().as_secs(), 2);
}

/// Schedules on behalf of the namespace `media`, whose schedules have the role `schedules`.
fn on_behalf_of_media(recorder: &RecordingAws, removes: bool) -> Arc<dyn SchedulerApi> {
    let file = format!("{FILE}    schedulerRole: arn:aws:iam::{ACCOUNT}:role/schedules\n");
    let tenancy = Arc::new(Tenancy::parse(&file).unwrap());
    let role: Option<Role> = tenancy.tenant("media").unwrap().role.clone();
    let policy = TenantPolicy::new(tenancy, owner(), "media", role).for_object(&key(), removes);
    client(recorder).authorized(policy).scheduler(REGION)
}

#[tokio::test(start_paused = true)]
async fn only_own_schedules_with_the_role_of_the_namespace_are_written() {
    let (recorder, tags) = (RecordingAws::default(), Tags::new());
    let schedules = on_behalf_of_media(&recorder, false);
    let (own, foreign) = (own_schedule(), ScheduleKey { group: "default".into(), ..own_schedule() });
    let permitted = body("thumbs", "schedules");
    schedules.create_schedule(&own, &permitted).await.unwrap();
    schedules.create_group(GROUP, &tags).await.unwrap();
    schedules.tag_group("arn:aws:scheduler:eu-west-1:1:schedule-group/lt-1a2b3c4d", &tags).await.unwrap();
    assert_eq!(recorder.take(), ["create_schedule", "create_group", "tag_group"]);
    for refused in [
        schedules.create_schedule(&foreign, &permitted).await,
        schedules.create_schedule(&schedule("lt-1a2b3c4d-other"), &permitted).await,
        schedules.update_schedule(&own, &body("thumbs", "media")).await,
        schedules.update_schedule(&own, &body("other", "schedules")).await,
        schedules.delete_schedule(&foreign).await,
        schedules.create_group("default", &tags).await,
        schedules.tag_group("arn:aws:scheduler:eu-west-1:1:schedule-group/default", &tags).await,
    ] {
        assert_eq!(refused.unwrap_err().kind, AwsErrorKind::NotPermitted);
    }
    assert!(recorder.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cleanup_reads_any_own_schedule_and_deletes_its_own_one_alone() {
    let recorder = RecordingAws::default();
    let schedules = on_behalf_of_media(&recorder, true);
    let other = schedule("lt-1a2b3c4d-other");
    schedules.schedule(&other).await.unwrap();
    schedules.delete_schedule(&own_schedule()).await.unwrap();
    assert_eq!(recorder.take(), ["schedule", "delete_schedule"]);
    let refused = [
        schedules.delete_schedule(&other).await,
        schedules.create_schedule(&own_schedule(), &body("thumbs", "schedules")).await,
    ];
    assert_eq!(
        refused.map(|refused| refused.unwrap_err().kind),
        [(); 2].map(|()| AwsErrorKind::NotPermitted)
    );
    assert!(recorder.take().is_empty());
}
