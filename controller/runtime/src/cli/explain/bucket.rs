//! `lambda-triggers explain bucket`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use futures::{StreamExt, stream};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::explain::{BucketExplanation, EntryFunction, ExplainedEntry, explain_bucket};
use lambda_triggers_core::import::FunctionState;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::bucket::{Destination, Document};
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use super::cluster::list_triggers;
use super::notification::{self, BucketPlace};
use super::table::add;
use crate::aws::AwsReads;
use crate::cli::connection::ConnectionArgs;
use crate::cli::entries::table;
use crate::cli::function_state::function_state;
use crate::cli::output::{Format, clean, json, print};
use crate::cli::read_failure::message;
use crate::objects::key_of;
use crate::operator::StartError;

/// Concurrent reads of functions. AWS's quota for GetPolicy is 15 calls a second.
const CONCURRENT_READS: usize = 8;

const EXAMPLES: &str = "\
Examples:
  # List all entries of a bucket, with the resource or the tool that made each entry
  lambda-triggers explain bucket photos

  # Also name the resources of the cluster whose names an Id cuts
  lambda-triggers explain bucket photos --cluster

  # Explain a bucket of another account
  lambda-triggers explain bucket photos --bucket-owner 210987654321

  # List the broken entries with jq
  lambda-triggers explain bucket photos --output json | jq --raw-output '.problems[]'";

/// The flags of `explain bucket`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BucketArgs {
    /// The bucket.
    name: String,
    /// Also read the resources of the cluster, because an Id has only the beginning of a long name.
    #[arg(long)]
    cluster: bool,
    #[command(flatten)]
    place: BucketPlace,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the explanation. Returns true if the bucket sends an event to somebody.
pub async fn run(args: BucketArgs) -> Result<bool, StartError> {
    let connection = args.connection.clone();
    connection.calls.within(explain(args)).await?
}

async fn explain(args: BucketArgs) -> Result<bool, StartError> {
    let BucketArgs { name, cluster, place, output, connection } = args;
    let objects = if cluster { list_triggers(connection.context.as_deref()).await? } else { vec![] };
    let keys: Vec<ObjectKey> = objects.iter().map(key_of).collect();
    let (aws, bucket, document) = notification::read(&name, place).await?;
    let functions = functions(&aws, &document).await;
    let explanation = explain_bucket(&bucket, &document, &functions, &keys.iter().collect::<Vec<_>>());
    print(&match output {
        Format::Text => text(&explanation),
        Format::Json => json("BucketExplanation", &explanation)?,
    })?;
    Ok(explanation.is_found())
}

/// The functions of the entries, by ARN.
async fn functions(aws: &AwsReads, document: &Document) -> BTreeMap<String, EntryFunction> {
    // The state of a function and the policy share a read.
    let since = Instant::now();
    let own = aws.account().await.map(|account| account.id).unwrap_or_default();
    let entries = document.entries().filter(|entry| entry.destination == Destination::Function);
    let arns: BTreeSet<&String> = entries.map(|entry| &entry.arn).collect();
    let functions = arns.into_iter().filter_map(|arn| Some((arn.clone(), FunctionArn::parse(arn)?)));
    let reads = functions.map(async |(text, arn): (String, FunctionArn)| {
        let state = function_state(aws, &arn, arn.account == own).await;
        let policy = match state {
            FunctionState::Missing | FunctionState::Unknown(_) => None,
            FunctionState::Exists { .. } => {
                let policy = aws.lambda(&arn.region).policy(&arn, since).await;
                let policy = policy.map(Option::unwrap_or_default);
                Some(policy.map_err(|error| message(&error, Component::Permission)))
            }
        };
        (text, EntryFunction { state, policy })
    });
    stream::iter(reads).buffered(CONCURRENT_READS).collect().await
}

fn text(explanation: &BucketExplanation) -> String {
    let BucketExplanation { bucket, region, entries, max_entries, event_bridge, problems, unread } =
        explanation;
    let mut text = String::new();
    add(&mut text, "bucket", format!("{bucket}, {region}"));
    let mut shown = vec![format!("{} of {max_entries}", entries.len())];
    if !entries.is_empty() {
        let head = ["Id", "destination", "keys", "events", "made by"].map(str::to_owned);
        shown.extend(table(&[vec![head], entries.iter().map(row).collect()].concat()));
    }
    add(&mut text, "entries", shown.join("\n"));
    let event_bridge = if *event_bridge { "gets all events of the bucket, too" } else { "off" };
    add(&mut text, "EventBridge", event_bridge);
    for problem in problems {
        add(&mut text, "broken", clean(problem));
    }
    for part in unread {
        add(&mut text, "not read", clean(part));
    }
    text
}

fn row(entry: &ExplainedEntry) -> [String; 5] {
    let ExplainedEntry { id, destination, events, keys, made_by, .. } = entry;
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let id = id.as_deref().unwrap_or("(no Id)");
    [id, destination, keys, &events.join(","), &made_by.to_string()].map(clean)
}

#[cfg(test)]
mod tests {
    use lambda_triggers_core::explain::EntryMaker;

    use super::*;

    #[test]
    fn the_entries_stand_in_columns() {
        let entry = |id: &str, destination: &str, keys: &str, made_by| ExplainedEntry {
            id: Some(id.into()),
            destination: destination.into(),
            arn: None,
            events: ["s3:ObjectCreated:Copy".into(), "s3:ObjectCreated:Put".into()].into(),
            keys: keys.into(),
            made_by,
        };
        let explanation = BucketExplanation {
            bucket: "photos".into(),
            region: "eu-west-1".into(),
            entries: vec![
                entry(
                    "tf-s3-lambda-1",
                    "function thumb",
                    "*.jpg",
                    EntryMaker::Tool { name: "Terraform".into() },
                ),
                entry("a\u{1b}", "queue audit", "all keys", EntryMaker::Unknown),
            ],
            max_entries: 100,
            event_bridge: true,
            problems: vec!["one".into(), "two".into()],
            unread: vec![],
        };
        let plain =
            |explanation: &BucketExplanation| anstream::adapter::strip_str(&text(explanation)).to_string();
        assert_eq!(
            plain(&explanation),
            "\
bucket      photos, eu-west-1
entries     2 of 100
            Id               destination      keys       events                                       made by
            tf-s3-lambda-1   function thumb   *.jpg      s3:ObjectCreated:Copy,s3:ObjectCreated:Put   Terraform
            a\u{fffd}               queue audit      all keys   s3:ObjectCreated:Copy,s3:ObjectCreated:Put   unknown
EventBridge gets all events of the bucket, too
broken      one
broken      two
"
        );
        let empty =
            BucketExplanation { entries: vec![], event_bridge: false, problems: vec![], ..explanation };
        assert_eq!(plain(&empty), "bucket      photos, eu-west-1\nentries     0 of 100\nEventBridge off\n");
    }
}
