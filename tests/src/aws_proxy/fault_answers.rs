//! Injected refusals in the words of each service.

use super::{call::Request, faults::CredentialFault, iam_needs::Need, wire::Refusal};

/// The call exceeds the request rate.
pub(crate) fn throttled(service: &str) -> Refusal {
    match service {
        "s3" => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
        "lambda" => Refusal::new(429, "TooManyRequestsException", "Rate exceeded")
            .detail("Reason", "CallerRateLimitExceeded")
            .header("retry-after", "1"),
        "sts" | "iam" => Refusal::new(400, "Throttling", "Rate exceeded"),
        "scheduler" => Refusal::new(429, "ThrottlingException", "Rate exceeded"),
        _ => Refusal::new(400, "ThrottlingException", "Rate exceeded"),
    }
}

/// A server error.
pub(crate) fn server_error(service: &str, status: u16) -> Refusal {
    let unavailable = status == 503;
    let code = match service {
        "lambda" => "ServiceException",
        "scheduler" if !unavailable => "InternalServerException",
        "events" if !unavailable => "InternalException",
        _ if unavailable => "ServiceUnavailable",
        _ => "InternalError",
    };
    Refusal::new(status, code, "We encountered an internal error. Please try again.")
}

/// S3's 409 for parallel changes.
pub(crate) fn operation_aborted() -> Refusal {
    let text = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    Refusal::new(409, "OperationAborted", text)
}

/// Rejected credentials. EventBridge uses the awsJson protocol and answers 400.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
/// <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>
pub(super) fn credentials_refused(service: &str, fault: CredentialFault) -> Refusal {
    let status = if service == "events" { 400 } else { 403 };
    let (status, code, text) = match (fault, service) {
        (CredentialFault::Expired, "s3") => (400, "ExpiredToken", "The provided token has expired."),
        (CredentialFault::Expired, "sts") => {
            (status, "ExpiredToken", "The security token included in the request is expired")
        }
        (CredentialFault::Expired, _) => {
            (status, "ExpiredTokenException", "The security token included in the request is expired")
        }
        (CredentialFault::Unknown, "s3") => (
            status,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        (CredentialFault::Unknown, "sts") => {
            (status, "InvalidClientTokenId", "The security token included in the request is invalid.")
        }
        (CredentialFault::Unknown, _) => {
            (status, "UnrecognizedClientException", "The security token included in the request is invalid.")
        }
        (CredentialFault::WrongSignature, "s3" | "sts") => (status, "SignatureDoesNotMatch", UNSIGNED),
        (CredentialFault::WrongSignature, _) => (status, "InvalidSignatureException", UNSIGNED),
        (CredentialFault::ClockBehind, "s3") => (
            status,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        (CredentialFault::ClockBehind, "sts") => (status, "SignatureDoesNotMatch", BEHIND),
        (CredentialFault::ClockBehind, _) => (status, "InvalidSignatureException", BEHIND),
        (CredentialFault::RegionNotEnabled, "sts") => {
            (status, "RegionDisabledException", "STS is not activated in this region for account.")
        }
        (CredentialFault::RegionNotEnabled, _) => {
            (status, "OptInRequired", "The AWS Access Key Id needs a subscription for the service")
        }
    };
    Refusal::new(status, code, text)
}

const UNSIGNED: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                        Access Key and signing method. Consult the service documentation for details.";
const BEHIND: &str =
    "Signature expired: 20261126T095500Z is now earlier than 20261126T100000Z (20261126T100500Z - 5 min.)";

/// Access denied by IAM. The text names the account, Region and resource of the request.
pub(super) fn denied(request: &Request) -> Refusal {
    let Request { account, region, service, operation, resource, .. } = request;
    let (action, arn) = match service.as_str() {
        "s3" => (s3_action(operation), format!("\"arn:aws:s3:::{resource}\"")),
        "lambda" => (operation.as_str(), format!("arn:aws:lambda:{region}:{account}:function:{resource}")),
        "events" => (operation.as_str(), format!("arn:aws:events:{region}:{account}:rule/{resource}")),
        "scheduler" if operation.ends_with("Schedule") => {
            (operation.as_str(), format!("arn:aws:scheduler:{region}:{account}:schedule/*/{resource}"))
        }
        "sts" => (operation.as_str(), format!("arn:aws:iam::{account}:role/{resource}")),
        _ => (operation.as_str(), "*".to_owned()),
    };
    let text = format!(
        "User: arn:aws:sts::{account}:assumed-role/operator/session is not authorized to perform: {service}:{action} \
         on resource: {arn} because no identity-based policy allows the {service}:{action} action"
    );
    access_denied(service, text)
}

/// Access denied by IAM for a missing permission, in the words of the service.
pub(super) fn not_authorized(request: &Request, need: &Need) -> Refusal {
    let Request { account, service, .. } = request;
    let Need { action, resource, .. } = need;
    let through_lambda = (service == "lambda").then(|| action.split_once(':')).flatten();
    match through_lambda {
        Some(("s3", right)) => {
            // The text names `GetObject`, also for `s3:GetObjectVersion`.
            let right = right.trim_end_matches("Version");
            let text = format!(
                "Your access has been denied by S3, please make sure your request credentials have permission to \
                 {right} for {}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied",
                resource.trim_start_matches("arn:aws:s3:::")
            );
            access_denied(service, text)
        }
        Some(("ec2", right)) => {
            let text = format!(
                "Your access has been denied by EC2, please make sure your request credentials have permission to \
                 {right}. EC2 Error Code: UnauthorizedOperation."
            );
            Refusal::new(400, "InvalidParameterValueException", text)
        }
        Some(("ecr", _)) => {
            let text = "Lambda does not have permission to access the ECR image. Check the ECR permissions.";
            access_denied(service, text.into())
        }
        _ => {
            let text = format!(
                "User: arn:aws:sts::{account}:assumed-role/operator/session is not authorized to perform: {action} \
                 on resource: {resource} because no identity-based policy allows the {action} action"
            );
            access_denied(service, text)
        }
    }
}

/// Access denied in the format of the service. Services of the awsJson protocol answer 400, all others 403.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
pub(crate) fn access_denied(service: &str, text: String) -> Refusal {
    let (status, code) = match service {
        "s3" | "sts" | "iam" => (403, "AccessDenied"),
        "lambda" | "scheduler" => (403, "AccessDeniedException"),
        _ => (400, "AccessDeniedException"),
    };
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
