//! Refusals and lost answers, as the SDK adapters report these errors to the operator.

use lambda_triggers::aws::{AwsError, AwsErrorKind, NoConnection};
use lambda_triggers_core::plan::bucket::refused_destinations;

use super::super::fault_injector::{self, Passed};
use super::journal::Writer;
use crate::aws_proxy::bucket_check::no_such_bucket;
use crate::aws_proxy::fault_answers::{access_denied, operation_aborted, server_error, throttled};
use crate::aws_proxy::wire::Refusal;
use crate::scheduler::store::conflict;

/// The identity of a call.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub by: Writer,
    /// The IAM action.
    pub action: &'static str,
    /// The resource, with the names of the SDK adapters.
    pub on: String,
    pub write: bool,
}

/// The ARNs in a refusal of a document. The SDK adapter parses the same elements of S3's answer.
fn destinations(details: &[(String, String)]) -> Vec<String> {
    let elements: String = details.iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
    refused_destinations(&format!("<Error>{elements}</Error>"))
}

impl Op {
    /// The outcome of a call for the caller. A truncated answer cannot be parsed, so the outcome is unknown.
    pub fn received<T>(&self, passed: Passed<Result<T, Refusal>>) -> Result<T, AwsError> {
        match passed {
            Passed::Answer(Ok(answer)) => Ok(answer),
            Passed::Answer(Err(refusal)) => Err(self.refused(&refusal)),
            Passed::Refused(planned) => Err(self.refused(&self.by_plan(planned))),
            Passed::NoAnswer => Err(self.unknown("no answer")),
            Passed::Unsent => {
                let kind = AwsErrorKind::NoConnection(NoConnection::Refused);
                Err(AwsError::unexpected(kind, self.action, self.on.as_str(), "the connection is refused"))
            }
            Passed::Truncated(_) => Err(self.unknown("the answer is cut off")),
        }
    }

    fn unknown(&self, why: &str) -> AwsError {
        AwsError::unexpected(AwsErrorKind::OutcomeUnknown, self.action, self.on.as_str(), why)
    }

    pub fn refused(&self, refusal: &Refusal) -> AwsError {
        let Refusal { status, code, message, details, headers } = refusal;
        let region = headers.iter().find(|(name, _)| name == "x-amz-bucket-region");
        let region = region.map(|(_, region)| region.clone());
        let error = AwsError::rejected(self.action, self.on.as_str(), *status, code, message, region);
        match error.kind {
            AwsErrorKind::Destination(_) => {
                AwsError { kind: AwsErrorKind::Destination(destinations(details)), ..error }
            }
            _ => error,
        }
    }

    /// A planned refusal, with the code and the message of the service.
    fn by_plan(&self, planned: fault_injector::Refusal) -> Refusal {
        let service = self.action.split(':').next().unwrap_or_default();
        match planned {
            fault_injector::Refusal::Forbidden => {
                let text = format!("User: operator is not authorized to perform: {}", self.action);
                access_denied(service, text)
            }
            fault_injector::Refusal::NotFound => match service {
                "s3" => no_such_bucket(),
                "events" => {
                    Refusal::new(400, "ResourceNotFoundException", format!("{} does not exist", self.on))
                }
                "scheduler" => {
                    Refusal::new(404, "ResourceNotFoundException", format!("{} does not exist.", self.on))
                }
                _ => Refusal::new(
                    404,
                    "ResourceNotFoundException",
                    "The resource you requested does not exist.",
                ),
            },
            fault_injector::Refusal::Conflict => match service {
                "s3" => operation_aborted(),
                "events" => {
                    let text = format!("{} was modified concurrently", self.on);
                    Refusal::new(400, "ConcurrentModificationException", text)
                }
                "scheduler" => conflict(format!("{} is being changed.", self.on)),
                _ => {
                    let text = "The operation cannot be performed at this time. An update is in progress.";
                    Refusal::new(409, "ResourceConflictException", text)
                }
            },
            fault_injector::Refusal::Precondition => {
                let code = if service == "s3" { "PreconditionFailed" } else { "PreconditionFailedException" };
                Refusal::new(412, code, "At least one of the preconditions you specified did not hold")
            }
            fault_injector::Refusal::Throttled => throttled(service),
            fault_injector::Refusal::Server => server_error(service, 500),
        }
    }
}
