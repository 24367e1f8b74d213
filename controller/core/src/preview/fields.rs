//! The differences between two settings, field by field.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// True to show the values of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Values of `input`, of `environment` and of code are left out.
    Hide,
    /// All values are shown.
    Show,
}

/// A changed setting.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The name of the setting.
    pub path: String,
    /// The current value in AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// True if the values are left out, since they may be secrets.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

impl FieldChange {
    /// The change of a setting.
    pub fn new(
        path: impl Into<String>,
        before: Option<Value>,
        after: Option<Value>,
        secrets: Secrets,
    ) -> Self {
        let path = path.into();
        let is_secret = path == "code"
            || path.split('.').next_back() == Some("input")
            || path.starts_with("environment.");
        match is_secret && secrets == Secrets::Hide {
            true => Self { path, before: None, after: None, sensitive: true },
            false => Self { path, before, after, sensitive: false },
        }
    }
}

/// The settings that differ. `before` is `None` for a new part, whose settings are all new.
pub fn differences<T: Serialize>(before: Option<&T>, after: &T, secrets: Secrets) -> Vec<FieldChange> {
    let (mut old, mut new) = (vec![], vec![]);
    flatten("", before.map(value).unwrap_or_default(), &mut old);
    flatten("", value(after), &mut new);
    let of = |all: &[(String, Value)], path: &str| {
        all.iter().find(|(other, _)| other == path).map(|(_, value)| value.clone())
    };
    let mut paths: Vec<&String> = new.iter().chain(&old).map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| (path, of(&old, path), of(&new, path)))
        .filter(|(_, old, new)| old != new)
        .map(|(path, old, new)| FieldChange::new(path, old, new, secrets))
        .collect()
}

fn value<T: Serialize>(settings: &T) -> Value {
    serde_json::to_value(settings).unwrap_or_default()
}

/// The leaves of a value, with their paths. Empty values count as absent.
fn flatten(path: &str, value: Value, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(&path, value, leaves);
            }
        }
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Array(items) if items.is_empty() => {}
        leaf => leaves.push((path.to_owned(), leaf)),
    }
}
