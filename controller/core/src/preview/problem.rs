//! The problems of a resource.

use schemars::JsonSchema;
use serde::Serialize;

use crate::api::ManifestError;
use crate::status::{ErrorClass, Failure, Reason};

/// A problem of a resource.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The reason, as in the conditions of docs/conditions.md.
    pub reason: String,
    /// The field of the manifest, such as `spec.filters[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The line of the field in the file of the manifest, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, and what to do.
    pub message: String,
}

/// The severity of a problem.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The operator would not apply the resource.
    Error,
    /// AWS did not show what the operator would do.
    Unknown,
    /// The operator would apply the resource.
    Warning,
}

impl Problem {
    /// A problem with a reason of its own.
    pub fn new(reason: Reason, severity: Severity, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason: reason.as_str().into(), field: field_of(&message), line: None, severity, message }
    }

    /// The failure that the operator would report. A failure that passes by itself, and a denied read, leave the plan
    /// open.
    pub fn from_failure(failure: &Failure) -> Self {
        let is_open = failure.class() == ErrorClass::Retryable
            || failure.class() == ErrorClass::Throttled
            || failure.reason == Reason::AccessDenied;
        let severity = if is_open { Severity::Unknown } else { Severity::Error };
        Self::new(failure.reason, severity, failure.message.clone())
    }

    /// The refusal of the API server.
    pub fn of_manifest(error: &ManifestError) -> Self {
        let field = Some(error.field.clone()).filter(|field| !field.is_empty());
        let reason = Reason::InvalidSpec.as_str().into();
        // The message of an unknown field names the field.
        let message = match error.message.starts_with("unknown field") {
            true => format!("strict decoding error: {}", error.message),
            false => error.to_string(),
        };
        Self { reason, field, line: None, severity: Severity::Error, message }
    }
}

/// The field at the start of a message.
fn field_of(message: &str) -> Option<String> {
    let field = message.split([' ', ';']).next()?.trim_end_matches(':');
    field.starts_with("spec.").then(|| field.to_owned())
}
