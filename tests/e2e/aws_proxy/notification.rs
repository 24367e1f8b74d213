//! Notification configurations of buckets as XML.

use std::fmt::Write;

use serde_json::Value;

/// A document with an entry for each value. An entry has an `Id`, a `Function` or a `Queue`, an `Event` or several, and a
/// `Filter` of rules such as `prefix=images/`.
pub fn document(entries: &Value) -> String {
    let entries: String = entries.as_array().unwrap().iter().map(entry).collect();
    format!(
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{entries}</NotificationConfiguration>"
    )
}

fn entry(entry: &Value) -> String {
    let (section, destination) = if entry["Queue"].is_string() {
        ("QueueConfiguration", "Queue")
    } else {
        ("CloudFunctionConfiguration", "CloudFunction")
    };
    let mut xml = format!("<{section}>");
    for id in texts(&entry["Id"]) {
        element(&mut xml, "Id", id);
    }
    for arn in texts(&entry["Queue"]).chain(texts(&entry["Function"])) {
        element(&mut xml, destination, arn);
    }
    for event in texts(&entry["Event"]) {
        element(&mut xml, "Event", event);
    }
    if !entry["Filter"].is_null() {
        xml.push_str("<Filter><S3Key>");
        for (name, value) in texts(&entry["Filter"]).filter_map(|rule| rule.split_once('=')) {
            xml.push_str("<FilterRule>");
            element(&mut xml, "Name", name);
            element(&mut xml, "Value", value);
            xml.push_str("</FilterRule>");
        }
        xml.push_str("</S3Key></Filter>");
    }
    xml + &format!("</{section}>")
}

/// The text, or the texts of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

fn element(xml: &mut String, name: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = write!(xml, "<{name}>{text}</{name}>");
}
