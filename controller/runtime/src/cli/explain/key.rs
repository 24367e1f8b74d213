//! `lambda-triggers explain key`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use lambda_triggers_core::api::{S3TriggeredFunctionSpec, check_manifest};
use lambda_triggers_core::explain::{ExplainedEntry, KeyExplanation, KeyMiss, MissReason, explain_key};
use lambda_triggers_core::ownership::ObjectKey;
use serde::Deserialize;
use serde_json::Value;

use super::cluster::list_triggers;
use super::notification::{self, BucketPlace};
use super::table::add;
use crate::cli::connection::ConnectionArgs;
use crate::cli::entries::table;
use crate::cli::output::{Format, clean, json, print};
use crate::cli::values;
use crate::manifests::{self, Manifest};
use crate::objects::{RawS3TriggeredFunction, Trigger};
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Show which entries of the bucket run for a key, and which nearly
  lambda-triggers explain key 's3://photos/images/2026/a b.JPG'

  # Also show the entries of manifests, before they are applied
  lambda-triggers explain key s3://photos/images/1.jpg --filename triggers/

  # Also show the entries of the cluster's resources that are not in the bucket yet
  lambda-triggers explain key s3://photos/images/1.jpg --cluster

  # Check the filters of manifests without AWS and without credentials
  lambda-triggers explain key s3://photos/images/1.jpg --filename triggers/ --offline

  # Explain a key as JSON
  lambda-triggers explain key s3://photos/images/1.jpg --output json";

/// The flags of `explain key`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct KeyArgs {
    /// The object, with its key as `aws s3 ls` shows it.
    #[arg(value_name = "s3://BUCKET/KEY", value_parser = values::s3_uri)]
    object: (String, String),
    /// Also show the entries of manifests: file, folder, or - for standard input; repeatable.
    #[arg(long, short, value_name = "PATH")]
    filename: Vec<PathBuf>,
    /// Read folders with all that is in them.
    #[arg(long, short = 'R')]
    recursive: bool,
    /// Namespace of manifests that have none.
    #[arg(long, short, value_name = "NAME", value_parser = values::namespace)]
    namespace: Option<String>,
    /// Also show the entries of the resources in the cluster. A manifest replaces the resource of its name.
    #[arg(long)]
    cluster: bool,
    /// Look at the manifests alone, without AWS and without credentials.
    #[arg(long, requires = "filename", conflicts_with = "cluster")]
    offline: bool,
    #[command(flatten)]
    place: BucketPlace,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the explanation. Returns true if the key meets an entry.
pub async fn run(args: KeyArgs) -> Result<bool, StartError> {
    let connection = args.connection.clone();
    connection.calls.within(explain(args)).await?
}

async fn explain(args: KeyArgs) -> Result<bool, StartError> {
    let KeyArgs {
        object: (bucket, key),
        filename,
        recursive,
        namespace,
        cluster,
        offline,
        place,
        output,
        connection,
    } = args;
    let objects = if cluster { list_triggers(connection.context.as_deref()).await? } else { vec![] };
    // The operator has no entries for an object that it does not accept.
    let mut triggers: BTreeMap<ObjectKey, S3TriggeredFunctionSpec> = objects
        .iter()
        .filter_map(|object| trigger(&Manifest::of_object(object), ""))
        .filter_map(Result::ok)
        .collect();
    let namespace = namespace.unwrap_or_default();
    for manifest in &manifests::read(&filename, recursive)?.triggers {
        triggers.extend(trigger(manifest, &namespace).transpose()?);
    }
    let document = match offline {
        true => None,
        false => Some(notification::read(&bucket, place).await?.2),
    };
    let explanation = explain_key(&bucket, &key, document.as_ref(), &triggers);
    print(&match output {
        Format::Text => text(&explanation),
        Format::Json => json("KeyExplanation", &explanation)?,
    })?;
    Ok(!explanation.matches.is_empty())
}

/// The valid resource of a manifest; `None` for the other kind.
fn trigger(
    manifest: &Manifest,
    namespace: &str,
) -> Option<Result<(ObjectKey, S3TriggeredFunctionSpec), StartError>> {
    let source = &manifest.source;
    let of_manifest =
        |why: String| -> StartError { format!("{}:{}: {why}", source.file, source.line).into() };
    if manifest.object["kind"] != RawS3TriggeredFunction::NAME {
        return None;
    }
    let read = || {
        let object = check_manifest(manifest.object.clone()).map_err(|errors| errors.to_string())?.object;
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let name = text("/metadata/name").unwrap_or_default();
        let key = ObjectKey::new(text("/metadata/namespace").unwrap_or(namespace), name);
        let spec =
            S3TriggeredFunctionSpec::deserialize(&object["spec"]).map_err(|error| error.to_string())?;
        Ok((key, spec))
    };
    Some(read().map_err(of_manifest))
}

fn text(explanation: &KeyExplanation) -> String {
    let KeyExplanation { bucket, key, encoded, runs_on_upload, matches, misses } = explanation;
    let mut text = String::new();
    add(&mut text, "key", format!("{}, in bucket {}", clean(key), clean(bucket)));
    let decode = if encoded == key { "" } else { "; decode it, such as with unquote_plus in Python" };
    add(&mut text, "in events", format!("{encoded}{decode}"));
    let mut runs = vec![];
    if !runs_on_upload {
        runs.push("nothing for s3:ObjectCreated:*, the events of an upload".to_owned());
    }
    if !matches.is_empty() {
        let head = ["event", "destination", "keys", "Id", "made by"].map(str::to_owned);
        runs.extend(table(&[vec![head], rows(matches)].concat()));
    }
    add(&mut text, "runs", runs.join("\n"));
    for KeyMiss { entry, reason } in misses {
        let ExplainedEntry { destination, keys, made_by, .. } = entry;
        let filter = clean(&format!("{destination}, {keys}, {made_by}"));
        add(&mut text, "nearly", format!("{filter}: {}", difference(*reason)));
    }
    text
}

/// A row for each event of each entry, in the order of the events.
fn rows(matches: &[ExplainedEntry]) -> Vec<[String; 5]> {
    let of_entry = |entry: &ExplainedEntry| {
        let ExplainedEntry { id, destination, events, keys, made_by, .. } = entry;
        let (id, made_by) = (id.clone().unwrap_or_default(), made_by.to_string());
        let row = |event: &String| [event, destination, keys, &id, &made_by].map(|text| clean(text));
        events.iter().map(row).collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = matches.iter().flat_map(of_entry).collect();
    rows.sort_by(|a, b| a[0].cmp(&b[0]));
    rows
}

fn difference(reason: MissReason) -> &'static str {
    match reason {
        MissReason::Capitals => "upper and lower case differ, and S3 compares the case",
        MissReason::LeadingSlash => "the filter begins with a slash, and the key does not",
        MissReason::UnencodedFilter => {
            "S3 compares the key as in events, and this filter lacks the encoding, so it meets no key"
        }
        MissReason::EncodedFilter => {
            "the filter is encoded twice: write the filter as `aws s3 ls` shows the keys"
        }
        MissReason::EncodedKey => "the key is written as in events: give the key as `aws s3 ls` shows it",
        MissReason::Suffix => "the prefix matches, and the suffix does not",
        MissReason::Prefix => "the suffix matches, and the prefix does not",
    }
}

#[cfg(test)]
mod tests {
    use lambda_triggers_core::explain::EntryMaker;

    use super::*;

    fn entry(
        id: &str,
        destination: &str,
        keys: &str,
        events: &[&str],
        made_by: EntryMaker,
    ) -> ExplainedEntry {
        ExplainedEntry {
            id: Some(id.into()).filter(|id: &String| !id.is_empty()),
            destination: destination.into(),
            arn: None,
            events: events.iter().map(|event| (*event).into()).collect(),
            keys: keys.into(),
            made_by,
        }
    }

    fn plain(explanation: &KeyExplanation) -> String {
        anstream::adapter::strip_str(&text(explanation)).to_string()
    }

    #[test]
    fn each_event_has_a_row() {
        let resource = "media/thumbnails".to_owned();
        let of_operator = EntryMaker::Operator {
            owner_id: "1a2b3c4d".into(),
            resource: Some(resource.clone()),
            retained: false,
        };
        let removed = ["s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated"];
        let explanation = KeyExplanation {
            bucket: "photos".into(),
            key: "images/a b.JPG".into(),
            encoded: "images/a+b.JPG".into(),
            runs_on_upload: false,
            matches: vec![
                entry("audit", "queue audit", "all keys", &removed, EntryMaker::Unknown),
                entry(
                    "",
                    "function thumb",
                    "*.JPG",
                    &["s3:ObjectCreated:*"],
                    EntryMaker::Manifest { resource, suspended: true },
                ),
            ],
            misses: vec![KeyMiss {
                entry: entry("x", "function thumb", "images/*.jpg", &["s3:ObjectCreated:*"], of_operator),
                reason: MissReason::Capitals,
            }],
        };
        assert_eq!(
            plain(&explanation),
            "\
key         images/a b.JPG, in bucket photos
in events   images/a+b.JPG; decode it, such as with unquote_plus in Python
runs        nothing for s3:ObjectCreated:*, the events of an upload
            event                                  destination      keys       Id      made by
            s3:ObjectCreated:*                     function thumb   *.JPG              media/thumbnails (suspended)
            s3:ObjectRemoved:Delete                queue audit      all keys   audit   unknown
            s3:ObjectRemoved:DeleteMarkerCreated   queue audit      all keys   audit   unknown
nearly      function thumb, images/*.jpg, media/thumbnails (operator 1a2b3c4d): upper and lower case differ, and S3 \
compares the case
"
        );
    }

    #[test]
    fn a_plain_key_needs_no_decoding() {
        let explanation = KeyExplanation {
            bucket: "photos".into(),
            key: "a.jpg".into(),
            encoded: "a.jpg".into(),
            runs_on_upload: false,
            matches: vec![],
            misses: vec![],
        };
        assert_eq!(
            plain(&explanation),
            "\
key         a.jpg, in bucket photos
in events   a.jpg
runs        nothing for s3:ObjectCreated:*, the events of an upload
"
        );
    }
}
