//! The command line. The doc comments of flags and commands are the text of `--help`.

mod color;
mod completion;
mod connection;
mod crds;
mod doctor;
mod entries;
mod explain;
mod function_state;
mod iam_policy;
mod import;
mod man;
mod output;
mod plan;
mod read_failure;
mod run;
mod values;
mod version;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::error_chain;

const EXIT_CODES: &str = "\
Exit codes:
  0    Success
  1    Failure: a failed check, a problem in a plan, an invalid value, or a wrong command line
  2    Changes, of the command plan alone
  130  Ended by Ctrl-C. The command run stops in order instead, and exits with 0";

/// Runs AWS Lambda functions on schedules and S3 events, declared as Kubernetes resources.
#[derive(Parser, Debug)]
#[command(name = "lambda-triggers", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    color: color::ColorArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the operator against the cluster of the current kubeconfig or service account.
    Run(Box<run::RunArgs>),
    /// Check everything that the operator needs, and change nothing. Each line is a check: ok, failed or skipped, the
    /// subject, and the finding or the fix. The last line counts the results.
    Doctor(Box<doctor::DoctorArgs>),
    /// Show what the operator would change in AWS for the manifests in files, and change nothing.
    Plan(Box<plan::PlanArgs>),
    /// Write manifests for the triggers that other tools made in AWS, and report the steps of the hand-over. Nothing in
    /// AWS changes.
    Import(Box<import::ImportArgs>),
    /// Print the least-privilege IAM policy, as JSON.
    IamPolicy(Box<iam_policy::IamPolicyArgs>),
    /// Explain a schedule, a resource, a bucket, the key of an object, or a name in AWS.
    Explain(explain::ExplainArgs),
    /// Print the CustomResourceDefinitions (CRDs).
    Crds(crds::CrdsArgs),
    /// Print a completion script for a shell or for kubectl.
    Completion(completion::CompletionArgs),
    /// Write the manual pages.
    Man(man::ManArgs),
    /// Print the version, the CRDs of the version, and the supported versions of Kubernetes.
    Version(version::VersionArgs),
    /// Print completions for kubectl.
    #[command(name = "__complete", hide = true)]
    Candidates(completion::CandidatesArgs),
}

/// The parser of the command line, for the documentation of the flags.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses and runs the command line, and prints an error to standard error. Every failure has the exit code 1, also a
/// wrong command line, so that other codes keep their meaning.
pub fn main() -> ExitCode {
    let cli = match parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(error) => {
            // The reader of a closed pipe misses nothing.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    cli.color.apply();
    let result = match cli.command {
        Command::Run(args) => run::run(*args).map(|()| ExitCode::SUCCESS),
        Command::Doctor(args) => doctor::run(*args),
        Command::Plan(args) => plan::run(*args),
        Command::Import(args) => import::run(*args),
        Command::IamPolicy(args) => iam_policy::run(*args).map(|()| ExitCode::SUCCESS),
        Command::Explain(args) => explain::run(args),
        Command::Crds(args) => crds::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Completion(args) => completion::run(&args, command()).map(|()| ExitCode::SUCCESS),
        Command::Man(args) => man::run(&args, command()).map(|()| ExitCode::SUCCESS),
        Command::Candidates(args) => completion::run_candidates(args, command()).map(|()| ExitCode::SUCCESS),
        Command::Version(args) => version::run(&args).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "lambda-triggers: {}", error_chain(&*error));
        ExitCode::FAILURE
    })
}

fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = Cli::command().bin_name(bin_name(arguments.first()));
    let matches = command.try_get_matches_from_mut(iam_policy::translate_former_flags(arguments))?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The name of the program in usage lines. kubectl runs a plugin by the name `kubectl-lambda_triggers`
/// (<https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/#naming-a-plugin>).
fn bin_name(program: Option<&OsString>) -> &'static str {
    let name = program.and_then(|path| Path::new(path).file_stem()?.to_str());
    if name == Some("kubectl-lambda_triggers") { "kubectl lambda-triggers" } else { "lambda-triggers" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that do something, each with its path in words.
    fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
        let nested = visible.flat_map(|command| leaves(command, &format!("{path} {}", command.get_name())));
        let nested: Vec<_> = nested.collect();
        if nested.is_empty() { vec![(path.to_owned(), command.clone())] } else { nested }
    }

    /// The words of a command before a pipe or a redirection. Quotes are single quotes.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate().flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        parts.take_while(|word| !["|", ">"].contains(&word.as_str())).collect()
    }

    #[test]
    fn each_command_has_examples_that_parse() {
        for (path, command) in leaves(&command(), "lambda-triggers") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> =
                help.lines().filter_map(|line| line.strip_prefix("  lambda-")).collect();
            assert!(help.starts_with("Examples:\n") && (3..=5).contains(&examples.len()), "{path}: {help}");
            for example in examples.iter().map(|example| format!("lambda-{example}")) {
                assert!(example.starts_with(&path), "{path}: {example}");
                if let Err(error) = super::command().try_get_matches_from(words(&example)) {
                    panic!("{example}: {error}");
                }
            }
        }
    }

    #[test]
    fn the_parser_has_no_contradictions() {
        command().debug_assert();
    }

    #[test]
    fn a_plugin_of_kubectl_has_its_name_in_usage_lines() {
        for (program, name) in [
            ("lambda-triggers", "lambda-triggers"),
            ("/usr/local/bin/lambda-triggers", "lambda-triggers"),
            ("/home/me/.krew/bin/kubectl-lambda_triggers", "kubectl lambda-triggers"),
            ("kubectl-lambda_triggers.exe", "kubectl lambda-triggers"),
        ] {
            let error = parse(vec![program.into(), "version".into(), "--tpyo".into()]).unwrap_err();
            let usage =
                error.to_string().lines().find_map(|line| line.strip_prefix("Usage: ").map(str::to_owned));
            assert_eq!(usage, Some(format!("{name} version [OPTIONS]")), "{program}");
        }
        assert_eq!(bin_name(None), "lambda-triggers");
    }
}
