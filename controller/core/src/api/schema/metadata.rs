//! Validation of an object's metadata: the name, labels and annotations.
//!
//! The rules and their texts are those of Kubernetes
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>,
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>).

use serde_json::Value;

use super::findings::Findings;
use super::go_text::quoted;
use crate::api::validation::is_dns_subdomain;

pub(super) const SUBDOMAIN: &str = r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
pub(super) const NAME_PART: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
pub(super) const LABEL: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Characters of a name.
const NAME_LENGTH: usize = 253;
/// Bytes of a label's name and value.
const LABEL_LENGTH: usize = 63;

/// Checks the metadata of an object. An object with `generateName` gets its name from the API server.
pub(super) fn check(findings: &mut Findings, object: &Value) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let pairs = |field: &str| object["metadata"][field].as_object().into_iter().flatten();
    let (name, prefix) = (text("name"), text("generateName"));
    if name.is_empty() && prefix.is_empty() {
        findings.required("metadata.name", ": name or generateName is required");
    }
    // The API server adds letters to a prefix, so the prefix may end with a hyphen.
    let names =
        [("metadata.generateName", prefix, prefix.trim_end_matches('-')), ("metadata.name", name, name)];
    for (field, written, name) in names {
        let errors = if written.is_empty() { vec![] } else { subdomain_errors(name) };
        errors.iter().for_each(|error| findings.invalid(field, Some(&quoted(written)), error));
    }
    let mut report = |field: &str, text: &str, errors: Vec<String>| {
        errors.iter().for_each(|error| findings.invalid(field, Some(&quoted(text)), error));
    };
    for (key, value) in pairs("labels") {
        report("metadata.labels", key, key_errors(key));
        let value = value.as_str().unwrap_or_default();
        report("metadata.labels", value, label_errors(value));
    }
    for (key, _) in pairs("annotations") {
        report("metadata.annotations", key, key_errors(&key.to_lowercase()));
    }
}

fn subdomain_errors(name: &str) -> Vec<String> {
    let long = (name.len() > NAME_LENGTH).then(|| format!("must be no more than {NAME_LENGTH} characters"));
    let form = (!is_dns_subdomain(name)).then(|| SUBDOMAIN.to_owned());
    long.into_iter().chain(form).collect()
}

/// The errors of a key: a name, with an optional prefix and `/`.
fn key_errors(key: &str) -> Vec<String> {
    let (prefix, name) = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            return vec![format!(
                "a valid label key {NAME_PART} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    let of_prefix = match prefix {
        Some("") => vec!["prefix part must be non-empty".into()],
        Some(prefix) => subdomain_errors(prefix).iter().map(|error| format!("prefix part {error}")).collect(),
        None => vec![],
    };
    let empty = name.is_empty().then(|| "name part must be non-empty".into());
    let long = over_label_length(name).map(|error| format!("name part {error}"));
    let form = (!is_label(name)).then(|| format!("name part {NAME_PART}"));
    of_prefix.into_iter().chain(empty).chain(long).chain(form).collect()
}

fn label_errors(value: &str) -> Vec<String> {
    let form = (!value.is_empty() && !is_label(value)).then(|| LABEL.to_owned());
    over_label_length(value).into_iter().chain(form).collect()
}

fn over_label_length(text: &str) -> Option<String> {
    (text.len() > LABEL_LENGTH).then(|| format!("must be no more than {LABEL_LENGTH} bytes"))
}

/// True for letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && [bytes.first(), bytes.last()].into_iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
}
