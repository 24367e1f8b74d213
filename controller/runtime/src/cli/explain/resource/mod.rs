//! `lambda-triggers explain resource`.

mod load;
mod observe;
mod reference;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use lambda_triggers_core::explain::{Names, Observed, explain_resource};
use lambda_triggers_core::ownership::OwnerId;

use crate::aws::{AwsReads, Sdk, SdkSettings};
use crate::cli::connection::ConnectionArgs;
use crate::cli::output::{Format, json, print};
use crate::cli::values;
use crate::network::Network;
use crate::operator::StartError;
use load::Source;
use observe::{counts, observe};
use reference::{Reference, parse};
use text::text;

/// The time between two looks of `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  # Show what a resource has in AWS, and what is missing
  lambda-triggers explain resource schedfn/nightly-report -n team-a

  # Look again every five seconds, and print each change
  lambda-triggers explain resource s3fn/thumbnails -n media --watch

  # Show also the runs of the last 24 hours
  lambda-triggers explain resource schedfn/nightly-report -n team-a --history

  # Compare a manifest with AWS, without a cluster
  lambda-triggers explain resource scheduledfunction/nightly-report -n team-a --filename triggers/ --owner-id 1a2b3c4d

  # List the parts that are not in place, with jq
  lambda-triggers explain resource s3fn/thumbnails -o json | jq '.parts[] | select(.state != \"InPlace\")'";

/// The flags of `explain resource`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ResourceArgs {
    /// The resource. The kind is a name that kubectl accepts, such as schedfn, scheduledfunction or s3fn.
    #[arg(value_name = "KIND/NAME", value_parser = parse)]
    resource: Reference,
    /// The namespace of the resource (default: the namespace of the kubeconfig's context).
    #[arg(long, short, value_name = "NAME", value_parser = values::namespace)]
    namespace: Option<String>,
    /// Read the resource from manifests, not from the cluster: file, folder, or - for standard input; repeatable.
    #[arg(long, short, value_name = "PATH", requires = "owner_id")]
    filename: Vec<PathBuf>,
    /// Read folders with all that is in them.
    #[arg(long, short = 'R')]
    recursive: bool,
    /// Look again every five seconds, and print each change, until Ctrl-C.
    #[arg(long, short, conflicts_with = "filename")]
    watch: bool,
    /// Also show the metrics of the last 24 hours in CloudWatch: the runs of the schedule, and the events, runs and errors
    /// of the function. AWS charges for each metric that is read.
    #[arg(long, conflicts_with = "watch")]
    history: bool,
    /// The operator's owner id (default: from the status of the resource, else from the cluster).
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    owner_id: Option<OwnerId>,
    /// AWS Region for a resource that specifies no Region (default: from the status of the resource, else from the AWS
    /// SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the explanation. An object that does not exist is an error.
pub async fn run(args: ResourceArgs) -> Result<bool, StartError> {
    let connection = args.connection.clone();
    connection.calls.within(explain(args)).await?
}

async fn explain(args: ResourceArgs) -> Result<bool, StartError> {
    let ResourceArgs {
        resource,
        namespace,
        filename,
        recursive,
        watch,
        history,
        owner_id,
        region,
        output,
        connection,
    } = args;
    let network = Network::from_env()?;
    let sdk = Arc::new(Sdk::load(SdkSettings::for_reads(network.clone(), region)).await?);
    let aws = AwsReads::new(Arc::new(sdk.clone().into_client()));
    let source =
        Source::new(&filename, recursive, namespace, (&network, connection.context.as_deref())).await?;
    let mut printed = String::new();
    loop {
        let subject = source.load(&resource, owner_id.clone(), &aws).await?;
        let names = Names::of(&subject);
        let now = Timestamp::now();
        let counts = async { if history { Some(counts(&sdk, &subject, &names, now).await) } else { None } };
        let (observed, counts) = tokio::join!(observe(&aws, &names), counts);
        let observed = Observed { counts, ..observed };
        let explanation = explain_resource(&subject, &names, &observed, now);
        let shown = match output {
            Format::Text => text(&explanation),
            Format::Json => json("ResourceExplanation", &explanation)?,
        };
        if shown != printed {
            print(&shown)?;
            printed = shown;
        }
        if !watch {
            return Ok(true);
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}
