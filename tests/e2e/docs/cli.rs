//! The command line: the reference from its parser, and the output that `docs/cli.md` shows.

use clap::{Arg, Command};
use lambda_triggers_tests::env;

use super::Page;
use super::explain::SECTIONS;
use super::generated::{assert_generated, cell};

#[test]
fn the_reference_of_the_operator_matches_the_parser() {
    let command = lambda_triggers::cli::command();
    let run = command.find_subcommand("run").unwrap();
    assert_generated("docs/configuration.md", section(run, "lambda-triggers run", "##").trim_end());
}

#[test]
fn the_reference_of_the_other_commands_matches_the_parser() {
    let command = lambda_triggers::cli::command();
    let mut text = format!("### All commands\n\n{}\n", table(&command));
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "run") {
        text += &sections(subcommand, &format!("lambda-triggers {}", subcommand.get_name()));
    }
    assert_generated("docs/cli.md", text.trim_end());
}

/// The sections of a command, or of the commands below it.
fn sections(command: &Command, path: &str) -> String {
    let mut nested = command.get_subcommands().filter(|nested| !nested.is_hide_set()).peekable();
    if command.is_hide_set() {
        String::new()
    } else if nested.peek().is_none() {
        section(command, path, "###")
    } else {
        nested.map(|nested| sections(nested, &format!("{path} {}", nested.get_name()))).collect()
    }
}

/// A command with its examples and its flags.
fn section(command: &Command, path: &str, heading: &str) -> String {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let about = about.trim_end_matches('.');
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = help.strip_prefix("Examples:\n").unwrap_or_else(|| panic!("{path} has no examples"));
    let examples = examples.lines().map(|line| format!("{}\n", line.trim_start())).collect::<String>();
    format!("{heading} {path}\n\n{about}.\n\n```sh\n{examples}```\n\n{}\n", table(command))
}

/// The arguments and flags of a command.
fn table(command: &Command) -> String {
    let shown = |arg: &&Arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str());
    let rows: Vec<String> = command.get_arguments().filter(shown).map(row).collect();
    let head = "| flag | environment variable | default | meaning |\n|---|---|---|---|\n";
    format!("{head}{}", rows.concat())
}

fn row(arg: &Arg) -> String {
    let value = || arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let name = match (arg.get_long(), arg.get_short()) {
        (Some(long), Some(short)) => format!("`-{short}`, `--{long}`"),
        (Some(long), None) => format!("`--{long}`"),
        (None, _) => format!("`{}`", value().unwrap_or_default()),
    };
    let env = arg.get_env().map(|env| format!("`{}`", env.to_string_lossy())).unwrap_or_default();
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<String> = defaults.map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string);
    let help = cell(help.unwrap_or_default().trim_end_matches('.'));
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && arg.get_action().takes_values())
        .map(|value| {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            let help = help.trim_end_matches('.');
            let help = if help.is_empty() { String::new() } else { format!(" ({help})") };
            format!("`{}`{help}", value.get_name())
        })
        .collect();
    let values = if values.is_empty() { String::new() } else { format!(" One of {}.", values.join(", ")) };
    format!("| {name} | {env} | {} | {help}.{values} |\n", defaults.join(", "))
}

#[test]
fn the_commands_of_the_page_print_what_it_shows() {
    let page = Page::read("docs/cli.md");
    let blocks = page.blocks();
    // Another test runs the sections that need AWS.
    let pairs = blocks.windows(2).filter(|pair| {
        ["text", "json"].contains(&pair[1].language.as_str()) && !SECTIONS.contains(&pair[1].heading.as_str())
    });
    let pairs: Vec<_> = pairs.map(|pair| (pair[0].text.clone(), pair[1].text.clone())).collect();
    assert!(pairs.len() >= 5, "{pairs:?}");
    env::test("docs-cli", async |env| {
        for (command, shown) in pairs {
            let printed = env.shell(&command).await.expect(&command);
            assert!(printed == shown, "docs/cli.md must show this after {command}\n{printed}");
        }
    });
}
