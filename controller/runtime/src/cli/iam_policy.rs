//! `lambda-triggers iam-policy`: flags and output.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use lambda_triggers_core::iam::{
    Command, Feature, Policy, Scope, command_policy, least_policy, scheduler_role_permissions,
    scheduler_role_trust,
};
use lambda_triggers_core::ownership::OwnerId;

use super::{output, values};
use crate::doctor;
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Print the policy of the operator, for the account and the cluster of the current credentials
  lambda-triggers iam-policy

  # Print the reads of a plan, for the role of a CI job, without credentials
  lambda-triggers iam-policy --for plan --account 123456789012 --owner-id 1a2b3c4d

  # Also allow functions that the operator deploys, with roles below functions/
  lambda-triggers iam-policy --with definitions --function-role 'functions/*'

  # Print the two policies of the role for EventBridge Scheduler
  lambda-triggers iam-policy --for scheduler-role-trust > trust.json
  lambda-triggers iam-policy --for scheduler-role > permissions.json";

/// The flags of `iam-policy`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct IamPolicyArgs {
    /// Purpose of the policy.
    #[arg(long = "for", value_name = "PURPOSE", value_enum, default_value_t)]
    purpose: Purpose,
    /// Features of the operator beyond triggers for existing functions, separated by commas. Only for run.
    #[arg(long, value_name = "FEATURES", value_enum, value_delimiter = ',')]
    with: Vec<FeatureArg>,
    /// Allow only this function, by name or ARN; repeatable. * matches any text, and a function of another account
    /// needs its ARN (default: every function of the account).
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// Allow only this bucket; repeatable, and may contain * (default: every bucket of the account). Not for
    /// scheduler-role.
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,
    /// The account that owns the buckets (default: the operator's account). Not for scheduler-role.
    #[arg(long, value_name = "ACCOUNT")]
    bucket_owner: Option<String>,
    /// The name, with its path, of a role that a definition may give to its function; repeatable, and may contain *
    /// (default: every role). Only for run.
    #[arg(long, value_name = "NAME")]
    function_role: Vec<String>,
    /// The name of a bucket with code archives; repeatable (default: every bucket of the account). Only for run.
    #[arg(long, value_name = "NAME")]
    code_bucket: Vec<String>,
    /// The ARN of a tenant's role; repeatable (default: every role of the account). Only for run.
    #[arg(long, value_name = "ARN")]
    tenant_role: Vec<String>,
    /// The role that the operator may pass to EventBridge Scheduler (default: every role of the account). Only for run.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = values::role_arn)]
    scheduler_role_arn: Option<String>,
    /// The name of a dead-letter queue of schedules; repeatable, and may contain * (default: every queue of the
    /// account). Only for scheduler-role.
    #[arg(long, value_name = "NAME")]
    queue: Vec<String>,
    /// The account of the functions, rules and schedules (default: the account of the AWS credentials).
    #[arg(long)]
    account: Option<String>,
    /// The partition: aws, aws-cn, aws-us-gov, ... (default: the partition of the AWS credentials, or aws with
    /// --account).
    #[arg(long)]
    partition: Option<String>,
    /// The operator's owner id (default: from the cluster).
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    owner_id: Option<OwnerId>,
    /// The namespaces that the operator watches, separated by commas; repeatable. The owner id of the cluster depends
    /// on this flag (default: all namespaces).
    #[arg(long, env = "LAMBDA_TRIGGERS_NAMESPACE", value_name = "NAMES", value_delimiter = ',', value_parser = values::namespace)]
    namespace: Vec<String>,
    /// AWS Region for the call that reads the account (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
}

/// The values of `--for`. Each purpose prints one policy.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Purpose {
    /// The permissions of the operator's own role.
    #[default]
    Run,
    /// The reads of `lambda-triggers plan`.
    Plan,
    /// The reads of `lambda-triggers import`.
    Import,
    /// The reads of `lambda-triggers explain`.
    Explain,
    /// The permissions of the role that EventBridge Scheduler assumes: to invoke the functions of the account, and to
    /// send to the account's queues.
    SchedulerRole,
    /// The trust policy of the role that EventBridge Scheduler assumes.
    SchedulerRoleTrust,
    /// Both policies of the role, for the former flag of doctor.
    #[value(hide = true)]
    SchedulerRoleBoth,
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

impl IamPolicyArgs {
    /// The first flag that has no effect on a policy for the purpose, with the purpose of the flag. Flags with an
    /// environment variable are left out, since the variable also serves other commands.
    fn flag_of_other_purpose(&self) -> Option<(&'static str, &'static str)> {
        let is_run = self.purpose == Purpose::Run;
        let is_role = matches!(
            self.purpose,
            Purpose::SchedulerRole | Purpose::SchedulerRoleTrust | Purpose::SchedulerRoleBoth
        );
        let allows_queues = matches!(self.purpose, Purpose::SchedulerRole | Purpose::SchedulerRoleBoth);
        let flags = [
            ("--with", !self.with.is_empty() && !is_run, "run"),
            ("--bucket", !self.bucket.is_empty() && is_role, "run"),
            ("--bucket-owner", self.bucket_owner.is_some() && is_role, "run"),
            ("--function-role", !self.function_role.is_empty() && !is_run, "run"),
            ("--code-bucket", !self.code_bucket.is_empty() && !is_run, "run"),
            ("--tenant-role", !self.tenant_role.is_empty() && !is_run, "run"),
            ("--queue", !self.queue.is_empty() && !allows_queues, "scheduler-role"),
        ];
        flags.into_iter().find_map(|(flag, is_misplaced, purpose)| is_misplaced.then_some((flag, purpose)))
    }
}

/// Prints the policy.
pub fn run(args: IamPolicyArgs) -> Result<(), StartError> {
    if let Some((flag, purpose)) = args.flag_of_other_purpose() {
        return Err(format!("{flag} belongs to --for {purpose}, and has no effect on this policy").into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (purpose, queues) = (args.purpose, args.queue.clone());
    let scope = runtime.block_on(scope(args))?;
    let trust = || serde_json::to_string_pretty(&scheduler_role_trust(&scope));
    let permissions = || serde_json::to_string_pretty(&scheduler_role_permissions(&scope, &queues));
    let policy = |policy: Policy| serde_json::to_string_pretty(&policy);
    let text = match purpose {
        Purpose::Run => policy(least_policy(&scope))?,
        Purpose::Plan => policy(command_policy(Command::Plan, &scope))?,
        Purpose::Import => policy(command_policy(Command::Import, &scope))?,
        Purpose::Explain => policy(command_policy(Command::Explain, &scope))?,
        Purpose::SchedulerRole => permissions()?,
        Purpose::SchedulerRoleTrust => trust()?,
        Purpose::SchedulerRoleBoth => format!("{}\n{}", trust()?, permissions()?),
    };
    output::print(&format!("{text}\n"))
}

/// The scope of the policy. An owner id and an account that no flag names come from the cluster and from AWS.
async fn scope(args: IamPolicyArgs) -> Result<Scope, StartError> {
    let owner = match args.owner_id {
        Some(owner) => owner,
        None => doctor::owner_id(&args.namespace).await?,
    };
    let (account, found) = match args.account {
        Some(account) => (account, "aws".to_owned()),
        None => doctor::account_and_partition(args.region).await.map_err(|why| {
            format!("the account is not known, because it cannot be read from AWS ({why}); give --account")
        })?,
    };
    Ok(Scope {
        partition: args.partition.unwrap_or(found),
        functions: args.function,
        buckets: args.bucket,
        bucket_owners: args.bucket_owner.into_iter().collect(),
        code_buckets: args.code_bucket,
        function_roles: args.function_role,
        scheduler_roles: args.scheduler_role_arn.into_iter().collect(),
        tenant_roles: args.tenant_role,
        ..Scope::for_account(account, Some(owner)).with(args.with.into_iter().map(Feature::from))
    })
}

/// Translates `doctor --print-iam-policy` and `doctor --print-scheduler-role`, the former names of this command.
pub fn translate_former_flags(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let purpose = |argument: &OsString| match argument.to_str()? {
        "--print-iam-policy" => Some("--for=run"),
        "--print-scheduler-role" | "--print-scheduler-role=both" => Some("--for=scheduler-role-both"),
        "--print-scheduler-role=permissions" => Some("--for=scheduler-role"),
        "--print-scheduler-role=trust" => Some("--for=scheduler-role-trust"),
        _ => None,
    };
    let flag = arguments.iter().position(|argument| purpose(argument).is_some());
    if let (Some(flag), Some(1)) = (flag, arguments.iter().position(|argument| argument == "doctor")) {
        arguments[1] = "iam-policy".into();
        arguments[flag] = purpose(&arguments[flag]).unwrap_or_default().into();
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: IamPolicyArgs,
    }

    #[test]
    fn a_flag_that_has_no_effect_is_refused() {
        let refused = |flags: &str| {
            let words = format!("iam-policy {flags}");
            Command::try_parse_from(words.split_whitespace()).unwrap().args.flag_of_other_purpose()
        };
        for flags in [
            "",
            "--with definitions --bucket photos --bucket-owner 123456789012 --function-role x --code-bucket y",
            "--for plan --function report --bucket photos --bucket-owner 123456789012",
            "--for run --tenant-role arn:aws:iam::123456789012:role/tenant --function report",
            "--for scheduler-role --queue dead --function report",
            "--for scheduler-role-both --queue dead",
            "--for scheduler-role-trust --account 123456789012",
        ] {
            assert_eq!(refused(flags), None, "{flags}");
        }
        for (flag, purpose) in [
            ("--with definitions", "run"),
            ("--bucket photos", "run"),
            ("--bucket-owner 123456789012", "run"),
            ("--function-role x", "run"),
            ("--code-bucket y", "run"),
            ("--tenant-role arn:aws:iam::123456789012:role/tenant", "run"),
            ("--queue dead", "scheduler-role"),
        ] {
            let expected = flag.split(' ').next().map(|flag| (flag, purpose));
            assert_eq!(refused(&format!("--for scheduler-role-trust {flag}")), expected);
        }
        assert_eq!(refused("--queue dead"), Some(("--queue", "scheduler-role")));
        assert_eq!(refused("--for scheduler-role --with kms"), Some(("--with", "run")));
        assert_eq!(refused("--for plan --with kms"), Some(("--with", "run")));
    }

    #[test]
    fn the_former_flags_of_doctor_still_work() {
        let translated = |words: &str| {
            let arguments = words.split_whitespace().map(Into::into).collect();
            let arguments: Vec<String> = translate_former_flags(arguments)
                .into_iter()
                .map(|word| word.into_string().unwrap())
                .collect();
            arguments.join(" ")
        };
        for (former, now) in [
            ("lt doctor --print-iam-policy --with kms", "lt iam-policy --for=run --with kms"),
            (
                "lt doctor --account 1 --print-scheduler-role",
                "lt iam-policy --account 1 --for=scheduler-role-both",
            ),
            ("lt doctor --print-scheduler-role=both", "lt iam-policy --for=scheduler-role-both"),
            ("lt doctor --print-scheduler-role=permissions", "lt iam-policy --for=scheduler-role"),
            ("lt doctor --print-scheduler-role=trust", "lt iam-policy --for=scheduler-role-trust"),
        ] {
            assert_eq!(translated(former), now);
        }
        for other in ["lt", "lt doctor", "lt run --print-iam-policy", "lt doctor --print-scheduler-role=all"]
        {
            assert_eq!(translated(other), other);
        }
    }
}
