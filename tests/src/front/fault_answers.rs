//! Injected refusals in each service's own words.

use super::{call::Request, wire::Refusal};

/// Refused for its rate.
pub(super) fn throttled(request: &Request) -> Refusal {
    match request.service.as_str() {
        "s3" => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
        "lambda" => Refusal::new(429, "TooManyRequestsException", "Rate exceeded")
            .detail("Reason", "CallerRateLimitExceeded")
            .header("retry-after", "1"),
        "sts" | "iam" => Refusal::new(400, "Throttling", "Rate exceeded"),
        _ => Refusal::new(400, "ThrottlingException", "Rate exceeded"),
    }
}

/// A server error.
pub(super) fn server_error(request: &Request, status: u16) -> Refusal {
    let unavailable = status == 503;
    let code = match request.service.as_str() {
        "lambda" => "ServiceException",
        "events" if !unavailable => "InternalException",
        _ if unavailable => "ServiceUnavailable",
        _ => "InternalError",
    };
    Refusal::new(status, code, "We encountered an internal error. Please try again.")
}

/// 409 of S3.
pub(super) fn operation_aborted() -> Refusal {
    let text = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    Refusal::new(409, "OperationAborted", text)
}

/// Refused by IAM. JSON services of the awsJson protocol answer 400, the others 403.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
pub(super) fn denied(request: &Request) -> Refusal {
    let Request { account, region, service, operation, resource, .. } = request;
    let (status, code, action, arn) = match service.as_str() {
        "s3" => (403, "AccessDenied", s3_action(operation), format!("\"arn:aws:s3:::{resource}\"")),
        "lambda" => (
            403,
            "AccessDeniedException",
            operation.as_str(),
            format!("arn:aws:lambda:{region}:{account}:function:{resource}"),
        ),
        "events" => (
            400,
            "AccessDeniedException",
            operation.as_str(),
            format!("arn:aws:events:{region}:{account}:rule/{resource}"),
        ),
        "sts" => (403, "AccessDenied", operation.as_str(), format!("arn:aws:iam::{account}:role/{resource}")),
        _ => (400, "AccessDeniedException", operation.as_str(), "*".to_owned()),
    };
    let text = format!(
        "User: arn:aws:sts::{account}:assumed-role/operator/session is not authorized to perform: {service}:{action} \
         on resource: {arn} because no identity-based policy allows the {service}:{action} action"
    );
    Refusal::new(status, code, text)
}

/// IAM's name for an S3 operation.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
fn s3_action(operation: &str) -> &str {
    match operation {
        "PutBucketNotificationConfiguration" => "PutBucketNotification",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "HeadBucket" | "ListObjectsV2" | "ListObjects" => "ListBucket",
        "HeadObject" => "GetObject",
        operation => operation,
    }
}
