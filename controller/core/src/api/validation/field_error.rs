//! What is wrong with a spec.

use std::fmt;

/// A field of a spec that cannot be as it is, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, as `kubectl explain` takes it: `spec.schedule`.
    pub field: String,
    /// What to write instead, in the words of the CRD.
    pub message: String,
}

impl FieldError {
    pub(in crate::api) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// A number outside of its limits, in the words of Kubernetes.
    pub(in crate::api) fn of_range(field: &str, value: i64, min: i64, max: i64) -> Option<Self> {
        let limit = match value {
            _ if value < min => format!("greater than or equal to {min}"),
            _ if value > max => format!("less than or equal to {max}"),
            _ => return None,
        };
        Some(Self::new(field, format!("{field} in body should be {limit}")))
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
