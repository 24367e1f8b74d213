//! The flags of `plan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lambda_triggers_core::api::{Tags, parse_default_tags};
use lambda_triggers_core::ownership::OwnerId;

use super::destination::Output;
use crate::cli::connection::ConnectionArgs;
use crate::cli::run::BackendArg;
use crate::cli::values;

const EXAMPLES: &str = "\
Examples:
  # Check manifests without AWS and without credentials
  lambda-triggers plan -f triggers/ --owner-id 1a2b3c4d --offline

  # Compare the output of `kustomize build` with AWS
  lambda-triggers plan -f overlay.yaml --owner-id 1a2b3c4d

  # Compare with AWS and the cluster, also what the files no longer have
  lambda-triggers plan -f overlay.yaml --cluster --prune -l app.kubernetes.io/part-of=media

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
    pub filename: Vec<PathBuf>,
    /// Read folders with all that is in them.
    #[arg(long, short = 'R')]
    pub recursive: bool,
    /// Namespace of manifests that have none (default with --cluster: from the kubeconfig). Names in AWS are made from the
    /// namespace.
    #[arg(long, short, value_name = "NAME", value_parser = values::namespace)]
    pub namespace: Option<String>,
    /// The same files as they were before, as on the branch to merge into; repeatable. What only they have is deleted,
    /// and what AWS has otherwise than they say is drift.
    #[arg(long, value_name = "PATH")]
    pub base: Vec<PathBuf>,
    /// Look at each resource, also with --base at those that are as before.
    #[arg(long)]
    pub all: bool,
    /// Check the manifests alone, without AWS and without credentials.
    #[arg(long)]
    pub offline: bool,
    /// Compare with the objects of the cluster, too. The command only reads the cluster.
    #[arg(long, conflicts_with = "offline")]
    pub cluster: bool,
    /// Namespace of an operator that watches only some namespaces (default: the operator watches all namespaces).
    #[arg(long, value_name = "NAME", requires = "cluster", value_parser = values::namespace)]
    pub operator_namespace: Option<String>,
    /// Plan the deletion of the objects in the cluster that match --selector and are not in the files.
    #[arg(long, requires_all = ["cluster", "selector"])]
    pub prune: bool,
    /// Label selector of the objects to prune, as for kubectl.
    #[arg(long, short = 'l', value_name = "SELECTOR", requires = "prune")]
    pub selector: Option<String>,
    /// The operator's owner id: eight hex digits at the start of every name in AWS (default with --cluster: from the
    /// cluster).
    #[arg(
        long,
        env = "LAMBDA_TRIGGERS_OWNER_ID",
        value_parser = OwnerId::parse,
        required_unless_present = "cluster"
    )]
    pub owner_id: Option<OwnerId>,
    /// AWS Region for resources that specify no Region (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    pub region: Option<String>,
    /// The operator's tenancy file.
    #[arg(long, env = "LAMBDA_TRIGGERS_TENANCY_FILE", value_name = "PATH")]
    pub tenancy_file: Option<PathBuf>,
    /// Read with the roles of the tenancy file, as the operator does. The caller needs sts:AssumeRole on the roles.
    #[arg(long, requires = "tenancy_file", conflicts_with = "offline")]
    pub assume_roles: bool,
    /// The account of the operator, for --offline with a tenancy file.
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The operator's role for EventBridge Scheduler.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = values::role_arn)]
    pub scheduler_role_arn: Option<String>,
    /// The operator's default backend.
    #[arg(long, env = "LAMBDA_TRIGGERS_DEFAULT_BACKEND", value_enum, default_value_t = BackendArg::Rule)]
    pub default_backend: BackendArg,
    /// The operator's default tags.
    #[arg(long, env = "LAMBDA_TRIGGERS_DEFAULT_TAGS", value_name = "KEY=VALUE,...", value_parser = parse_default_tags)]
    pub default_tags: Option<Tags>,
    /// Format, and the file to write; repeatable. Without a file, the plan goes to standard output.
    #[arg(long, short, value_name = "FORMAT[=FILE]", default_value = "text", value_parser = Output::parse)]
    pub output: Vec<Output>,
    /// Title of the Markdown, and the marker that tells two comments apart.
    #[arg(long, default_value = "lambda-triggers plan")]
    pub title: String,
    /// Maximum size of the Markdown in bytes. GitHub refuses comments of more than 65,536 characters.
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    pub max_bytes: usize,
    /// Show the values of input, environment and code.
    #[arg(long)]
    pub show_values: bool,
    /// Show the resources without a change, too.
    #[arg(long)]
    pub show_unchanged: bool,
    /// Print nothing in the format text if nothing changes.
    #[arg(long, short)]
    pub quiet: bool,
    /// The exit code if there are changes.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub changes_exit_code: u8,
    /// Reasons of problems that are only warnings, such as FunctionNotFound, separated by commas.
    #[arg(long, value_name = "REASON,...", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Exit with 0 or 2 although something could not be read.
    #[arg(long)]
    pub allow_unknown: bool,
    /// Exit with 1 if the plan has one of these, separated by commas.
    #[arg(long, value_name = "WHAT,...", value_delimiter = ',', value_enum)]
    pub fail_on: Vec<FailOn>,
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// The values of `--fail-on`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
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
