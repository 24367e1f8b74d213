//! `lambda-triggers completion`: completion scripts for shells and for kubectl.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use clap_complete::engine::complete;
use clap_complete::{Shell, generate};

use super::output::print;
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Complete in the current Bash
  source <(lambda-triggers completion bash)

  # Complete in each Bash, Zsh or Fish
  lambda-triggers completion bash > ~/.local/share/bash-completion/completions/lambda-triggers
  lambda-triggers completion zsh > ~/.zfunc/_lambda-triggers
  lambda-triggers completion fish > ~/.config/fish/completions/lambda-triggers.fish

  # Complete kubectl lambda-triggers, after chmod +x of the file
  lambda-triggers completion kubectl > ~/.local/bin/kubectl_complete-lambda_triggers";

/// The script that kubectl runs for completions of a plugin
/// (<https://github.com/kubernetes/sample-cli-plugin#shell-completion>).
const KUBECTL: &str = "\
#!/bin/sh
# Completions of kubectl lambda-triggers. kubectl finds this file by its name kubectl_complete-lambda_triggers in PATH.
exec kubectl-lambda_triggers __complete \"$@\"
";

/// The arguments of `completion`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompletionArgs {
    /// The program that completes the command line.
    program: Program,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Program {
    Bash,
    Zsh,
    Fish,
    Powershell,
    /// kubectl, for the plugin kubectl-lambda_triggers.
    Kubectl,
}

/// Prints the script.
pub fn run(args: &CompletionArgs, command: clap::Command) -> Result<(), StartError> {
    print(&match args.program {
        Program::Bash => script(Shell::Bash, command)?,
        Program::Zsh => script(Shell::Zsh, command)?,
        Program::Fish => script(Shell::Fish, command)?,
        Program::Powershell => script(Shell::PowerShell, command)?,
        Program::Kubectl => KUBECTL.into(),
    })
}

fn script(shell: Shell, mut command: clap::Command) -> Result<String, StartError> {
    let mut script = vec![];
    generate(shell, &mut command, "lambda-triggers", &mut script);
    Ok(String::from_utf8(script)?)
}

/// The arguments of `__complete`, which the script for kubectl calls.
#[derive(Args, Debug)]
pub struct CandidatesArgs {
    /// The words after the name of the plugin. The last word is completed.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Prints the candidates for the last word.
pub fn run_candidates(args: CandidatesArgs, command: clap::Command) -> Result<(), StartError> {
    print(&candidates(args.words, command)?)
}

/// A line for each candidate, and then a directive of cobra for kubectl: 4 completes no files, and 0 completes files.
fn candidates(words: Vec<OsString>, mut command: clap::Command) -> Result<String, StartError> {
    let mut arguments = vec!["lambda-triggers".into()];
    arguments.extend(words);
    if arguments.len() == 1 {
        arguments.push(OsString::new());
    }
    let last = arguments.len() - 1;
    let found = complete(&mut command, arguments, last, None)?;
    let lines = found.iter().map(|candidate| {
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        format!("{}\t{help}\n", candidate.get_value().to_string_lossy())
    });
    let directive = if found.is_empty() { ":0\n" } else { ":4\n" };
    Ok(lines.collect::<String>() + directive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> clap::Command {
        let version = clap::Command::new("version")
            .about("Print the version")
            .arg(clap::arg!(--output <FORMAT> "Form").value_parser(["text", "json"]));
        let hidden = clap::Command::new("vault").hide(true);
        clap::Command::new("lambda-triggers").disable_help_subcommand(true).subcommands([version, hidden])
    }

    #[test]
    fn kubectl_gets_the_candidates_of_the_last_word() {
        for (words, expected) in [
            (&["ver"][..], "version\tPrint the version\n:4\n"),
            (&["version", "--out"], "--output\tForm\n:4\n"),
            (&["version", "--output", "j"], "json\t\n:4\n"),
            (&["nothing"], ":0\n"),
        ] {
            let words: Vec<OsString> = words.iter().map(Into::into).collect();
            assert_eq!(candidates(words.clone(), command()).unwrap(), expected, "{words:?}");
        }
        assert!(candidates(vec![], command()).unwrap().starts_with("version\tPrint the version\n"));
    }

    #[test]
    fn each_shell_has_a_script_with_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let script = script(shell, command()).unwrap();
            assert!(script.contains("version"), "{shell}: {script}");
        }
    }
}
