//! The flags of all imports.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lambda_triggers_core::api::DeletionPolicy;
use lambda_triggers_core::import::{ManifestFormat, NameTemplate};
use lambda_triggers_core::ownership::OwnerId;

use crate::cli::connection::CallArgs;
use crate::cli::values;

/// The flags of all imports.
#[derive(Args, Debug)]
pub struct CommonArgs {
    /// The namespace of the manifests.
    #[arg(short, long, value_name = "NAME", value_parser = values::namespace)]
    pub namespace: String,
    /// Import only this part; repeatable. An ID is the Id of an entry, the name of a rule, or NAME or GROUP/NAME of a
    /// schedule (default: import all).
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,
    /// The names of the manifests. {name} is the name of the function, the rule or the schedule.
    #[arg(long, value_name = "TEMPLATE", default_value = "{name}")]
    pub name: NameTemplate,
    /// The format of the manifests. With json, the report is JSON, too.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
    /// Write each manifest to a file in this folder (default: write all manifests to standard output).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the report to this file (default: to standard error).
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Replace files that exist in the folder of --out.
    #[arg(long, requires = "out")]
    pub force: bool,
    /// The deletion policy of the manifests.
    #[arg(long, value_enum, default_value_t = DeletionPolicyArg::Retain)]
    pub deletion_policy: DeletionPolicyArg,
    /// The operator's owner id. With the owner id, the command plans its manifests, and fails if anything but the hand-over
    /// is left.
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    pub owner_id: Option<OwnerId>,
    /// The operator's role for EventBridge Scheduler, for the plan.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = values::role_arn)]
    pub scheduler_role_arn: Option<String>,
    /// AWS Region to read, unless a file names another Region (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    pub region: Option<String>,
    /// The operator's Region. A manifest of this Region has no spec.region (default: the Region to read).
    #[arg(long, value_name = "REGION")]
    pub operator_region: Option<String>,
    #[command(flatten)]
    pub calls: CallArgs,
}

/// The values of `--output`.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// YAML, with the origin of each manifest as a comment. The report is text.
    #[default]
    Yaml,
    /// JSON: a List on standard output, or a file each. The report is one JSON document.
    Json,
}

impl From<OutputFormat> for ManifestFormat {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Yaml => Self::Yaml,
            OutputFormat::Json => Self::Json,
        }
    }
}

/// The values of `--deletion-policy`.
#[derive(ValueEnum, Clone, Copy, Debug)]
#[value(rename_all = "PascalCase")]
pub enum DeletionPolicyArg {
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
