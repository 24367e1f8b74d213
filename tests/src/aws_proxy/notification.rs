//! A bucket's notification configuration: the document as sent, and its parsed entries.

use std::ops::Range;

use roxmltree::{Document as Xml, Node};

use super::object_keys::matched_by;
use super::wire::{Refusal, escape};

/// S3's answer for a bucket without notifications.
pub(crate) const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>";

/// A valid document.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// The bytes of the answer: the document as sent, with an Id in each entry and with `Prefix` and `Suffix`
    /// capitalized.
    pub raw: String,
    pub entries: Vec<Entry>,
    pub event_bridge: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Topic,
    Queue,
    Function,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub destination: Destination,
    pub arn: String,
    pub id: String,
    pub events: Vec<String>,
    /// Names and values of the filter rules, as sent.
    pub rules: Vec<(String, String)>,
}

impl Entry {
    /// The value of a filter rule; empty if absent, since an absent rule matches every key.
    pub fn filter(&self, name: &str) -> &str {
        let rule = self.rules.iter().find(|(rule, _)| rule.eq_ignore_ascii_case(name));
        rule.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The entry for the emulator, with a decoded filter; `None` if no key matches.
    fn executable(&self) -> Option<String> {
        let (section, element) = match self.destination {
            Destination::Topic => ("TopicConfiguration", "Topic"),
            Destination::Queue => ("QueueConfiguration", "Queue"),
            Destination::Function => ("CloudFunctionConfiguration", "CloudFunction"),
        };
        let events: String = self.events.iter().map(|event| format!("<Event>{event}</Event>")).collect();
        let rule = |(name, value): &(String, String)| {
            let (name, value) = (escape(name), escape(&matched_by(value)?));
            Some(format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>"))
        };
        let rules: String = self.rules.iter().map(rule).collect::<Option<_>>()?;
        let filter =
            if rules.is_empty() { rules } else { format!("<Filter><S3Key>{rules}</S3Key></Filter>") };
        let (id, arn) = (escape(&self.id), escape(&self.arn));
        Some(format!("<{section}><Id>{id}</Id><{element}>{arn}</{element}>{events}{filter}</{section}>"))
    }
}

impl Notification {
    /// The document for the emulator: the entries that `delivers` accepts and that match at least one key.
    pub fn executable(&self, delivers: impl Fn(&Entry) -> bool) -> String {
        let entries: String =
            self.entries.iter().filter(|entry| delivers(entry)).filter_map(Entry::executable).collect();
        let event_bridge = if self.event_bridge { "<EventBridgeConfiguration/>" } else { "" };
        format!(
            "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{entries}{event_bridge}</NotificationConfiguration>"
        )
    }

    /// Parses a document. Unknown elements stay in `raw` and have no effect. An entry without an Id gets an Id from
    /// `new_id`, which gets the entry's text.
    ///
    /// # Errors
    /// `MalformedXML` for an invalid document, or for an entry without a destination or an event.
    pub fn parse(body: &[u8], new_id: impl Fn(&str) -> String) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| malformed())?;
        let xml = Xml::parse(text).map_err(|_| malformed())?;
        let root = xml.root_element();
        if root.tag_name().name() != "NotificationConfiguration" {
            return Err(malformed());
        }
        let mut edits = Vec::new();
        let mut entries = Vec::new();
        let mut event_bridge = false;
        for section in root.children().filter(Node::is_element) {
            match section.tag_name().name() {
                "TopicConfiguration" => {
                    entries.push(entry(section, Destination::Topic, &mut edits, &new_id)?)
                }
                "QueueConfiguration" => {
                    entries.push(entry(section, Destination::Queue, &mut edits, &new_id)?)
                }
                "CloudFunctionConfiguration" | "LambdaFunctionConfiguration" => {
                    entries.push(entry(section, Destination::Function, &mut edits, &new_id)?);
                }
                "EventBridgeConfiguration" => event_bridge = true,
                _ => {}
            }
        }
        Ok(Self { raw: edited(text, edits), entries, event_bridge })
    }
}

fn malformed() -> Refusal {
    let text = "The XML you provided was not well-formed or did not validate against our published schema";
    Refusal::new(400, "MalformedXML", text)
}

type Edit = (Range<usize>, String);

fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut result = text.to_owned();
    for (range, replacement) in edits.into_iter().rev() {
        result.replace_range(range, &replacement);
    }
    result
}

fn entry(
    section: Node<'_, '_>,
    destination: Destination,
    edits: &mut Vec<Edit>,
    new_id: impl Fn(&str) -> String,
) -> Result<Entry, Refusal> {
    let arn_elements: &[&str] = match destination {
        Destination::Topic => &["Topic"],
        Destination::Queue => &["Queue"],
        Destination::Function => &["CloudFunction", "LambdaFunctionArn"],
    };
    let arn = children(section, arn_elements)
        .next()
        .map(text_of)
        .filter(|arn| !arn.is_empty())
        .ok_or_else(malformed)?;
    let events: Vec<_> = children(section, &["Event"]).map(text_of).collect();
    if events.is_empty() {
        return Err(malformed());
    }
    let rules = children(section, &["Filter"])
        .flat_map(|filter| children(filter, &["S3Key"]))
        .flat_map(|key| children(key, &["FilterRule"]))
        .map(|rule| filter_rule(rule, edits))
        .collect::<Result<_, _>>()?;
    Ok(Entry { destination, arn, id: id_of(section, edits, new_id), events, rules })
}

fn children<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    names: &'a [&str],
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    node.children()
        .filter(move |child| names.iter().any(|name| child.is_element() && child.tag_name().name() == name))
}

fn text_of(node: Node<'_, '_>) -> String {
    node.children().filter_map(|child| child.text()).collect::<String>().trim().to_owned()
}

fn filter_rule(rule: Node<'_, '_>, edits: &mut Vec<Edit>) -> Result<(String, String), Refusal> {
    let name_element = children(rule, &["Name"]).next().ok_or_else(malformed)?;
    let value_element = children(rule, &["Value"]).next().ok_or_else(malformed)?;
    let value = value_element.children().filter_map(|child| child.text()).collect();
    let name = text_of(name_element);
    let capital = ["Prefix", "Suffix"].into_iter().find(|known| known.eq_ignore_ascii_case(&name));
    if let (Some(capital), Some(text)) = (capital, name_element.first_child()) {
        edits.push((text.range(), capital.to_owned()));
    }
    Ok((name, value))
}

/// The entry's Id. S3 generates an Id if the entry has none.
fn id_of(section: Node<'_, '_>, edits: &mut Vec<Edit>, new_id: impl Fn(&str) -> String) -> String {
    let element = children(section, &["Id"]).next();
    let given = element.map(text_of).unwrap_or_default();
    if !given.is_empty() {
        return given;
    }
    let text = &section.document().input_text()[section.range()];
    let id = new_id(text);
    let tag = &text[1..];
    let prefix = tag
        .split([' ', '>', '\n', '\t', '\r'])
        .next()
        .and_then(|name| name.split_once(':'))
        .map(|(prefix, _)| format!("{prefix}:"));
    let prefix = prefix.unwrap_or_default();
    let place = element.map_or_else(
        || {
            let start = section.first_child().map_or(section.range().end, |child| child.range().start);
            start..start
        },
        |element| element.range(),
    );
    edits.push((place, format!("<{prefix}Id>{id}</{prefix}Id>")));
    id
}
