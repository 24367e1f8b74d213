//! The errors that the checks of one manifest have found, with the API server's texts.

use serde_json::Value;

use super::go_text;
use super::manifest_error::ManifestError;
use crate::api::validation::messages;

/// Errors in the order of their checks.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<ManifestError>,
    block_rules: bool,
}

impl Findings {
    /// True if the API server would not evaluate the rules of the CRD: a value is missing, too long, or of another
    /// type. A rule could fail on such a value.
    pub fn block_rules(&self) -> bool {
        self.block_rules
    }

    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    pub fn into_errors(self) -> Vec<ManifestError> {
        self.errors
    }

    /// True if an error of the field has this text at its end.
    pub fn contain(&self, field: &str, text: &str) -> bool {
        self.errors.iter().any(|error| error.field == field && error.message.ends_with(text))
    }

    /// A value that breaks a rule. `value` is the printed value, if the error shows it.
    pub fn invalid(&mut self, field: &str, value: Option<&str>, message: &str) {
        let value = value.map(|value| format!("{value}: ")).unwrap_or_default();
        self.push(field, format!("Invalid value: {value}{message}"));
    }

    pub fn duplicate(&mut self, field: &str, value: &Value) {
        self.push(field, format!("Duplicate value: {}", go_text::value(value)));
    }

    /// A value of the type `found` in place of `expected`. For a malformed date, `found` is the value.
    pub fn wrong_type(&mut self, field: &str, expected: &str, found: &str) {
        let found = go_text::quoted(found);
        let message = format!("{field} in body must be of type {expected}: {found}");
        self.invalid(field, Some(&found), &message);
        self.block_rules = true;
    }

    pub fn required(&mut self, field: &str, detail: &str) {
        self.block(field, format!("Required value{detail}"));
    }

    pub fn unsupported(&mut self, field: &str, value: &Value, supported: &[String]) {
        self.block(field, messages::unsupported(&go_text::value(value), supported));
    }

    pub fn too_long(&mut self, field: &str, limit: usize) {
        self.block(field, messages::too_long(limit));
    }

    pub fn too_many(&mut self, field: &str, count: usize, limit: usize) {
        self.block(field, messages::too_many(count, limit));
    }

    fn block(&mut self, field: &str, message: String) {
        self.push(field, message);
        self.block_rules = true;
    }

    fn push(&mut self, field: &str, message: String) {
        self.errors.push(ManifestError { field: field.into(), message });
    }
}
