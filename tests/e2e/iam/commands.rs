//! The printed policies of the commands that only read: each policy is enough, and each of its actions is needed.

use std::collections::BTreeSet;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target as ScheduleTarget};
use lambda_triggers_core::iam::{Command, Policy, Scope, command_policy};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use crate::deployed::view::{S3, SCHEDULED, definition, with};
use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::{AwsView, s3, scheduled};

/// Runs command lines with a policy, and returns their outputs.
async fn outputs(env: &TestEnv, policy: Policy, lines: &[String]) -> Vec<String> {
    env.aws_proxy().give_policy(env.account(), policy);
    let mut outputs = vec![];
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = env.lambda_triggers(&words, &[]).await;
        outputs.push(format!("{:?}\n{}{}", output.code, output.stdout, output.stderr));
    }
    outputs
}

/// Runs command lines with the policy of a command, and then without each action of the policy. The `optional` actions
/// only save calls.
async fn assert_least(env: &TestEnv, command: Command, lines: &[String], optional: &[&str]) {
    let policy = command_policy(command, &Scope::for_account(env.account(), Some(owner())));
    env.aws_proxy().clear_calls(env.account());
    let complete = outputs(env, policy.clone(), lines).await;
    let calls = env.aws_proxy().calls(env.account());
    let denied: Vec<_> = calls.iter().filter(|call| call.status == 403).collect();
    assert!(denied.is_empty(), "{denied:?}");
    let mut needless = BTreeSet::new();
    for action in policy.actions().into_iter().filter(|action| !optional.contains(action)) {
        if outputs(env, policy.only(|other| other != action), lines).await == complete {
            needless.insert(action);
        }
    }
    assert_eq!(needless, BTreeSet::new(), "{complete:?}");
    assert_eq!(env.aws_writes(), vec![]);
}

fn write(env: &TestEnv, name: &str, text: &str) -> String {
    let path = env.directory().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The manifests of a rule, a schedule, an entry and a deployed function, of which the last is the rule. All are ready.
async fn triggers(env: &TestEnv, role: &str) -> [String; 4] {
    env.function("report").await;
    let bucket = env.new_bucket("photos").await;
    let app = with(definition(env, "app"), json!({"asyncInvoke": {"maximumRetryAttempts": 0}}));
    let app = crate::deployed::view::scheduled("app", &app);
    let manifests = [
        scheduled("zoned", "report", "schedule: 0 18 * * *\ntimeZone: Europe/Berlin"),
        s3("photos", "report", &bucket, ""),
        format!("{app}\n"),
        scheduled("hourly", "report", "schedule: rate(1 hour)"),
    ];
    let mut controller = env.controller(&[&NO_RESYNC[..], &["--scheduler-role-arn", role]].concat());
    env.apply(&manifests.join("---\n")).await;
    for (kind, name) in [(SCHEDULED, "zoned"), (S3, "photos"), (SCHEDULED, "app"), (SCHEDULED, "hourly")] {
        env.until_ready(kind, name).await;
    }
    controller.stop().await;
    env.aws_proxy().clear_calls(env.account());
    manifests
}

#[test]
fn a_plan_needs_every_action_of_its_policy() {
    env::test("iam-plan", async |env| {
        let role = env.scheduler_role(&owner()).await;
        let manifests = triggers(&env, &role).await;
        let base = write(&env, "base.yaml", &manifests.join("---\n"));
        let head = write(&env, "head.yaml", &manifests[..3].join("---\n"));
        let namespace = env.namespace();
        let line = format!(
            "plan --filename {head} --base {base} --all --show-unchanged --owner-id {OWNER} --namespace {namespace} \
             --scheduler-role-arn {role}"
        );
        assert_least(&env, Command::Plan, &[line], &["scheduler:ListSchedules", "tag:GetResources"]).await;
    });
}

#[test]
fn an_import_needs_every_action_of_its_policy() {
    env::test("iam-import", async |env| {
        let function = env.function("index").await;
        env.lambda().tag_resource().resource(&function).tags("aws-chalice", "app=shop").send().await.unwrap();
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("index", &bucket).await;
        let entry = format!(
            r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CloudFunctionConfiguration>
            <CloudFunction>{function}</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>
            </NotificationConfiguration>"#
        );
        env.put_document(&bucket, &entry).await;
        env.events().put_rule().name("nightly").schedule_expression("rate(1 day)").send().await.unwrap();
        let target = Target::builder().id("1").arn(&function).build().unwrap();
        env.events().put_targets().rule("nightly").targets(target).send().await.unwrap();
        let role = env.foreign_scheduler_role().await;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
        let target = ScheduleTarget::builder().arn(&function).role_arn(role).build().unwrap();
        let schedule = env.scheduler().create_schedule().name("weekly").schedule_expression("rate(7 days)");
        schedule.flexible_time_window(window).target(target).send().await.unwrap();
        let deployed: Value = json!({"schema_version": "2.0", "backend": "api", "resources": [
            {"name": "nightly-event", "resource_type": "cloudwatch_event", "rule_name": "nightly"},
        ]});
        let deployed = write(&env, "dev.json", &deployed.to_string());
        let own_role = env.scheduler_role(&owner()).await;
        let common = format!("--namespace media --owner-id {OWNER} --scheduler-role-arn {own_role}");
        let lines = [
            format!("bucket {bucket}"),
            "rules".to_owned(),
            "schedules".to_owned(),
            format!("from {deployed}"),
        ];
        let lines = lines.map(|line| format!("import {line} {common}"));
        assert_least(&env, Command::Import, &lines, &[]).await;
    });
}

#[test]
fn an_explanation_needs_every_action_of_its_policy() {
    env::test("iam-explain", async |env| {
        let role = env.scheduler_role(&owner()).await;
        triggers(&env, &role).await;
        let report = env.lambda().get_function().function_name("report").send().await.unwrap();
        let arn = report.configuration.unwrap().function_arn.unwrap();
        env.lambda().tag_resource().resource(arn).tags("aws-chalice", "app=shop").send().await.unwrap();
        let bucket = env.bucket("photos");
        let document = env.document_text(&bucket).await;
        let foreign = document.replace("<Id>lt-", "<Id>x-lt-");
        env.put_document(&bucket, &foreign).await;
        let lines = [
            format!("explain bucket {bucket}"),
            format!("explain key s3://{bucket}/x"),
            "explain resource schedfn/hourly --history".to_owned(),
            "explain resource schedfn/zoned".to_owned(),
        ];
        assert_least(&env, Command::Explain, &lines, &[]).await;
    });
}
