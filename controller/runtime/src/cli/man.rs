//! `lambda-triggers man`: the manual pages.

use std::path::PathBuf;

use clap::Args;

use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Write the pages to the folder man
  lambda-triggers man --dir man

  # Install the pages for all users
  sudo lambda-triggers man --dir /usr/local/share/man/man1

  # Install the pages for one user, and read a page
  lambda-triggers man --dir ~/.local/share/man/man1
  man lambda-triggers-run

  # Write the pages for a package
  lambda-triggers man --dir pkg/usr/share/man/man1";

/// The flags of `man`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Write a page for each command to this folder, which must exist.
    #[arg(long)]
    dir: PathBuf,
}

/// Writes the pages.
pub fn run(args: &ManArgs, command: clap::Command) -> Result<(), StartError> {
    clap_mangen::generate_to(command, &args.dir)
        .map_err(|error| format!("cannot write the manual pages to {}: {error}", args.dir.display()).into())
}
