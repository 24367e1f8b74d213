//! The operator's start: invalid flags, and a cluster without CRDs.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DeleteParams;
use lambda_triggers_tests::env::{self, TestEnv};

use crate::scheduled::view::KIND;
use crate::support::{AwsView, LIMIT, scheduled};

const CRDS: [&str; 2] = [
    include_str!("../../../crds/lambda-triggers.dev_scheduledfunctions.yaml"),
    include_str!("../../../crds/lambda-triggers.dev_s3triggeredfunctions.yaml"),
];

/// The exit code and the output of an operator with invalid flags.
async fn run_with_invalid_flags(env: &TestEnv, flags: &[&str]) -> (Option<i32>, String) {
    let mut controller = env.controller(flags);
    let status = env.until(LIMIT, "the operator to end", async || controller.ended()).await;
    let printed = |log: String| log.lines().skip(1).collect::<Vec<_>>().join("\n");
    let text = env
        .until(LIMIT, "the error message", async || {
            let text = printed(controller.log());
            if text.ends_with("try '--help'.") { Ok(text) } else { Err(text) }
        })
        .await;
    (status.code(), text)
}

#[test]
fn an_invalid_flag_is_refused_with_the_remedy() {
    let help = "\n\nFor more information, try '--help'.";
    let cases = [
        (
            ["--namespace", "team-a,Team_B"],
            "error: invalid value 'Team_B' for '--namespace <NAMES>': not a valid namespace name; write for \
             example team-a,team-b",
        ),
        (
            ["--owner-id", "XYZ"],
            "error: invalid value 'XYZ' for '--owner-id <OWNER_ID>': owner id \"XYZ\" is not eight hex digits; \
             write for example 1a2b3c4d",
        ),
        (
            ["--resync", "0s"],
            "error: invalid value '0s' for '--resync <RESYNC>': it must be longer than zero; write for example \
             10m, 90s or 1h30m",
        ),
        (
            ["--default-tags", "lambda-triggers.dev/owner=me"],
            "error: invalid value 'lambda-triggers.dev/owner=me' for '--default-tags <KEY=VALUE,...>': write keys that do not begin with lambda-triggers.dev/, such as team: the operator marks its resources with keys of this prefix",
        ),
        (
            ["--reconcile-timeout", "0m"],
            "error: invalid value '0m' for '--reconcile-timeout <RECONCILE_TIMEOUT>': it must be longer than \
             zero; write for example 10m, 90s or 1h30m",
        ),
        (
            ["--scheduler-role-arn", "schedules"],
            "error: invalid value 'schedules' for '--scheduler-role-arn <ARN>': not a valid role ARN; write for \
             example arn:aws:iam::123456789012:role/schedules",
        ),
        (
            ["--default-backend", "scheduler"],
            "error: invalid value 'scheduler' for '--default-backend <DEFAULT_BACKEND>'\n  [possible values: Rule, \
             Scheduler]\n\n  tip: a similar value exists: 'Scheduler'",
        ),
    ];
    env::test("flags", async |env| {
        for (flags, message) in cases {
            assert_eq!(
                run_with_invalid_flags(&env, &flags).await,
                (Some(1), format!("{message}{help}")),
                "{flags:?}"
            );
        }
    });
}

/// A role in an account that is not the account of any test.
const FOREIGN_ROLE: &str = "arn:aws:iam::999999999999:role/schedules";

#[test]
fn a_scheduler_role_of_another_account_ends_the_start() {
    env::test("foreign-scheduler-role", async |env| {
        let file = env.directory().join("tenancy.yaml");
        let entry = format!("namespaces: {{team: {{schedulerRole: '{FOREIGN_ROLE}'}}}}");
        std::fs::write(&file, entry).unwrap();
        let (file, account) = (file.to_str().unwrap(), env.account());
        let of_flag = format!(
            "lambda-triggers: --scheduler-role-arn: {FOREIGN_ROLE} is a role of account 999999999999, but the operator \
             acts in account {account}; write a role of account {account}, and set schedulerRole in the tenancy file \
             for a namespace that acts in another account"
        );
        let of_file = format!(
            "lambda-triggers: the tenancy file {file}: namespaces.team.schedulerRole: {FOREIGN_ROLE} is a role of \
             account 999999999999, but the namespace acts in account {account}; write a role of account {account}"
        );
        for (flags, message) in
            [(["--scheduler-role-arn", FOREIGN_ROLE], of_flag), (["--tenancy-file", file], of_file)]
        {
            let mut controller = env.controller(&flags);
            let status = env.until(LIMIT, "the operator to end", async || controller.ended()).await;
            assert_eq!(status.code(), Some(1), "{}", controller.log());
            env.until(LIMIT, "the error message", async || {
                let log = controller.log();
                if log.lines().any(|line| line == message) { Ok(()) } else { Err(log) }
            })
            .await;
        }
    });
}

#[test]
fn an_operator_without_crds_waits_for_them() {
    env::test_on_own_cluster("no-crds", async |env| {
        env.function("hourly").await;
        let crds = Api::<CustomResourceDefinition>::all(env.kube().clone());
        let names = ["scheduledfunctions.lambda-triggers.dev", "s3triggeredfunctions.lambda-triggers.dev"];
        for name in names {
            crds.delete(name, &DeleteParams::default()).await.unwrap();
        }
        env.until(LIMIT, "the CRDs to be gone", async || {
            let left = crds.list_metadata(&Default::default()).await.unwrap().items;
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;

        let mut controller = env.controller(&[]);
        let failures = || controller.log().matches("a watch of the controller failed").count();
        env.until(LIMIT, "the operator to list each kind twice", async || (failures() >= 4).then_some(()))
            .await;
        assert_eq!(controller.ended(), None);

        env.apply(&CRDS.join("---\n")).await;
        env.kubectl(&["wait", "crd", names[0], names[1], "--for=condition=Established", "--timeout=60s"], "")
            .await
            .expect("kubectl wait");
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(KIND, "hourly").await;
        assert_eq!(env.rule_names().await.len(), 1);
        assert_eq!(controller.ended(), None);
    });
}
