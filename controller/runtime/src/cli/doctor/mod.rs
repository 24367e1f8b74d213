//! `lambda-triggers doctor`: flags and output.

mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use lambda_triggers_core::diagnosis::{Check, CheckResult, Summary};
use lambda_triggers_core::ownership::OwnerId;
use serde::Serialize;

use super::connection::ConnectionArgs;
use super::output::{Format, json, print};
use super::values;
use crate::doctor::{self, Options};
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Check the cluster and the account of the current kubeconfig and AWS credentials
  lambda-triggers doctor

  # Check in the operator's pod, with the operator's own credentials
  kubectl exec -n lambda-triggers deployment/lambda-triggers -- lambda-triggers doctor

  # Check the permissions on a function and a bucket
  lambda-triggers doctor --function report --bucket photos

  # Check all resources and the AWS quotas, and print what needs an action
  lambda-triggers doctor --all --only failed

  # Find what a removed operator or a deleted cluster has left in AWS
  lambda-triggers doctor --orphans --owner-id 1a2b3c4d --bucket photos";

/// The flags of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// The namespaces that the operator watches, separated by commas; repeatable (default: all namespaces).
    #[arg(long, env = "LAMBDA_TRIGGERS_NAMESPACE", value_name = "NAMES", value_delimiter = ',', value_parser = values::namespace)]
    namespace: Vec<String>,
    /// The operator's owner id (default: from the cluster).
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    owner_id: Option<OwnerId>,
    /// AWS Region of the functions and buckets (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
    /// Impersonate this user at the API server, such as system:serviceaccount:<namespace>:lambda-triggers to check
    /// the operator's own RBAC (default: the user of the kubeconfig, or the pod's service account).
    #[arg(long = "as", value_name = "USER")]
    as_user: Option<String>,
    /// Check this function, by name or ARN; repeatable (default: some functions of the Ready resources).
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// Check this bucket; repeatable (default: some buckets of the Ready resources).
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,
    /// The account that owns the buckets (default: the operator's account).
    #[arg(long, value_name = "ACCOUNT")]
    bucket_owner: Option<String>,
    /// Also check this tenancy file, and whether the operator can assume each role in the file.
    #[arg(long, env = "LAMBDA_TRIGGERS_TENANCY_FILE", value_name = "PATH")]
    tenancy_file: Option<PathBuf>,
    /// The operator's role for EventBridge Scheduler. Also check the role's account, whether the role may invoke each
    /// --function, and the operator's reads of EventBridge Scheduler.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = values::role_arn)]
    scheduler_role_arn: Option<String>,
    /// Also check that all resources are Ready, and the AWS quotas: entries of each bucket, bytes of each function's policy,
    /// and rules of each Region.
    #[arg(long)]
    all: bool,
    /// In place of the checks, find AWS resources with the owner id that no resource of the cluster claims, and print the
    /// commands that remove them. Nothing is removed.
    #[arg(long, conflicts_with = "all")]
    orphans: bool,
    /// Print only the checks with these results, separated by commas. The summary counts all checks.
    #[arg(long, value_name = "RESULTS", value_enum, value_delimiter = ',')]
    only: Vec<ResultArg>,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// The values of `--only`.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum ResultArg {
    /// The check failed, and a user must act.
    Failed,
    /// The check was not possible.
    Skipped,
    /// The check passed.
    Ok,
}

impl From<ResultArg> for CheckResult {
    fn from(result: ResultArg) -> Self {
        match result {
            ResultArg::Failed => Self::Failed,
            ResultArg::Skipped => Self::Skipped,
            ResultArg::Ok => Self::Ok,
        }
    }
}

/// The content of the JSON document `Diagnosis`.
#[derive(Serialize)]
struct Diagnosis {
    summary: Summary,
    checks: Vec<Check>,
}

/// Runs the checks and prints the results. The exit code is 1 if a check has failed.
pub fn run(args: DoctorArgs) -> Result<ExitCode, StartError> {
    let DoctorArgs {
        namespace,
        owner_id,
        region,
        as_user,
        function,
        bucket,
        bucket_owner,
        tenancy_file,
        scheduler_role_arn: scheduler_role,
        all,
        orphans,
        only,
        output,
        connection,
    } = args;
    let options = Options {
        context: connection.context.clone(),
        namespaces: values::distinct(namespace),
        owner_id,
        region,
        as_user,
        functions: function,
        buckets: bucket,
        bucket_owner,
        tenancy_file,
        scheduler_role,
        all,
        orphans,
    };
    let only: Vec<CheckResult> = only.into_iter().map(Into::into).collect();
    let is_shown = |check: &Check| only.is_empty() || only.contains(&check.result);
    let mut checks = vec![];
    let mut printed = Ok(());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut record = |check: Check| {
        if output == Format::Text && is_shown(&check) && printed.is_ok() {
            printed = print(&text::line(&check));
        }
        checks.push(check);
    };
    let ended = runtime.block_on(connection.calls.within(doctor::examine(&options, &mut record)));
    if let Err(late) = ended {
        record(Check::failed("timeout", late.to_string()));
    }
    // A DNS lookup blocks a thread, and would delay the end of the process.
    runtime.shutdown_background();
    printed?;
    let summary = Summary::new(&checks);
    checks.retain(is_shown);
    print(&match output {
        Format::Text => text::end(&checks, summary),
        Format::Json => json("Diagnosis", &Diagnosis { summary, checks })?,
    })?;
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
