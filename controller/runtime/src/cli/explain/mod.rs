//! `lambda-triggers explain`: one file for each question.

mod bucket;
mod cluster;
mod key;
mod name;
mod notification;
mod resource;
mod schedule;
mod table;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::operator::StartError;

/// The questions of `explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand, Debug)]
enum Question {
    /// Show the service, the expression in AWS and the next runs of a schedule.
    ///
    /// The exit code is 1 if the schedule is invalid or has no run left. The command needs neither AWS nor a cluster.
    Schedule(schedule::ScheduleArgs),
    /// Show which entries of a bucket run for the key of an object, and which entries nearly run.
    ///
    /// The exit code is 1 if the key meets no entry. The command reads the bucket's notification configuration from AWS.
    Key(key::KeyArgs),
    /// List all entries of a bucket's notification configuration, with the resource or the tool that made each entry.
    ///
    /// The exit code is 1 for a bucket without entries. The command reads the configuration, and the functions of the
    /// entries, from AWS.
    Bucket(bucket::BucketArgs),
    /// Show what a resource has in AWS: its function, its permission, its trigger and its next runs.
    ///
    /// The command reads the resource from the cluster, and compares AWS with its spec. RBAC must allow get on the
    /// resource.
    Resource(Box<resource::ResourceArgs>),
    /// Find the resource behind a name in AWS.
    ///
    /// The name is of a rule, a schedule or a function, the Id of an entry, or the Sid of a statement. The exit code is 1
    /// if no resource fits. The command needs neither AWS nor a cluster.
    Name(name::NameArgs),
}

/// Answers the question. The exit code is 1 if nothing was found.
pub fn run(args: ExplainArgs) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let is_found = match args.question {
        Question::Schedule(args) => schedule::run(&args),
        Question::Key(args) => runtime.block_on(key::run(args)),
        Question::Bucket(args) => runtime.block_on(bucket::run(args)),
        Question::Resource(args) => runtime.block_on(resource::run(*args)),
        Question::Name(args) => name::run(args),
    }?;
    Ok(if is_found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
