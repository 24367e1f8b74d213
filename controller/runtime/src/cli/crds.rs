//! `lambda-triggers crds`: the CRDs, generated from the types.

use std::path::PathBuf;

use clap::Args;
use lambda_triggers_core::api::{crd_file_name, crd_yaml, crds};

use super::output::print;
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Print the CRDs
  lambda-triggers crds

  # Install or upgrade the CRDs
  lambda-triggers crds | kubectl apply --server-side -f -

  # Write each CRD to a file in the folder crds
  lambda-triggers crds --dir crds";

/// The flags of `crds`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CrdsArgs {
    /// Write each CRD to a file in this folder instead.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Prints the CRDs, or writes the CRDs to a folder.
pub fn run(args: &CrdsArgs) -> Result<(), StartError> {
    for crd in crds() {
        let yaml = crd_yaml(&crd)?;
        match &args.dir {
            None => print(&yaml)?,
            Some(dir) => std::fs::write(dir.join(crd_file_name(&crd)), yaml)?,
        }
    }
    Ok(())
}
