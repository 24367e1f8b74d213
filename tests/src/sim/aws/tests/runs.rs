//! The runs of rules and of schedules in virtual time.

use std::time::Duration;

use jiff::SignedDuration;
use lambda_triggers_core::api::{Backend, RetryPolicy, Tags};
use lambda_triggers_core::plan::permission::Statement;
use lambda_triggers_core::plan::rule::{RuleSettings, Target};
use lambda_triggers_core::plan::schedule::{ScheduleBody, ScheduleKey, ScheduleSettings, ScheduleTarget};
use tokio::time::sleep;

use super::*;
use crate::sim::aws::SCHEDULER_ROLE;

const MINUTE: Duration = Duration::from_secs(60);

fn settings(expression: &str, enabled: bool) -> RuleSettings {
    RuleSettings { expression: expression.into(), description: String::new(), enabled }
}

/// Permits all rules to invoke `resize`.
async fn permit_rules(aws: &MemoryAws) {
    let statement = Statement {
        id: "rules".into(),
        principal: "events.amazonaws.com".into(),
        source_arn: format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/*"),
        source_account: Some(ACCOUNT.into()),
    };
    aws.outside().lambda(REGION).add_permission(&aws.function("resize"), &statement, None).await.unwrap();
}

/// An AWS with the rule `rule`, without a permission.
async fn aws_with_rule(expression: &str) -> MemoryAws {
    let aws = aws_with_bucket().await;
    let rules = aws.outside().eventbridge(REGION);
    rules.put_rule("rule", &settings(expression, true), &Tags::new()).await.unwrap();
    let arn = aws.function("resize").to_string();
    let target = Target { id: "a".into(), arn, input: None, retry_policy: None, dead_letter_queue_arn: None };
    rules.put_target("rule", &target).await.unwrap();
    aws
}

/// Service and due time of each run, without the date.
fn due_times(aws: &MemoryAws) -> Vec<(Backend, String)> {
    let time = |due: jiff::Timestamp| due.strftime("%H:%M:%S").to_string();
    aws.runs().into_iter().map(|run| (run.backend, time(run.due))).collect()
}

fn of_rule(times: &[&str]) -> Vec<(Backend, String)> {
    times.iter().map(|time| (Backend::Rule, (*time).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_rule_runs_by_its_expression_while_it_is_enabled_and_permitted() {
    let aws = aws_with_rule("cron(0/5 * * * ? *)").await;
    let rules = aws.outside().eventbridge(REGION);
    sleep(6 * MINUTE).await;
    // Without a permission, the run at 00:05 failed.
    permit_rules(&aws).await;
    sleep(5 * MINUTE).await;
    rules.put_rule("rule", &settings("cron(0/5 * * * ? *)", false), &Tags::new()).await.unwrap();
    sleep(5 * MINUTE).await;
    rules.put_rule("rule", &settings("cron(0/5 * * * ? *)", true), &Tags::new()).await.unwrap();
    sleep(10 * MINUTE).await;
    rules.remove_targets("rule", &["a".into()]).await.unwrap();
    sleep(5 * MINUTE).await;
    assert_eq!(due_times(&aws), of_rule(&["00:10:00", "00:20:00", "00:25:00"]));
}

#[tokio::test(start_paused = true)]
async fn a_rate_runs_from_the_creation_of_its_rule_on() {
    let aws = aws_with_rule("rate(5 minutes)").await;
    permit_rules(&aws).await;
    sleep(7 * MINUTE).await;
    let rules = aws.outside().eventbridge(REGION);
    // Only another expression begins a new interval.
    rules.put_rule("rule", &settings("rate(5 minutes)", true), &Tags::new()).await.unwrap();
    sleep(4 * MINUTE).await;
    rules.put_rule("rule", &settings("rate(2 minutes)", true), &Tags::new()).await.unwrap();
    sleep(3 * MINUTE).await;
    assert_eq!(due_times(&aws), of_rule(&["00:05:00", "00:10:00", "00:13:00"]));
}

#[tokio::test(start_paused = true)]
async fn a_late_run_needs_its_rule_at_the_moment_of_the_run() {
    let aws = aws_with_rule("cron(0/5 * * * ? *)").await;
    permit_rules(&aws).await;
    aws.delay_runs(SignedDuration::from_secs(59), SignedDuration::ZERO);
    sleep(6 * MINUTE).await;
    assert_eq!(due_times(&aws), of_rule(&["00:05:00"]));
    sleep(4 * MINUTE + Duration::from_secs(30)).await;
    aws.delete_rule("rule");
    sleep(MINUTE).await;
    assert_eq!(due_times(&aws), of_rule(&["00:05:00"]));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_runs_while_its_role_and_its_function_exist() {
    let aws = aws_with_bucket().await;
    let schedules = aws.outside().scheduler(REGION);
    let target = ScheduleTarget {
        arn: aws.function("resize").to_string(),
        role_arn: SCHEDULER_ROLE.into(),
        input: None,
        retry_policy: RetryPolicy { maximum_retry_attempts: None, maximum_event_age_seconds: None },
        dead_letter_queue_arn: None,
    };
    let settings = ScheduleSettings {
        expression: "cron(0/5 * * * ? *)".into(),
        time_zone: "Europe/Berlin".into(),
        end: None,
        window_minutes: None,
        enabled: true,
        deletes_itself: false,
        description: String::new(),
        target,
    };
    let key = ScheduleKey { group: "default".into(), name: "schedule".into() };
    schedules.create_schedule(&key, &ScheduleBody { settings, start: None }).await.unwrap();
    sleep(6 * MINUTE).await;
    aws.set_scheduler_role_ready(SCHEDULER_ROLE, false);
    sleep(5 * MINUTE).await;
    aws.set_scheduler_role_ready(SCHEDULER_ROLE, true);
    sleep(5 * MINUTE).await;
    aws.delete_function(&aws.function("resize"));
    sleep(5 * MINUTE).await;
    let expected = ["00:05:00", "00:15:00"].map(|time| (Backend::Scheduler, time.to_owned()));
    assert_eq!(due_times(&aws), expected);
}
