//! `lambda-triggers doctor`: flags and output.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lambda_triggers_core::ownership::OwnerId;

use super::{output, values};
use crate::doctor::{self, Options};
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Check the cluster and the account of the current kubeconfig and AWS credentials
  lambda-triggers doctor

  # Check in the operator's pod, with the operator's own credentials
  kubectl exec -n lambda-triggers deployment/lambda-triggers -- lambda-triggers doctor

  # Also check a function and a bucket
  lambda-triggers doctor --function report --bucket photos

  # Check the RBAC rules of the operator's service account
  lambda-triggers doctor --as system:serviceaccount:lambda-triggers:lambda-triggers

  # Also check a tenancy file and its roles
  lambda-triggers doctor --tenancy-file tenancy.yaml";

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
    /// Also check this function, by name or ARN; repeatable.
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// Also check this bucket; repeatable.
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
}

/// Runs the checks and prints the results. The exit code is 1 if a check has failed.
pub fn run(args: DoctorArgs) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
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
        } = args;
        let (namespaces, functions, buckets) = (values::distinct(namespace), function, bucket);
        let options = Options {
            namespaces,
            owner_id,
            region,
            as_user,
            functions,
            buckets,
            bucket_owner,
            tenancy_file,
            scheduler_role,
        };
        let mut printed = Ok(());
        let healthy = doctor::examine(&options, |check| {
            if printed.is_ok() {
                printed = output::print(&format!("{check}\n"));
            }
        })
        .await;
        printed?;
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
