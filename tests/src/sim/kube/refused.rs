//! Refusals of the API server, with its messages.

use std::fmt;

use serde_json::{Value, json};

use super::super::fault_injector::Refusal;
use super::resource::{Key, Resource};

/// A refusal, which becomes a `Status`
/// (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub code: u16,
    /// The machine-readable reason.
    pub reason: &'static str,
    /// The human-readable message.
    pub message: String,
}

impl Refused {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn not_found(key: &Key) -> Self {
        Self::new(404, "NotFound", format!("{} \"{}\" not found", key.resource.qualified(), key.name))
    }

    pub(super) fn already_exists(key: &Key) -> Self {
        let message = format!("{} \"{}\" already exists", key.resource.qualified(), key.name);
        Self::new(409, "AlreadyExists", message)
    }

    pub(super) fn conflict(key: &Key, why: &str) -> Self {
        let (resource, name) = (key.resource.qualified(), &key.name);
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::new(409, "Conflict", message)
    }

    pub(super) fn invalid(key: &Key, why: &str) -> Self {
        let kind = key.resource.qualified_kind();
        Self::new(422, "Invalid", format!("{kind} \"{}\" is invalid: {why}", key.name))
    }

    pub(super) fn modified(key: &Key) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(key, why)
    }

    pub(super) fn no_version(key: &Key) -> Self {
        let (resource, name) = (key.resource.qualified(), &key.name);
        let why = "metadata.resourceVersion: Invalid value: 0: must be specified for an update";
        Self::new(422, "Invalid", format!("{resource} \"{name}\" is invalid: {why}"))
    }

    pub(super) fn failed_patch() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request")
    }

    pub(super) fn terminating(key: &Key) -> Self {
        let (resource, name, namespace) = (key.resource.qualified(), &key.name, &key.namespace);
        let message = format!(
            "{resource} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it \
             is being terminated"
        );
        Self::new(403, "Forbidden", message)
    }

    pub(super) fn gone() -> Self {
        Self::new(410, "Expired", "too old resource version")
    }

    /// A refusal by the plan of the run.
    pub(super) fn planned(refusal: Refusal, resource: Resource, creating: bool) -> Self {
        let (code, reason) = match refusal {
            Refusal::Forbidden => (403, "Forbidden"),
            Refusal::NotFound => (404, "NotFound"),
            Refusal::Conflict if creating => (409, "AlreadyExists"),
            Refusal::Conflict | Refusal::Precondition => (409, "Conflict"),
            Refusal::Throttled => (429, "TooManyRequests"),
            Refusal::Server => (500, "InternalError"),
        };
        Self::new(code, reason, format!("{resource}: {reason}, by plan"))
    }

    /// The refusal as a `Status`.
    pub fn status(&self) -> Value {
        let Self { code, reason, message } = self;
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Refused {}
