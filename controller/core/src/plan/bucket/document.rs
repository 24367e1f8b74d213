//! A bucket's notification configuration as S3 sent it, taken apart without losing a byte.
//!
//! S3 replaces the whole document at each write, so what we do not write back is lost to its owner
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>). Hence every
//! child of the root is kept as the text it came in, whether or not we know its element, attributes or events; what
//! we read from it serves comparison alone.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::Filter;
use crate::ownership::OwnerId;

/// The root element.
const NAME: &str = "NotificationConfiguration";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Why a text is no notification configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDocument {
    /// It is not XML.
    #[error("the notification configuration is not well-formed XML")]
    Malformed(#[from] roxmltree::Error),
    /// Its root is something else.
    #[error("the answer's root element is {0}, not NotificationConfiguration")]
    WrongRoot(String),
}

/// A notification configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    head: String,
    /// The root's children, in order.
    pub children: Vec<Child>,
    tail: String,
}

/// A child of the root, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Child {
    /// The text it came in.
    pub raw: String,
    /// What it says, if it is a configuration with a destination; none for EventBridge, comments and white space.
    pub entry: Option<Entry>,
}

/// What an entry of a notification configuration says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Which service is notified.
    pub destination: Destination,
    /// The ARN of the function, queue or topic.
    pub arn: String,
    /// Its Id; S3 makes one up where the writer gave none.
    pub id: Option<String>,
    /// The events, as S3 names them.
    pub events: BTreeSet<String>,
    /// Which keys it is about.
    pub filter: Filter,
}

/// The service that an entry notifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A Lambda function.
    Function,
    /// An SQS queue.
    Queue,
    /// An SNS topic.
    Topic,
}

impl Document {
    /// Takes a document apart.
    pub fn parse(xml: &str) -> Result<Self, InvalidDocument> {
        let tree = roxmltree::Document::parse(xml)?;
        let root = tree.root_element();
        let text = &xml[root.range()];
        // As it is written: where a prefix stands for S3's namespace, what is added would be in none. S3 sends no prefix.
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

    /// S3 wants the root in its namespace, whatever a server in between made of it.
    fn with_namespace(mut self, start: usize) -> Self {
        let name_end = start + 1 + NAME.len();
        self.head.insert_str(name_end, &format!(" xmlns=\"{NAMESPACE}\""));
        self
    }

    /// The document as XML.
    pub fn to_xml(&self) -> String {
        let children: String = self.children.iter().map(|child| child.raw.as_str()).collect();
        format!("{}{children}{}", self.head, self.tail)
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.children.iter().filter_map(|child| child.entry.as_ref())
    }

    /// Where a new entry for a function belongs: behind the last one, or else before EventBridge's element, which
    /// ends the schema's sequence.
    pub(super) fn place_for_function(&self) -> usize {
        let is_function =
            |child: &Child| child.entry.as_ref().is_some_and(|e| e.destination == Destination::Function);
        let is_event_bridge = |child: &Child| child.raw.starts_with("<EventBridgeConfiguration");
        self.children
            .iter()
            .rposition(is_function)
            .map(|last| last + 1)
            .or_else(|| self.children.iter().position(is_event_bridge))
            .unwrap_or(self.children.len())
    }
}

impl Child {
    /// An entry of our own.
    pub(super) fn from_entry(entry: Entry) -> Self {
        Self { raw: entry.to_xml(), entry: Some(entry) }
    }
}

impl Entry {
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

    /// The entry in words, for conditions and events: `queue entry "audit" (s3:ObjectCreated:Put, images/)`.
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

    /// The owner id in the entry's Id, if another operator made the entry. Operators make entries for functions alone.
    pub fn other_owner(&self, owner: &OwnerId) -> Option<OwnerId> {
        let id = self.id.as_deref().filter(|_| self.destination == Destination::Function)?;
        OwnerId::from_name(id).filter(|found| found != owner)
    }
}

/// The texts of all children of that name.
fn texts(node: Node, name: &'static str) -> impl Iterator<Item = String> {
    node.children()
        .filter(move |child| child.tag_name().name() == name)
        .map(|child| child.text().unwrap_or_default().to_owned())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The value of a filter rule. S3 answers `Prefix` and `Suffix` where it was sent `prefix` and `suffix`, in any
/// order, so names are compared without case.
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
            // As references they survive the normalisation of line ends.
            '\r' | '\n' | '\t' => escaped.push_str(&format!("&#{};", u32::from(c))),
            other => escaped.push(other),
        }
    }
    format!("<{name}>{escaped}</{name}>")
}
