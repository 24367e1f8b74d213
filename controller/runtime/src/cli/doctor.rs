//! `lambda-triggers doctor`: flags and output.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, ValueEnum};
use lambda_triggers_core::iam::{
    Feature, Scope, least_policy, scheduler_role_permissions, scheduler_role_trust,
};
use lambda_triggers_core::ownership::OwnerId;

use crate::doctor::{self, Options};
use crate::operator::StartError;

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("print").args(["print_iam_policy", "print_scheduler_role"])))]
pub struct DoctorArgs {
    /// The namespaces that the operator watches, separated by commas; repeatable (default: all namespaces).
    #[arg(long, env = "LAMBDA_TRIGGERS_NAMESPACE", value_name = "NAMES", value_delimiter = ',', value_parser = super::namespace)]
    namespace: Vec<String>,
    /// The operator's owner id (default: from the cluster).
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    owner_id: Option<OwnerId>,
    /// AWS Region of the functions and buckets (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
    /// Impersonate this user at the API server, such as system:serviceaccount:<namespace>:lambda-triggers to check
    /// the operator's own RBAC (default: the user of the kubeconfig, or the pod's service account).
    #[arg(long = "as", value_name = "USER", conflicts_with = "print")]
    as_user: Option<String>,
    /// Also check this function, by name or ARN; repeatable. A printed policy allows only these functions: * matches any
    /// text, and a function of another account needs its ARN.
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// Also check this bucket; repeatable. With --print-iam-policy, allow only buckets with these names: * matches
    /// any text.
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,
    /// The account that owns the buckets (default: the operator's account).
    #[arg(long, value_name = "ACCOUNT")]
    bucket_owner: Option<String>,
    /// Also check this tenancy file, and whether the operator can assume each role in the file.
    #[arg(long, env = "LAMBDA_TRIGGERS_TENANCY_FILE", value_name = "PATH")]
    tenancy_file: Option<PathBuf>,
    /// The operator's role for EventBridge Scheduler. Also check the role's account, whether the role may invoke each
    /// --function, and the operator's reads of EventBridge Scheduler. With --print-iam-policy, the operator may pass only
    /// this role.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = super::role_arn)]
    scheduler_role_arn: Option<String>,
    /// Print the least-privilege IAM policy for the operator's role, and check nothing. The policy allows triggers
    /// for existing functions; --with adds features.
    #[arg(long)]
    print_iam_policy: bool,
    /// Print the trust policy and the permissions policy of the role for EventBridge Scheduler, and check nothing. The
    /// role may invoke the functions of the account, and send to the account's queues.
    #[arg(
        long,
        value_name = "POLICY",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "both"
    )]
    print_scheduler_role: Option<RolePolicyArg>,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// The scope of a printed policy.
#[derive(Args, Debug)]
#[group(requires = "print")]
struct PolicyArgs {
    /// Features of the operator beyond triggers, separated by commas.
    #[arg(
        long,
        value_name = "FEATURES",
        value_enum,
        value_delimiter = ',',
        conflicts_with = "print_scheduler_role"
    )]
    with: Vec<FeatureArg>,
    /// The account of the functions, rules and schedules (default: the account of the AWS credentials).
    #[arg(long)]
    account: Option<String>,
    /// The partition: aws, aws-cn, aws-us-gov, ... (default: the partition of the AWS credentials, or aws with
    /// --account).
    #[arg(long)]
    partition: Option<String>,
    /// The name, with its path, of a role that a definition may give to its function; repeatable, and may contain *
    /// (default: every role).
    #[arg(long, value_name = "NAME", conflicts_with = "print_scheduler_role")]
    function_role: Vec<String>,
    /// The name of a bucket with code archives; repeatable (default: every bucket of the account).
    #[arg(long, value_name = "NAME", conflicts_with = "print_scheduler_role")]
    code_bucket: Vec<String>,
    /// The ARN of a tenant's role; repeatable (default: every role of the account).
    #[arg(long, value_name = "ARN", conflicts_with = "print_scheduler_role")]
    tenant_role: Vec<String>,
    /// The name of a dead-letter queue of schedules; repeatable, and may contain * (default: every queue of the
    /// account).
    #[arg(long, value_name = "NAME", conflicts_with = "print_iam_policy")]
    queue: Vec<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum RolePolicyArg {
    /// The trust policy, and then the permissions policy.
    Both,
    /// The trust policy.
    Trust,
    /// The permissions policy.
    Permissions,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum FeatureArg {
    /// Functions that the operator deploys.
    Definitions,
    /// ... from archives in S3.
    Archives,
    /// ... from images in ECR.
    Images,
    /// ... with layers.
    Layers,
    /// ... in a VPC.
    Vpc,
    /// ... with a KMS key.
    Kms,
    /// Schedules of EventBridge Scheduler.
    Scheduler,
    /// A role for each tenant.
    Tenancy,
}

impl From<FeatureArg> for Feature {
    fn from(with: FeatureArg) -> Self {
        match with {
            FeatureArg::Definitions => Self::Definitions,
            FeatureArg::Archives => Self::Archives,
            FeatureArg::Images => Self::Images,
            FeatureArg::Layers => Self::Layers,
            FeatureArg::Vpc => Self::Vpc,
            FeatureArg::Kms => Self::Kms,
            FeatureArg::Scheduler => Self::Scheduler,
            FeatureArg::Tenancy => Self::Tenancy,
        }
    }
}

/// Runs the checks and prints the results, or prints policies. The exit code is 1 if a check has failed.
pub fn run(args: DoctorArgs) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if args.print_iam_policy || args.print_scheduler_role.is_some() {
            print_policies(args).await?;
            return Ok(ExitCode::SUCCESS);
        }
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
            print_iam_policy: _,
            print_scheduler_role: _,
            policy: _,
        } = args;
        let (namespaces, functions, buckets) = (super::distinct(namespace), function, bucket);
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
        let healthy = doctor::examine(&options, |check| println!("{check}")).await;
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn print_policies(args: DoctorArgs) -> Result<(), StartError> {
    let DoctorArgs { namespace, owner_id, region, function, bucket, bucket_owner, policy, .. } = args;
    let PolicyArgs { with, account, partition, function_role, code_bucket, tenant_role, queue } = policy;
    let owner = match owner_id {
        Some(owner) => owner,
        None => doctor::owner_id(&namespace).await.map_err(|why| {
            format!(
                "the owner id is not known, because it cannot be read from the cluster ({why}); give \
                 --owner-id"
            )
        })?,
    };
    let (account, found) = match account {
        Some(account) => (account, "aws".to_owned()),
        None => doctor::account_and_partition(region).await.map_err(|why| {
            format!("the account is not known, because it cannot be read from AWS ({why}); give --account")
        })?,
    };
    let scope = Scope {
        partition: partition.unwrap_or(found),
        functions: function,
        buckets: bucket,
        bucket_owners: bucket_owner.into_iter().collect(),
        code_buckets: code_bucket,
        function_roles: function_role,
        scheduler_roles: args.scheduler_role_arn.into_iter().collect(),
        tenant_roles: tenant_role,
        ..Scope::for_account(account, Some(owner)).with(with.into_iter().map(Feature::from))
    };
    let trust = || serde_json::to_string_pretty(&scheduler_role_trust(&scope));
    let permissions = || serde_json::to_string_pretty(&scheduler_role_permissions(&scope, &queue));
    match args.print_scheduler_role {
        None => println!("{}", serde_json::to_string_pretty(&least_policy(&scope))?),
        Some(RolePolicyArg::Both) => println!("{}\n{}", trust()?, permissions()?),
        Some(RolePolicyArg::Trust) => println!("{}", trust()?),
        Some(RolePolicyArg::Permissions) => println!("{}", permissions()?),
    }
    Ok(())
}
