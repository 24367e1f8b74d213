//! `lambda-triggers import`: flags, and the order of reading and writing.

mod closing;
mod files;
mod message;
mod output;
mod reader;
mod rules;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use lambda_triggers_core::api::DeletionPolicy;
use lambda_triggers_core::import::{ImportSettings, Report, Section};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::status::Component;

use super::values;
use crate::aws::AwsReads;
use crate::network::Network;
use crate::operator::StartError;
use output::{Output, warn};
use reader::{BucketToRead, Reader};

/// The flags of `import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Subcommand, Debug)]
enum ImportCommand {
    /// Import the entries of functions from the notification configurations of buckets.
    #[command(after_help = BUCKET_EXAMPLES)]
    Bucket {
        /// The buckets.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// The account that owns the buckets (default: the account of the credentials).
        #[arg(long, value_name = "ACCOUNT")]
        bucket_owner: Option<String>,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Import the rules with a schedule from the default event bus.
    #[command(after_help = RULES_EXAMPLES)]
    Rules {
        /// Read only the rules whose names begin with this text (default: all rules).
        #[arg(long)]
        prefix: Option<String>,
        /// Import only the rules for this function, by name; repeatable (default: the rules for all functions).
        #[arg(long, value_name = "NAME")]
        function: Vec<String>,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Import the schedules of EventBridge Scheduler.
    #[command(after_help = SCHEDULES_EXAMPLES)]
    Schedules {
        /// The schedule group.
        #[arg(long, default_value = "default")]
        group: String,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Import what another tool made, from the tool's own file: .chalice/deployed/<stage>.json, or the output of
    /// terraform show -json or aws cloudformation describe-stack-resources --output json.
    #[command(after_help = FROM_EXAMPLES)]
    From {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        common: CommonArgs,
    },
}

const BUCKET_EXAMPLES: &str = "\
Examples:
  # Print the manifests of a bucket's entries, and report the steps of the hand-over
  lambda-triggers import bucket photos -n media --owner-id 1a2b3c4d

  # Write a file for each manifest, and the report to a file
  lambda-triggers import bucket photos uploads -n media --out triggers/ --report hand-over.txt

  # Import from a bucket of another account
  lambda-triggers import bucket photos -n media --bucket-owner 210987654321";

const RULES_EXAMPLES: &str = "\
Examples:
  # Import all rules with a schedule, suspended
  lambda-triggers import rules -n media --owner-id 1a2b3c4d --out triggers/

  # Import the rules whose names begin with nightly-
  lambda-triggers import rules --prefix nightly- -n media

  # Import the rules that invoke report
  lambda-triggers import rules --function report -n media";

const SCHEDULES_EXAMPLES: &str = "\
Examples:
  # Import the schedules of the default group, suspended
  lambda-triggers import schedules -n media --owner-id 1a2b3c4d --out triggers/

  # Import the schedules of another group
  lambda-triggers import schedules --group reports -n media

  # Import for an operator in another Region
  lambda-triggers import schedules -n media --region us-east-1 --operator-region eu-west-1";

const FROM_EXAMPLES: &str = "\
Examples:
  # Import what Chalice deployed
  lambda-triggers import from .chalice/deployed/dev.json -n media --owner-id 1a2b3c4d --out triggers/

  # Import what Terraform made, from the output of `terraform show -json`
  lambda-triggers import from state.json -n media --out triggers/

  # Import a stack, from the output of `aws cloudformation describe-stack-resources --output json`
  lambda-triggers import from stack.json -n media --out triggers/";

/// The flags of all imports.
#[derive(Args, Debug)]
struct CommonArgs {
    /// The namespace of the manifests.
    #[arg(short, long, value_name = "NAME", value_parser = values::namespace)]
    namespace: String,
    /// Write each manifest to a file in this folder (default: write all manifests to standard output).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the report to this file (default: to standard error).
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Replace files that exist in the folder of --out.
    #[arg(long, requires = "out")]
    force: bool,
    /// The deletion policy of the manifests.
    #[arg(long, value_enum, default_value_t = DeletionPolicyArg::Retain)]
    deletion_policy: DeletionPolicyArg,
    /// The operator's owner id. With the owner id, the command plans its manifests, and fails if anything but the hand-over
    /// is left.
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    owner_id: Option<OwnerId>,
    /// The operator's role for EventBridge Scheduler, for the plan.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = values::role_arn)]
    scheduler_role_arn: Option<String>,
    /// AWS Region to read, unless a file names another Region (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
    /// The operator's Region. A manifest of this Region has no spec.region (default: the Region to read).
    #[arg(long, value_name = "REGION")]
    operator_region: Option<String>,
}

/// The values of `--deletion-policy`.
#[derive(ValueEnum, Clone, Copy, Debug)]
#[value(rename_all = "PascalCase")]
enum DeletionPolicyArg {
    /// A deleted object leaves its AWS resources in place.
    Retain,
    /// A deleted object removes its AWS resources.
    Delete,
}

impl From<DeletionPolicyArg> for DeletionPolicy {
    fn from(policy: DeletionPolicyArg) -> Self {
        match policy {
            DeletionPolicyArg::Retain => Self::Retain,
            DeletionPolicyArg::Delete => Self::Delete,
        }
    }
}

/// Imports, and writes the manifests and the report. The exit code is 1 if something could not be read.
pub fn run(args: ImportArgs) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(import(args.command))
}

async fn import(command: ImportCommand) -> Result<ExitCode, StartError> {
    match command {
        ImportCommand::Bucket { names, bucket_owner, common } => {
            let (aws, settings) = load(&common).await?;
            let mut reader = Reader::new(&aws, settings, Timestamp::now());
            let mut sections = vec![];
            for name in &values::distinct(names) {
                let bucket = BucketToRead { owner: bucket_owner.as_deref(), ..BucketToRead::named(name) };
                sections.push(reader.bucket(bucket).await);
            }
            finish(common, &aws, sections).await
        }
        ImportCommand::Rules { prefix, function, common } => {
            let (aws, settings) = load(&common).await?;
            let mut reader = Reader::new(&aws, settings, Timestamp::now());
            let section = reader.rules(&prefix.unwrap_or_default(), &function).await;
            finish(common, &aws, vec![section]).await
        }
        ImportCommand::Schedules { group, common } => {
            let (aws, settings) = load(&common).await?;
            let mut reader = Reader::new(&aws, settings, Timestamp::now());
            let section = reader.schedules(&group).await;
            finish(common, &aws, vec![section]).await
        }
        ImportCommand::From { files, common } => {
            let files = files::read(&files)?;
            let (aws, settings) = load(&common).await?;
            let mut reader = Reader::new(&aws, settings, Timestamp::now());
            let sections = files::import(&mut reader, files).await;
            finish(common, &aws, sections).await
        }
    }
}

/// AWS, and the settings of the import.
async fn load(common: &CommonArgs) -> Result<(AwsReads, ImportSettings), StartError> {
    let aws = AwsReads::load(Network::from_env()?, common.region.clone()).await?;
    let account = aws.account().await.map_err(|error| error.failure(Component::Permission).message)?;
    let settings = ImportSettings {
        namespace: common.namespace.clone(),
        account: account.id,
        region: common.operator_region.clone().unwrap_or_else(|| aws.default_region().to_owned()),
        deletion_policy: common.deletion_policy.into(),
    };
    Ok((aws, settings))
}

/// Writes the manifests and the report, and plans the manifests. The exit code is 1 if something could not be read, or
/// if the plan has more than the hand-over.
async fn finish(common: CommonArgs, aws: &AwsReads, sections: Vec<Section>) -> Result<ExitCode, StartError> {
    let CommonArgs { namespace, out, report: report_file, force, owner_id, operator_region, .. } = common;
    let report = Report {
        namespace,
        owner_id: owner_id.as_ref().map(ToString::to_string),
        folder: out.as_ref().map(|folder| folder.display().to_string()),
        sections,
    };
    let output = Output { folder: out, force, report: report_file };
    output.write(&report)?;
    let mut is_complete = report.is_complete();
    if let Some(owner) = owner_id {
        let region = operator_region.unwrap_or_else(|| aws.default_region().to_owned());
        let left = closing::plan(&report, owner, region, common.scheduler_role_arn, aws).await?;
        if !left.is_empty() {
            warn(&format!("\nThe plan has more than the hand-over:\n{left}"));
            is_complete = false;
        }
    }
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
