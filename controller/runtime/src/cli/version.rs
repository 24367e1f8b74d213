//! `lambda-triggers version`.

use clap::Args;
use lambda_triggers_core::api::crds;
use serde::Serialize;

use super::output::{Format, json, print};
use crate::operator::StartError;

/// The oldest version of Kubernetes with all features that the CRDs need: validation rules are stable since 1.29.
const OLDEST_KUBERNETES: &str = "1.29";

const EXAMPLES: &str = "\
Examples:
  # Print the version, the CRDs and the supported versions of Kubernetes
  lambda-triggers version

  # The same for a script
  lambda-triggers version --output json

  # Only the version
  lambda-triggers version --output json | jq --raw-output .version";

/// The flags of `version`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct VersionArgs {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The content of the JSON document `Version`.
#[derive(Serialize)]
struct Version {
    version: &'static str,
    crds: Vec<Crd>,
    kubernetes: Kubernetes,
}

#[derive(Serialize)]
struct Crd {
    name: String,
    versions: Vec<String>,
}

#[derive(Serialize)]
struct Kubernetes {
    oldest: &'static str,
}

/// Prints the version.
pub fn run(args: &VersionArgs) -> Result<(), StartError> {
    let crds = crds().into_iter().map(|crd| Crd {
        name: crd.metadata.name.unwrap_or_default(),
        versions: crd.spec.versions.into_iter().map(|version| version.name).collect(),
    });
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        crds: crds.collect(),
        kubernetes: Kubernetes { oldest: OLDEST_KUBERNETES },
    };
    print(&match args.output {
        Format::Text => text(&version),
        Format::Json => json("Version", &version)?,
    })
}

fn text(version: &Version) -> String {
    let mut text = format!("lambda-triggers {}\n", version.version);
    for crd in &version.crds {
        text += &format!("CRD {} {}\n", crd.name, crd.versions.join(", "));
    }
    text + &format!("Kubernetes {} or newer\n", version.kubernetes.oldest)
}
