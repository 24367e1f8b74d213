//! A lossless parser for a bucket's notification configuration.
//!
//! S3 replaces the whole document at each write, so omitted parts are lost for their owners
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>). The parser
//! therefore keeps every child of the root as its original text, including unknown elements, attributes and events.
//! Parsed values serve only for comparison.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::Filter;
use crate::ownership::{OwnEntryId, OwnerId};

/// The name of the root element.
const NAME: &str = "NotificationConfiguration";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The error for a text that is no notification configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDocument {
    /// The text is not XML.
    #[error("the notification configuration is not well-formed XML")]
    Malformed(#[from] roxmltree::Error),
    /// The root element has another name.
    #[error("the answer's root element is {0}, not NotificationConfiguration")]
    WrongRoot(String),
}

/// A notification configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    head: String,
    /// The children of the root element, in order.
    pub children: Vec<Child>,
    tail: String,
}

/// A child of the root element with its original text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Child {
    /// The original text.
    pub raw: String,
    /// The parsed entry; `None` for EventBridge's element, comments and white space.
    pub entry: Option<Entry>,
}

/// An entry of a notification configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The type of the destination.
    pub destination: Destination,
    /// The ARN of the function, queue or topic.
    pub arn: String,
    /// The Id. S3 generates an Id if the writer omits the Id.
    pub id: Option<String>,
    /// The event types, such as `s3:ObjectCreated:*`.
    pub events: BTreeSet<String>,
    /// The filter for object keys.
    pub filter: Filter,
}

/// The type of an entry's destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A Lambda function, in a `CloudFunctionConfiguration`.
    Function,
    /// An SQS queue, in a `QueueConfiguration`.
    Queue,
    /// An SNS topic, in a `TopicConfiguration`.
    Topic,
}

impl Document {
    /// Parses a document.
    pub fn parse(xml: &str) -> Result<Self, InvalidDocument> {
        let tree = roxmltree::Document::parse(xml)?;
        let root = tree.root_element();
        let text = &xml[root.range()];
        // The literal name, including a prefix. With a prefix for S3's namespace, added entries would have no
        // namespace. S3 sends no prefix.
        let name =
            text[1..].split(|c: char| c.is_whitespace() || c == '/' || c == '>').next().unwrap_or_default();
        if name != NAME {
            return Err(InvalidDocument::WrongRoot(name.into()));
        }
        let children: Vec<Child> = root
            .children()
            .map(|node| Child { raw: xml[node.range()].into(), entry: Entry::read(node) })
            .collect();
        let start = root.range().start;
        let rest = &xml[root.range().end..];
        let (head, tail) = match text.strip_suffix("/>") {
            Some(open) => {
                let open = open.trim_end();
                (format!("{}{open}>", &xml[..start]), format!("</{NAME}>{rest}"))
            }
            None => {
                let close = start + text.rfind("</").unwrap_or(text.len());
                let head = root.first_child().map_or(close, |first| first.range().start);
                (xml[..head].to_owned(), xml[close..].to_owned())
            }
        };
        let document = Self { head, children, tail };
        Ok(if root.tag_name().namespace().is_none() { document.with_namespace(start) } else { document })
    }

    /// Adds S3's namespace to the root element. A server between S3 and the operator may have removed the namespace,
    /// and S3 requires it in a PUT.
    fn with_namespace(mut self, start: usize) -> Self {
        let name_end = start + 1 + NAME.len();
        self.head.insert_str(name_end, &format!(" xmlns=\"{NAMESPACE}\""));
        self
    }

    /// The XML text of the document.
    pub fn to_xml(&self) -> String {
        let children: String = self.children.iter().map(|child| child.raw.as_str()).collect();
        format!("{}{children}{}", self.head, self.tail)
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.children.iter().filter_map(|child| child.entry.as_ref())
    }

    /// True if the bucket also sends its events to EventBridge.
    pub fn has_event_bridge(&self) -> bool {
        self.children.iter().any(Child::is_event_bridge)
    }

    /// The index for a new function entry: after the last function entry, or else before EventBridge's element.
    /// EventBridge's element must be the last element in the schema.
    pub(super) fn place_for_function(&self) -> usize {
        let is_function =
            |child: &Child| child.entry.as_ref().is_some_and(|e| e.destination == Destination::Function);
        self.children
            .iter()
            .rposition(is_function)
            .map(|last| last + 1)
            .or_else(|| self.children.iter().position(Child::is_event_bridge))
            .unwrap_or(self.children.len())
    }
}

impl Child {
    /// A child for an entry of the operator.
    pub(super) fn from_entry(entry: Entry) -> Self {
        Self { raw: entry.to_xml(), entry: Some(entry) }
    }

    fn is_event_bridge(&self) -> bool {
        self.raw.starts_with("<EventBridgeConfiguration")
    }
}

impl Entry {
    /// The parsed Id, if the Id has the form of this owner. The destination may still be foreign.
    pub fn own_id(&self, owner: &OwnerId) -> Option<OwnEntryId> {
        OwnEntryId::parse(owner, self.id.as_deref()?)
    }

    fn read(node: Node) -> Option<Self> {
        let (destination, arn) = match node.tag_name().name() {
            "CloudFunctionConfiguration" => (Destination::Function, "CloudFunction"),
            "QueueConfiguration" => (Destination::Queue, "Queue"),
            "TopicConfiguration" => (Destination::Topic, "Topic"),
            _ => return None,
        };
        Some(Self {
            destination,
            arn: texts(node, arn).next().unwrap_or_default(),
            id: texts(node, "Id").next(),
            events: texts(node, "Event").collect(),
            filter: Filter { prefix: filter_value(node, "prefix"), suffix: filter_value(node, "suffix") },
        })
    }

    fn to_xml(&self) -> String {
        let Self { destination: _, arn, id, events, filter } = self;
        let id = id.iter().map(|id| element("Id", id)).collect::<String>();
        let arn = element("CloudFunction", arn);
        let events: String = events.iter().map(|event| element("Event", event)).collect();
        let rules: String = [("prefix", &filter.prefix), ("suffix", &filter.suffix)]
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| {
                format!("<FilterRule>{}{}</FilterRule>", element("Name", name), element("Value", value))
            })
            .collect();
        let filter =
            if rules.is_empty() { rules } else { format!("<Filter><S3Key>{rules}</S3Key></Filter>") };
        format!("<CloudFunctionConfiguration>{id}{arn}{events}{filter}</CloudFunctionConfiguration>")
    }

    /// A description for conditions and events, such as `queue entry "audit" (s3:ObjectCreated:Put, images/)`.
    pub fn describe(&self) -> String {
        let kind = match self.destination {
            Destination::Function => "function",
            Destination::Queue => "queue",
            Destination::Topic => "topic",
        };
        let id = self.id.as_deref().map_or_else(|| "without Id".to_owned(), |id| format!("{id:?}"));
        let events: String = self.events.iter().map(|event| format!("{event}, ")).collect();
        format!("{kind} entry {id} ({events}{})", self.filter.describe())
    }

    /// The owner id in the entry's Id, if another operator created the entry. Operators create only function entries.
    pub fn other_owner(&self, owner: &OwnerId) -> Option<OwnerId> {
        let id = self.id.as_deref().filter(|_| self.destination == Destination::Function)?;
        OwnerId::from_name(id).filter(|found| found != owner)
    }
}

/// The texts of all children with this name.
fn texts(node: Node, name: &'static str) -> impl Iterator<Item = String> {
    node.children()
        .filter(move |child| child.tag_name().name() == name)
        .map(|child| child.text().unwrap_or_default().to_owned())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The value of a filter rule. S3 may return `Prefix` for `prefix` and `Suffix` for `suffix`, in any order. The
/// comparison of names is therefore case-insensitive.
fn filter_value(entry: Node, name: &str) -> String {
    entry
        .descendants()
        .filter(|node| node.tag_name().name() == "FilterRule")
        .find(|rule| texts(*rule, "Name").next().is_some_and(|found| found.eq_ignore_ascii_case(name)))
        .and_then(|rule| texts(rule, "Value").next())
        .unwrap_or_default()
}

fn element(name: &str, text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Character references survive XML's normalization of line ends.
            '\r' | '\n' | '\t' => escaped.push_str(&format!("&#{};", u32::from(c))),
            other => escaped.push(other),
        }
    }
    format!("<{name}>{escaped}</{name}>")
}
