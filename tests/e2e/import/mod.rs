//! `lambda-triggers import`: manifests from what other tools made, and the hand-over by the steps of the report.

mod buckets;
pub mod chalice;
mod errors;
mod files;
mod schedules;
mod selection;

use lambda_triggers_core::iam::{Command, Feature, Scope, command_policy, least_policy};
use lambda_triggers_tests::env::TestEnv;

use crate::objects::{OWNER, owner};
use crate::support::AwsView;

/// Gives the next calls of `lambda-triggers` the permissions of an import.
pub fn permit_import(env: &TestEnv) {
    let scope = Scope::for_account(env.account(), Some(owner()));
    env.aws_proxy().give_policy(env.account(), command_policy(Command::Import, &scope));
}

/// Gives the next calls of `lambda-triggers` the permissions of the operator.
pub fn permit_operator(env: &TestEnv) {
    let scope = Scope::for_account(env.account(), Some(owner())).with(Feature::ALL);
    env.aws_proxy().give_policy(env.account(), least_policy(&scope));
}

/// The result of an import.
pub struct Imported {
    success: bool,
    /// The manifests on standard output.
    manifests: String,
    /// The report on standard error.
    pub report: String,
}

/// Runs `lambda-triggers import` for the environment's namespace. An import writes nothing to AWS.
pub async fn import(env: &TestEnv, arguments: &[&str]) -> Imported {
    env.aws_proxy().clear_calls(env.account());
    permit_import(env);
    let common = ["--namespace", env.namespace(), "--owner-id", OWNER];
    let output = env.lambda_triggers(&[&["import"], arguments, &common].concat(), &[]).await;
    assert_eq!(env.aws_writes(), []);
    permit_operator(env);
    Imported { success: output.success, manifests: output.stdout, report: output.stderr }
}

impl Imported {
    /// The result of an import that read everything.
    pub fn complete(self) -> Self {
        assert!(self.success, "{}{}", self.manifests, self.report);
        self
    }

    /// The kubectl commands of the report, in order.
    fn commands(&self) -> Vec<&str> {
        self.report.lines().map(str::trim).filter(|line| line.starts_with("kubectl ")).collect()
    }
}
