//! `lambda-triggers import`: flags, and the order of reading and writing.

mod closing;
mod files;
mod flags;
mod output;
mod reader;
mod rules;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use lambda_triggers_core::import::{ImportSettings, Names, Report, Section, Selection};

use super::read_failure::account;
use super::values;
use crate::aws::AwsReads;
use crate::network::Network;
use crate::operator::StartError;
use flags::CommonArgs;
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
        /// Import only the rules with this tag; repeatable, and a rule needs all of the tags.
        #[arg(long, value_name = "KEY=VALUE", value_parser = values::tag)]
        tag: Vec<(String, String)>,
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
    /// terraform show -json, pulumi stack export or aws cloudformation describe-stack-resources --output json.
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

  # Import two entries by their Ids
  lambda-triggers import bucket photos -n media --only tf-s3-lambda-1 --only tf-s3-lambda-2

  # Import from a bucket of another account
  lambda-triggers import bucket photos -n media --bucket-owner 210987654321";

const RULES_EXAMPLES: &str = "\
Examples:
  # Import all rules with a schedule, suspended
  lambda-triggers import rules -n media --owner-id 1a2b3c4d --out triggers/

  # Import the rules whose names begin with nightly-
  lambda-triggers import rules --prefix nightly- -n media

  # Import the rules that invoke report
  lambda-triggers import rules --function report -n media

  # Import the rules with two tags, each under its own name with a prefix
  lambda-triggers import rules --tag team=media --tag stage=prod --name media-{name} -n media

  # Import one rule, with the manifests and the report as JSON
  lambda-triggers import rules --only nightly-report -n media -o json --report report.json";

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

  # Import what Pulumi made, from the output of `pulumi stack export`
  lambda-triggers import from pulumi.json -n media --out triggers/

  # Import a stack, from the output of `aws cloudformation describe-stack-resources --output json`
  lambda-triggers import from stack.json -n media --out triggers/";

/// Imports, and writes the manifests and the report. The exit code is 1 if something could not be read.
pub fn run(args: ImportArgs) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let calls = args.command.common().calls.clone();
    runtime.block_on(calls.within(import(args.command)))?
}

impl ImportCommand {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::Bucket { common, .. }
            | Self::Rules { common, .. }
            | Self::Schedules { common, .. }
            | Self::From { common, .. } => common,
        }
    }
}

async fn import(command: ImportCommand) -> Result<ExitCode, StartError> {
    match command {
        ImportCommand::Bucket { names, bucket_owner, common } => {
            let aws = load(&common).await?;
            let mut reader = reader(&aws, &common, Selection::default()).await?;
            let mut sections = vec![];
            for name in &values::distinct(names) {
                let bucket = BucketToRead { owner: bucket_owner.as_deref(), ..BucketToRead::named(name) };
                sections.push(reader.bucket(bucket).await);
            }
            finish(common, &aws, &reader, sections).await
        }
        ImportCommand::Rules { prefix, function, tag, common } => {
            let aws = load(&common).await?;
            let selection = Selection {
                functions: function.into_iter().collect(),
                tags: tag.into_iter().collect(),
                ..Selection::default()
            };
            let mut reader = reader(&aws, &common, selection).await?;
            let section = reader.rules(&prefix.unwrap_or_default()).await;
            finish(common, &aws, &reader, vec![section]).await
        }
        ImportCommand::Schedules { group, common } => {
            let aws = load(&common).await?;
            let mut reader = reader(&aws, &common, Selection::default()).await?;
            let section = reader.schedules(&group).await;
            finish(common, &aws, &reader, vec![section]).await
        }
        ImportCommand::From { files, common } => {
            let files = files::read(&files)?;
            let aws = load(&common).await?;
            let mut reader = reader(&aws, &common, Selection::default()).await?;
            let sections = files::import(&mut reader, files).await;
            finish(common, &aws, &reader, sections).await
        }
    }
}

async fn load(common: &CommonArgs) -> Result<AwsReads, StartError> {
    Ok(AwsReads::load(Network::from_env()?, common.region.clone()).await?)
}

/// A reader with the settings of the flags.
async fn reader<'a>(
    aws: &'a AwsReads,
    common: &CommonArgs,
    selection: Selection,
) -> Result<Reader<'a>, StartError> {
    let settings = ImportSettings {
        namespace: common.namespace.clone(),
        account: account(aws).await?,
        region: common.operator_region.clone().unwrap_or_else(|| aws.default_region().to_owned()),
        deletion_policy: common.deletion_policy.into(),
        selection: Selection { only: common.only.iter().cloned().collect(), ..selection },
    };
    Ok(Reader::new(aws, settings, Names::new(common.name.clone()), Timestamp::now()))
}

/// Writes the manifests and the report, and plans the manifests. The exit code is 1 if something could not be read, or
/// if the plan has more than the hand-over.
async fn finish(
    common: CommonArgs,
    aws: &AwsReads,
    reader: &Reader<'_>,
    sections: Vec<Section>,
) -> Result<ExitCode, StartError> {
    let CommonArgs { namespace, output, out, report: report_file, force, owner_id, operator_region, .. } =
        common;
    let report = Report {
        namespace,
        owner_id: owner_id.as_ref().map(ToString::to_string),
        folder: out.as_ref().map(|folder| folder.display().to_string()),
        format: output.into(),
        sections,
    };
    if let Some(id) = reader.unmatched().first().filter(|_| report.is_complete()) {
        return Err(format!("--only {id}: nothing has this Id or name").into());
    }
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
