//! The errors of a manifest, with kubectl's text.

use std::fmt;

/// An error of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Path of the field, such as `spec.filters[0].prefix`. Empty for an error of the whole object.
    pub field: String,
    /// The API server's text after the path, such as `Invalid value: "rate(1 hours)": write rate(1 hour)`.
    pub message: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.message),
            field => write!(f, "{field}: {}", self.message),
        }
    }
}

/// The errors of a manifest, at least one. [`fmt::Display`] writes the text of kubectl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestErrors {
    /// The errors, in the order of the schema.
    pub errors: Vec<ManifestError>,
    step: Step,
}

/// The step that found the errors.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Kind,
    Decoding,
    Validation { kind: String, name: String },
}

impl ManifestErrors {
    /// The errors of a manifest that is of neither kind, or of another version.
    pub(super) fn of_kind(api_version: &str, kind: &str) -> Self {
        let error = |field: &str, message| ManifestError { field: field.into(), message };
        let empty = [("apiVersion", api_version), ("kind", kind)];
        let mut errors: Vec<ManifestError> = empty
            .into_iter()
            .filter(|(_, text)| text.is_empty())
            .map(|(field, _)| error(field, format!("{field} not set")))
            .collect();
        if errors.is_empty() {
            errors.push(error("", format!("no matches for kind \"{kind}\" in version \"{api_version}\"")));
        }
        Self { errors, step: Step::Kind }
    }

    /// The errors of unknown fields.
    pub(super) fn of_decoding(errors: Vec<ManifestError>) -> Self {
        Self { errors, step: Step::Decoding }
    }

    /// The errors of invalid fields.
    pub(super) fn of_validation(kind: String, name: String, errors: Vec<ManifestError>) -> Self {
        Self { errors, step: Step::Validation { kind, name } }
    }

    fn messages(&self) -> String {
        self.errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match &self.step {
            Step::Kind => return f.write_str(&self.messages()),
            Step::Decoding => return write!(f, "strict decoding error: {}", self.messages()),
            Step::Validation { kind, name } => (kind, name),
        };
        write!(f, "The {kind} \"{name}\" is invalid: ")?;
        match self.errors.as_slice() {
            [error] => error.fmt(f),
            errors => errors.iter().try_for_each(|error| write!(f, "\n* {error}")),
        }
    }
}

impl std::error::Error for ManifestErrors {}
