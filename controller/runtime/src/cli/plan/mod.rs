//! `lambda-triggers plan`: what the operator would change in AWS for the manifests in files.

mod destination;
mod format;
mod github;
mod markdown;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use lambda_triggers_core::api::{Tags, parse_default_tags};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::preview::{ChangeAction, EntryAction, EntryOwner, PlanResult, Preview, Secrets};

use super::run::BackendArg;
use super::{output, values};
use crate::aws::AwsReads;
use crate::manifests;
use crate::network::Network;
use crate::operator::{StartError, read_tenancy};
use crate::preview::{Input, Options, preview};
use destination::{Format, Output};

const EXAMPLES: &str = "\
Examples:
  # Check manifests without AWS and without credentials
  lambda-triggers plan -f triggers/ --owner-id 1a2b3c4d --offline

  # Compare the output of `kustomize build` with AWS
  lambda-triggers plan -f overlay.yaml --owner-id 1a2b3c4d

  # Comment on a pull request: changes against the target branch, as Markdown and as annotations
  lambda-triggers plan -f head.yaml --base base.yaml --owner-id 1a2b3c4d -o github -o markdown=plan.md

  # Fail if anything in AWS would be deleted
  lambda-triggers plan -f triggers/ --base main/triggers/ --owner-id 1a2b3c4d --fail-on deletions";

/// The flags of `plan`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// File, folder, or - for standard input; repeatable.
    #[arg(long, short, value_name = "PATH", required = true)]
    filename: Vec<PathBuf>,
    /// Read folders with all that is in them.
    #[arg(long, short = 'R')]
    recursive: bool,
    /// Namespace of manifests that have none. Names in AWS are made from the namespace.
    #[arg(long, short, value_name = "NAME", value_parser = values::namespace)]
    namespace: Option<String>,
    /// The same files as they were before, as on the branch to merge into; repeatable. What only they have is deleted,
    /// and what AWS has otherwise than they say is drift.
    #[arg(long, value_name = "PATH")]
    base: Vec<PathBuf>,
    /// Look at each resource, also with --base at those that are as before.
    #[arg(long)]
    all: bool,
    /// Check the manifests alone, without AWS and without credentials.
    #[arg(long)]
    offline: bool,
    /// The operator's owner id: eight hex digits at the start of every name in AWS.
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    owner_id: OwnerId,
    /// AWS Region for resources that specify no Region (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
    /// The operator's tenancy file.
    #[arg(long, env = "LAMBDA_TRIGGERS_TENANCY_FILE", value_name = "PATH")]
    tenancy_file: Option<PathBuf>,
    /// The account of the operator, for --offline with a tenancy file.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The operator's role for EventBridge Scheduler.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = values::role_arn)]
    scheduler_role_arn: Option<String>,
    /// The operator's default backend.
    #[arg(long, env = "LAMBDA_TRIGGERS_DEFAULT_BACKEND", value_enum, default_value_t = BackendArg::Rule)]
    default_backend: BackendArg,
    /// The operator's default tags.
    #[arg(long, env = "LAMBDA_TRIGGERS_DEFAULT_TAGS", value_name = "KEY=VALUE,...", value_parser = parse_default_tags)]
    default_tags: Option<Tags>,
    /// Format, and the file to write; repeatable. Without a file, the plan goes to standard output.
    #[arg(long, short, value_name = "FORMAT[=FILE]", default_value = "text", value_parser = Output::parse)]
    output: Vec<Output>,
    /// Title of the Markdown, and the marker that tells two comments apart.
    #[arg(long, default_value = "lambda-triggers plan")]
    title: String,
    /// Maximum size of the Markdown in bytes. GitHub refuses comments of more than 65,536 characters.
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    max_bytes: usize,
    /// Show the values of input, environment and code.
    #[arg(long)]
    show_values: bool,
    /// Show the resources without a change, too.
    #[arg(long)]
    show_unchanged: bool,
    /// Print nothing in the format text if nothing changes.
    #[arg(long, short)]
    quiet: bool,
    /// The exit code if there are changes.
    #[arg(long, value_name = "N", default_value_t = 2)]
    changes_exit_code: u8,
    /// Reasons of problems that are only warnings, such as FunctionNotFound, separated by commas.
    #[arg(long, value_name = "REASON,...", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Exit with 0 or 2 although something could not be read.
    #[arg(long)]
    allow_unknown: bool,
    /// Exit with 1 if the plan has one of these, separated by commas.
    #[arg(long, value_name = "WHAT,...", value_delimiter = ',', value_enum)]
    fail_on: Vec<FailOn>,
}

/// The values of `--fail-on`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FailOn {
    /// Something in AWS is deleted.
    Deletions,
    /// A foreign entry is taken over.
    Takeovers,
    /// AWS differs from a manifest that is as in the base.
    Drift,
    /// A bucket with entries of others is written.
    Others,
    /// The files have no resource.
    Empty,
}

/// Plans, and prints the plan.
pub fn run(args: PlanArgs) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outputs = args.output.clone();
    let shown = Shown {
        title: args.title.clone(),
        max_bytes: args.max_bytes,
        unchanged: args.show_unchanged,
        quiet: args.quiet,
    };
    let (codes, fail_on) = ((args.changes_exit_code, args.allow_unknown), args.fail_on.clone());
    let preview = runtime.block_on(plan(args))?;
    for to in &outputs {
        let text = match to.format {
            Format::Text => text::render(&preview, &shown),
            Format::Markdown => markdown::render(&preview, &shown),
            Format::Json => output::json("Plan", &preview)?,
            Format::Github => github::render(&preview),
        };
        to.write(&text)?;
    }
    Ok(exit_code(&preview, codes, &fail_on))
}

/// What the renderers show.
#[derive(Clone, Debug)]
struct Shown {
    title: String,
    max_bytes: usize,
    unchanged: bool,
    quiet: bool,
}

async fn plan(args: PlanArgs) -> Result<Preview, StartError> {
    let head = manifests::read(&args.filename, args.recursive)?;
    let base = match args.base.as_slice() {
        [] => None,
        base => Some(manifests::read(base, args.recursive)?),
    };
    let tenancy = match &args.tenancy_file {
        Some(path) => {
            Some(read_tenancy(path).map_err(|why| format!("the tenancy file {}: {why}", path.display()))?)
        }
        None => None,
    };
    if tenancy.is_some() && args.offline && args.account.is_none() {
        return Err("--offline with a tenancy file needs --account, the account of the operator".into());
    }
    let aws = match args.offline {
        true => None,
        false => Some(AwsReads::load(Network::from_env()?, args.region.clone()).await?),
    };
    let region = aws.as_ref().map(|aws| aws.default_region().to_owned()).or(args.region);
    let secrets = if args.show_values { Secrets::Show } else { Secrets::Hide };
    let options = Options {
        owner: args.owner_id,
        namespace: args.namespace,
        region: region.unwrap_or_default(),
        account: args.account,
        default_backend: args.default_backend.into(),
        default_tags: args.default_tags.unwrap_or_default(),
        scheduler_role: args.scheduler_role_arn,
        tenancy,
        ignored: args.ignore.into_iter().collect::<BTreeSet<_>>(),
        all: args.all || base.is_none(),
        secrets,
    };
    let planned = preview(Input { head, base }, &options, aws.as_ref(), Timestamp::now()).await;
    Ok(planned.map_err(|error| error.failure(lambda_triggers_core::status::Component::Function).message)?)
}

/// The exit code: 0 without changes, the code for changes, and 1 for everything that needs a person.
fn exit_code(preview: &Preview, (changes, allow_unknown): (u8, bool), fail_on: &[FailOn]) -> ExitCode {
    let is_met = |what: &FailOn| match what {
        FailOn::Deletions => has(preview, ChangeAction::Delete) || preview.summary.delete > 0,
        FailOn::Takeovers => has(preview, ChangeAction::TakeOver),
        FailOn::Drift => preview.summary.drift > 0,
        FailOn::Others => preview.buckets.iter().any(|bucket| {
            let is_foreign = |owner| owner != EntryOwner::Operator;
            bucket.write
                && bucket
                    .entries
                    .iter()
                    .any(|entry| is_foreign(entry.owner) && entry.action == EntryAction::None)
        }),
        FailOn::Empty => preview.resources.is_empty(),
    };
    let has_changes = preview.summary.create + preview.summary.update + preview.summary.delete > 0;
    match preview.result {
        PlanResult::Problems => ExitCode::FAILURE,
        PlanResult::Incomplete if !allow_unknown => ExitCode::FAILURE,
        _ if fail_on.iter().any(is_met) => ExitCode::FAILURE,
        _ if has_changes => ExitCode::from(changes),
        _ => ExitCode::SUCCESS,
    }
}

fn has(preview: &Preview, action: ChangeAction) -> bool {
    preview.resources.iter().flat_map(|resource| &resource.changes).any(|change| change.action == action)
}
