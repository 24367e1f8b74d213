//! A validation error, like `field.Error` of Kubernetes.

use std::fmt;

/// An invalid field of a spec, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, as for `kubectl explain`: `spec.schedule`.
    pub field: String,
    /// What to write instead, with the same text as the CRD's rule.
    pub message: String,
}

impl FieldError {
    pub(in crate::api) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// The error of a number outside of `min..=max`, with Kubernetes' text. `None` inside of the limits.
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
