//! The printed policies of the role for EventBridge Scheduler are enough for AWS to accept and to run a schedule.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use crate::aws_proxy::table::{Defaults, Runner};
use crate::objects::OWNER;

/// The policies that `iam-policy` prints for the account.
async fn printed(env: &TestEnv, account: &str, flags: &[&str]) -> String {
    let command = [&["iam-policy", "--account", account, "--owner-id", OWNER], flags].concat();
    env.lambda_triggers(&command, &[]).await.expect("lambda-triggers iam-policy")
}

#[test]
fn a_role_with_the_printed_policies_runs_schedules() {
    env::test("scheduler-role", async |env| {
        let mut aws = Runner::new(&Defaults::new()).await;
        let trust = printed(&env, &aws.account, &["--for", "scheduler-role-trust"]).await;
        let permissions = printed(&env, &aws.account, &["--for", "scheduler-role"]).await;
        let narrow = trust.replace(":schedule-group/", ":schedule/");
        for (name, policy) in [("trust", trust), ("permissions", permissions), ("narrow", narrow)] {
            // The emulator compares the texts of policies without line breaks.
            let policy: Value = serde_json::from_str(&policy).unwrap();
            aws.variables.insert(name, policy.to_string().into());
        }
        aws.variables.insert("owner", format!("lt-{OWNER}").into());
        aws.run_steps(
            r#"
- proxy: {scheduler_time: "2027-03-01T12:00:00Z"}
- CreateFunction: {}
- CreateAlias: {}
- CreateScheduleGroup: {Name: $owner}
- CreateRole: {AssumeRolePolicyDocument: $trust}
- PutRolePolicy: {PolicyDocument: $permissions}
- CreateSchedule: {GroupName: $owner}
- CreateSchedule: &live {Name: live, GroupName: $owner, Target: {Arn: "$app:live", RoleArn: "arn:aws:iam::$account:role/scheduler", Input: '"run"'}}
- proxy: {advance_scheduler: "2027-03-01T18:00:00Z"}
- proxy: {runs: ['2027-03-01T18:00:00Z 2027-03-01T18:00:00Z $owner/app "run"', '2027-03-01T18:00:00Z 2027-03-01T18:00:00Z $owner/live "run"']}
# AWS compares the condition with the ARN of the group.
- UpdateAssumeRolePolicy: {RoleName: scheduler, PolicyDocument: $narrow}
- {UpdateSchedule: *live, refused: "400 ValidationException: The execution role you provide must allow AWS EventBridge Scheduler to assume the role."}
"#,
        )
        .await;
    });
}

#[test]
fn a_role_for_some_functions_runs_no_other_function() {
    env::test("scheduler-role-functions", async |env| {
        let mut aws = Runner::new(&Defaults::new()).await;
        let flags = ["--for", "scheduler-role", "--function", "other-*"];
        let permissions = printed(&env, &aws.account, &flags).await;
        let permissions: Value = serde_json::from_str(&permissions).unwrap();
        aws.variables.insert("permissions", permissions.to_string().into());
        aws.run_steps(
            r#"
- proxy: {scheduler_time: "2027-03-01T12:00:00Z"}
- CreateFunction: {}
- CreateRole: {}
- PutRolePolicy: {PolicyDocument: $permissions}
- CreateSchedule: {}
- proxy: {advance_scheduler: "2027-03-01T18:00:00Z"}
- proxy: {runs: []}
- proxy: {target_errors: {group: default, count: 1}}
"#,
        )
        .await;
    });
}
