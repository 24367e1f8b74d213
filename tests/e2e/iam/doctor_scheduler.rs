//! `lambda-triggers doctor` and EventBridge Scheduler: the role, the permissions of the role, and the operator's reads.

use lambda_triggers_core::iam::{Feature, Policy, Scope, Statement, least_policy};
use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env;

use super::doctor::{doctor, lines_with_state};
use crate::objects::{OWNER, owner};

/// The lines from the first check of EventBridge Scheduler to the checks of functions.
fn scheduler_lines(lines: &[String]) -> Vec<&str> {
    let lines = lines.iter().map(String::as_str);
    let lines = lines.skip_while(|line| !line.contains("EventBridge Scheduler"));
    lines.take_while(|line| !line.contains(" function report: ")).collect()
}

/// The policy of the operator's role, with or without the permission to ask IAM about the account's roles.
fn policy(account: &str, asks_iam: bool) -> Policy {
    let scope = Scope::for_account(account, Some(owner())).with([Feature::Scheduler]);
    let mut policy = least_policy(&scope);
    policy.statements.extend(asks_iam.then(|| Statement {
        sid: "AskIam",
        actions: vec!["iam:SimulatePrincipalPolicy"],
        resources: vec![format!("arn:aws:iam::{account}:role/*")],
        conditions: vec![],
    }));
    policy
}

/// The command that prints the decision of IAM about these functions.
fn simulation(role: &str, functions: &str) -> String {
    format!(
        "print the decision of IAM with aws iam simulate-principal-policy --policy-source-arn {role} --action-names \
         lambda:InvokeFunction --resource-arns {functions} --query \
         'EvaluationResults[].ResourceSpecificResults[].[EvalResourceName,EvalResourceDecision]' --output text"
    )
}

#[test]
fn doctor_checks_the_role_and_the_reads_of_eventbridge_scheduler() {
    env::test("doctor-scheduler", async |env| {
        let function = env.function("report").await;
        let (account, group) = (env.account(), format!("lt-{OWNER}"));
        env.aws_proxy().give_policy(account, policy(account, true));
        let role = env.scheduler_role(&owner()).await;
        let foreign = function.replace(account, "999999999999");
        let flags = ["--namespace", env.namespace(), "--owner-id", OWNER, "--scheduler-role-arn"];
        let with = |role, more: &[&'static str]| [&flags[..], &[role], more].concat();
        let functions = ["--function", "report", "--function", "report:live"];
        let both = [&with(&role, &functions)[..], &["--function", &foreign]].concat();
        let (_, lines) = doctor(&env, &both, &[]).await;
        let reads = [
            format!("ok       scheduler:GetSchedule: on schedules {group}/*"),
            "ok       scheduler:ListSchedules: of any group".into(),
            format!(
                "ok       scheduler:ListTagsForResource: on the schedule group {group}, which does not exist yet"
            ),
        ];
        let own = format!("ok       EventBridge Scheduler: invokes the functions with {role}");
        let decisions = [
            own.clone(),
            format!("ok       role {role}: may invoke report"),
            format!("ok       role {role}: may invoke report:live"),
            format!(
                "failed   role {role}: may not invoke {foreign}: allow lambda:InvokeFunction on {foreign} in the \
                 role's policy, as in the statement Invoke of lambda-triggers iam-policy --for scheduler-role, and \
                 make sure that no policy denies it"
            ),
        ];
        assert_eq!(scheduler_lines(&lines), [&decisions[..], &reads].concat());

        let (healthy, lines) = doctor(&env, &with(&role, &[]), &[]).await;
        let any = function.replace(":report", ":NAME");
        let skipped =
            format!("skipped  role {role}: give --function NAME to ask IAM, or {}", simulation(&role, &any));
        let expected = [&[own.clone(), skipped][..], &reads].concat();
        assert_eq!(scheduler_lines(&lines)[..expected.len()], expected);
        assert!(healthy);

        env.aws_proxy().give_policy(account, policy(account, false));
        let (_, lines) = doctor(&env, &with(&role, &functions), &[]).await;
        let skipped = format!(
            "skipped  role {role}: AWS denies iam:SimulatePrincipalPolicy on role {role}: allow \
             iam:SimulatePrincipalPolicy in the IAM policy of the operator's role; or {}",
            simulation(&role, &format!("{function} {function}:live"))
        );
        assert_eq!(scheduler_lines(&lines), [&[own, skipped][..], &reads].concat());
    });
}

#[test]
fn doctor_reports_a_wrong_role_and_missing_reads_of_eventbridge_scheduler() {
    env::test("doctor-scheduler-failed", async |env| {
        let account = env.account();
        env.aws_proxy().give_policy(account, policy(account, true));
        env.aws_proxy().inject(account, Fault::on("GetSchedule", FaultKind::Denied));
        let failures = async |role: &str| {
            let flags = ["--namespace", env.namespace(), "--owner-id", OWNER, "--function", "report"];
            let (healthy, lines) =
                doctor(&env, &[&flags[..], &["--scheduler-role-arn", role]].concat(), &[]).await;
            assert!(!healthy);
            lines_with_state(&lines, "failed").into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let nowhere = "function report: does not exist in eu-west-1; deploy it there, or give another name, alias or \
                       Region";
        let missing = format!("arn:aws:iam::{account}:role/schedules");
        assert_eq!(
            failures(&missing).await,
            [
                format!(
                    "role {missing}: does not exist; create it with lambda-triggers iam-policy --for scheduler-role, or \
                     give another --scheduler-role-arn"
                ),
                format!(
                    "scheduler:GetSchedule: AWS denies scheduler:GetSchedule on schedule lt-{OWNER}/lt-{OWNER}-doctor: \
                     allow scheduler:GetSchedule in the IAM policy of the operator's role"
                ),
                nowhere.into(),
            ]
        );
        let foreign = "arn:aws:iam::999999999999:role/schedules";
        assert_eq!(
            failures(foreign).await,
            [
                format!(
                    "EventBridge Scheduler: --scheduler-role-arn: {foreign} is a role of account 999999999999, but the \
                     operator acts in account {account}; write a role of account {account}, and set schedulerRole in \
                     the tenancy file for a namespace that acts in another account"
                ),
                nowhere.into(),
            ]
        );
    });
}

#[test]
fn doctor_reports_a_scheduler_role_of_another_account_in_the_tenancy_file() {
    env::test("doctor-scheduler-tenancy", async |env| {
        let file = env.directory().join("tenancy.yaml");
        let foreign = "arn:aws:iam::999999999999:role/schedules";
        std::fs::write(&file, format!("namespaces: {{team: {{schedulerRole: '{foreign}'}}}}")).unwrap();
        let (file, account) = (file.to_str().unwrap(), env.account());
        let flags = ["--namespace", env.namespace(), "--tenancy-file", file];
        let (healthy, lines) = doctor(&env, &flags, &[]).await;
        assert!(!healthy);
        assert_eq!(
            lines_with_state(&lines, "failed"),
            [format!(
                "tenancy file: {file}: namespaces.team.schedulerRole: {foreign} is a role of account 999999999999, but \
                 the namespace acts in account {account}; write a role of account {account}; the operator does not \
                 start with this file, and a running operator keeps the last valid content"
            )]
        );
    });
}
