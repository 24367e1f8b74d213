//! The entries of a bucket, each with the resource or the tool that made it.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::name::{Candidate, NamedResource, Proof, Supposition, explain_name};
use crate::api::{FunctionRef, KeyFilter, S3TriggeredFunctionSpec, Tags};
use crate::arn::FunctionArn;
use crate::import::Maker;
use crate::ownership::{ObjectKey, OwnEntryId, OwnerId};
use crate::plan::bucket::{Destination, Entry, Filter};

/// An entry of a bucket's notification configuration, or an entry that a manifest asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedEntry {
    /// The Id. An entry of a manifest has no Id yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The destination in words, such as `function make-thumbnail` or `queue audit`.
    pub destination: String,
    /// The ARN of the destination. A manifest may name the function without its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The events.
    pub events: BTreeSet<String>,
    /// The keys in words, such as `images/*.jpg`.
    pub keys: String,
    /// The maker of the entry.
    pub made_by: EntryMaker,
}

/// The maker of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum EntryMaker {
    /// An operator, as the Id shows.
    Operator {
        /// The owner id of the operator.
        owner_id: String,
        /// Namespace and name of the resource. `None` if the Id has only the beginning of a long name.
        #[serde(skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
        /// True if the entry stays after the deletion of the resource.
        retained: bool,
    },
    /// A manifest, whose entry is not in the bucket.
    Manifest {
        /// Namespace and name of the resource.
        resource: String,
        /// True if the bucket gets no entry until `spec.suspend` is false.
        suspended: bool,
    },
    /// Another tool, as the Id or the tags of the function show.
    Tool {
        /// The tool, with its known names.
        name: String,
    },
    /// Neither the Id nor the tags show a tool.
    Unknown,
}

impl EntryMaker {
    /// The maker of an entry, by the entry's Id, else by the tags of its function. An Id with the beginning of a long name
    /// shows its resource only if the resource is `known`.
    fn of(entry: &Entry, tags: Option<&Tags>, known: &[&ObjectKey]) -> Self {
        let id = entry.id.as_deref().filter(|_| entry.destination == Destination::Function);
        let Some((id, owner)) = id.and_then(|id| Some((id, OwnerId::from_name(id)?))) else {
            let tool = Maker::of_entry(entry, tags);
            return tool.map_or(Self::Unknown, |tool| Self::Tool { name: tool.to_string() });
        };
        let explained = explain_name(id, &Supposition::default());
        let (resource, retained) = match explained.map(|explained| (explained.named, explained.proof)) {
            Some((NamedResource::Entry { retained, candidates }, Proof::Hash)) => {
                let shown = |Candidate { namespace, name, .. }: &Candidate| {
                    ObjectKey::new(namespace, name).to_string()
                };
                (candidates.first().map(shown), retained)
            }
            Some((NamedResource::Entry { retained, .. }, _)) => (None, retained),
            _ => (None, false),
        };
        let of_known = || {
            let own = OwnEntryId::parse(&owner, id)?;
            let key = known.iter().find(|key| key.base_name(&owner) == own.base_name)?;
            Some(key.to_string())
        };
        Self::Operator { owner_id: owner.to_string(), resource: resource.or_else(of_known), retained }
    }

    /// Namespace and name of the resource, if known.
    pub(super) fn resource(&self) -> Option<&str> {
        match self {
            Self::Operator { resource, .. } => resource.as_deref(),
            Self::Manifest { resource, .. } => Some(resource),
            Self::Tool { .. } | Self::Unknown => None,
        }
    }

    /// True if the bucket gets no entry.
    pub(super) fn is_suspended(&self) -> bool {
        matches!(self, Self::Manifest { suspended: true, .. })
    }
}

impl fmt::Display for EntryMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { owner_id, resource, retained } => {
                let resource = resource.as_deref().unwrap_or("a resource with a long name");
                let retained = if *retained { ", retained" } else { "" };
                write!(f, "{resource} (operator {owner_id}{retained})")
            }
            Self::Manifest { resource, suspended: false } => write!(f, "{resource} (not in the bucket)"),
            Self::Manifest { resource, suspended: true } => write!(f, "{resource} (suspended)"),
            Self::Tool { name } => f.write_str(name),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl ExplainedEntry {
    /// The entry of a notification configuration. `tags` are those of its function, as far as known. `known` are the
    /// resources that may have made the entry.
    pub(super) fn of(entry: &Entry, tags: Option<&Tags>, known: &[&ObjectKey]) -> Self {
        Self {
            id: entry.id.clone(),
            destination: destination(entry),
            arn: Some(entry.arn.clone()),
            events: entry.events.clone(),
            keys: entry.filter.describe(),
            made_by: EntryMaker::of(entry, tags, known),
        }
    }

    /// The entries of a manifest, each with its filter.
    pub(super) fn of_manifest(key: &ObjectKey, spec: &S3TriggeredFunctionSpec) -> Vec<(Filter, Self)> {
        let every_key = [KeyFilter::default()];
        let filters = if spec.filters.is_empty() { &every_key[..] } else { &spec.filters };
        let entry = |filter: &KeyFilter| {
            let filter = Filter::from(filter);
            let entry = Self {
                id: None,
                destination: function(&spec.function),
                arn: spec.function.arn.clone(),
                events: spec.events.iter().cloned().collect(),
                keys: filter.describe(),
                made_by: EntryMaker::Manifest { resource: key.to_string(), suspended: spec.suspend },
            };
            (filter, entry)
        };
        filters.iter().map(entry).collect()
    }
}

/// The destination of an entry in words.
fn destination(Entry { destination, arn, .. }: &Entry) -> String {
    let last = arn.rsplit(':').next().unwrap_or_default();
    match destination {
        Destination::Function => match FunctionArn::parse(arn) {
            Some(function) => format!("function {}", function.short()),
            None => format!("function {arn}"),
        },
        Destination::Queue => format!("queue {last}"),
        Destination::Topic => format!("topic {last}"),
    }
}

/// The function of a manifest in words.
fn function(function: &FunctionRef) -> String {
    let FunctionRef { name, arn, qualifier, .. } = function;
    let arn = arn.as_deref().and_then(FunctionArn::parse).map(|arn| arn.short());
    let qualifier = qualifier.iter().map(|qualifier| format!(":{qualifier}")).collect::<String>();
    let name = arn.or_else(|| Some(format!("{}{qualifier}", name.as_ref()?)));
    name.map_or_else(|| "the function of its definition".into(), |name| format!("function {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::bucket::Document;

    fn entry(xml: &str) -> Entry {
        let xml = format!("<NotificationConfiguration>{xml}</NotificationConfiguration>");
        Document::parse(&xml).unwrap().entries().next().unwrap().clone()
    }

    fn of_function(id: &str) -> Entry {
        entry(&format!(
            "<CloudFunctionConfiguration><Id>{id}</Id>\
             <CloudFunction>arn:aws:lambda:eu-west-1:123456789012:function:thumbs:live</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>"
        ))
    }

    fn queue(id: &str) -> Entry {
        entry(&format!(
            "<QueueConfiguration><Id>{id}</Id><Queue>arn:aws:sqs:eu-west-1:123456789012:audit</Queue>\
             <Event>s3:ObjectRemoved:*</Event></QueueConfiguration>"
        ))
    }

    #[test]
    fn the_id_and_the_tags_show_the_maker() {
        let owner = OwnerId::parse("1a2b3c4d").unwrap();
        let id = |key: &ObjectKey, retained| key.entry_id(&owner, &KeyFilter::default(), retained);
        let short = ObjectKey::new("media", "thumbnails");
        let long = ObjectKey::new("media", "thumbnails-of-the-whole-big-archive-of-the-year");
        let other = ObjectKey::new("media", "uploads");
        let chalice: Tags = [("aws-chalice".into(), "version=1.32.0:stage=dev:app=shop".into())].into();
        let stack: Tags = [("aws:cloudformation:stack-name".into(), "media-prod".into())].into();
        let none = Tags::new();
        for (entry, tags, words) in [
            (of_function(&id(&short, false)), &chalice, "media/thumbnails (operator 1a2b3c4d)"),
            (of_function(&id(&short, true)), &none, "media/thumbnails (operator 1a2b3c4d, retained)"),
            (of_function(&id(&long, false)), &none, "a resource with a long name (operator 1a2b3c4d)"),
            (of_function("lt-1a2b3c4d-x"), &none, "a resource with a long name (operator 1a2b3c4d)"),
            (of_function("tf-s3-lambda-1"), &chalice, "Terraform"),
            (of_function("x"), &chalice, "Chalice, app shop, stage dev"),
            (of_function("x"), &stack, "CloudFormation, stack media-prod"),
            (of_function("x"), &none, "unknown"),
            (queue("tf-s3-queue-1"), &none, "Terraform"),
            // An operator has no entries for queues.
            (queue(&id(&short, false)), &none, "unknown"),
        ] {
            assert_eq!(EntryMaker::of(&entry, Some(tags), &[&other]).to_string(), words, "{entry:?}");
        }
        for (retained, words) in [(false, ""), (true, ", retained")] {
            let made_by = EntryMaker::of(&of_function(&id(&long, retained)), None, &[&other, &long]);
            assert_eq!(made_by.to_string(), format!("{long} (operator 1a2b3c4d{words})"));
        }
    }

    #[test]
    fn the_destination_is_named_without_its_account() {
        assert_eq!(ExplainedEntry::of(&of_function("x"), None, &[]).destination, "function thumbs:live");
        assert_eq!(ExplainedEntry::of(&queue("x"), None, &[]).destination, "queue audit");
        let topic = Entry { destination: Destination::Topic, ..queue("x") };
        assert_eq!(ExplainedEntry::of(&topic, None, &[]).destination, "topic audit");
        let wrong = Entry { arn: "nonsense".into(), ..of_function("x") };
        assert_eq!(ExplainedEntry::of(&wrong, None, &[]).destination, "function nonsense");
    }

    #[test]
    fn a_manifest_names_its_function() {
        let named = |name: &str, qualifier: Option<&str>| FunctionRef {
            name: Some(name.into()),
            qualifier: qualifier.map(Into::into),
            ..FunctionRef::default()
        };
        let by_arn = FunctionRef {
            arn: Some("arn:aws:lambda:eu-west-1:123456789012:function:thumbs:live".into()),
            ..FunctionRef::default()
        };
        for (reference, words) in [
            (named("thumbs", None), "function thumbs"),
            (named("thumbs", Some("live")), "function thumbs:live"),
            (by_arn, "function thumbs:live"),
            (FunctionRef::default(), "the function of its definition"),
        ] {
            assert_eq!(function(&reference), words);
        }
    }
}
