//! What a call to AWS came back with, when it was no success: read once, here, for all services.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_triggers_core::plan::bucket::refused_destinations;
use lambda_triggers_core::plan::report::{Failure, Part, Reason};
use lambda_triggers_core::tenancy::Role;

use super::denial::{Missing, is_passed_on, missing};
use crate::reconcile::chain;

/// What kind of refusal or failure it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing of that name.
    NotFound,
    /// The credentials do not allow the call.
    Denied,
    /// The operator may not take on the role of the namespace.
    RoleRefused(Box<Role>),
    /// The tenancy does not permit it, and the call was not made.
    NotPermitted,
    /// Too many calls.
    Throttled,
    /// It changed under our hands, or another write is under way.
    Conflict,
    /// A quota is used up.
    Quota,
    /// S3 cannot deliver to destinations of the document: to these, where it says which.
    Destination(Vec<String>),
    /// Lambda cannot assume the function's role; a new role takes a while to count.
    RoleNotReady,
    /// The bucket is in another Region; S3 says which, mostly.
    OtherRegion(Option<String>),
    /// Any other refusal of what was asked for.
    Invalid,
    /// It failed, and nothing was done.
    Unavailable,
    /// No answer: it may have been done, or may be yet.
    OutcomeUnknown,
}

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("{action} on {on}: {}", code.as_deref().unwrap_or("no answer"))]
pub struct AwsError {
    /// What kind of failure.
    pub kind: Kind,
    /// The call, as an action of IAM: `lambda:AddPermission`.
    pub action: &'static str,
    /// What it was tried on.
    pub on: Box<str>,
    /// The role that it was made with; none for the operator's own credentials.
    pub role: Option<Box<Role>>,
    /// AWS's code for the failure.
    pub code: Option<Box<str>>,
    /// AWS's words for it.
    pub message: Option<Box<str>>,
    /// All that is known of it, for the log.
    #[source]
    pub source: Box<dyn StdError + Send + Sync>,
}

impl AwsError {
    /// Reads the SDK's error of the call `action` on `on`.
    pub fn of<E>(action: &'static str, on: impl Into<Box<str>>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        if let Some(error) = of_credentials(&error) {
            return error;
        }
        let code = error.code().map(Into::into);
        let message: Option<Box<str>> = error.message().map(|words| without_values(words).into());
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let region = response.and_then(|r| r.headers().get("x-amz-bucket-region")).map(ToOwned::to_owned);
        let kind = match &error {
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
                match kind(status.unwrap_or_default(), code.as_deref(), message.as_deref(), region) {
                    Kind::Destination(_) => Kind::Destination(destinations(response)),
                    kind => kind,
                }
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => Kind::Invalid,
            SdkError::ConstructionFailure(_) => Kind::Invalid,
            _ => Kind::OutcomeUnknown,
        };
        let source = without_values(&chain(&error)).into();
        Self { kind, action, on: on.into(), role: None, code, message, source }
    }

    /// An answer that succeeded as a call, and says that it failed all the same, or cannot be read.
    pub fn answered(
        kind: Kind,
        action: &'static str,
        on: impl Into<Box<str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, action, on: on.into(), role: None, code: None, message: None, source: source.into() }
    }

    /// A service's refusal of the call `action` on `on`, by HTTP status, error code and words. `region` is where the
    /// answer says that the bucket is.
    pub fn refused(
        action: &'static str,
        on: impl Into<Box<str>>,
        status: u16,
        code: &str,
        message: &str,
        region: Option<String>,
    ) -> Self {
        let kind = kind(status, Some(code), Some(message), region);
        Self {
            code: Some(code.into()),
            message: Some(message.into()),
            ..Self::answered(kind, action, on, format!("{status} {code}: {message}"))
        }
    }

    /// As a failure of `part`, in words that say what to do. They leave out AWS's own message where it holds
    /// names of sessions or request ids: a status that changes with each try would be written with each try.
    pub fn failure(&self, part: Part) -> Failure {
        let Self { kind, action, on, role, code, message, source: _ } = self;
        let code = code.as_deref().unwrap_or("no code");
        let words = message.as_deref().unwrap_or("no message");
        let (reason, message) = match kind {
            Kind::Denied => (
                Reason::AccessDenied,
                denied(action, on, words, role.as_deref().map(|role| role.arn.as_str())),
            ),
            Kind::RoleRefused(role) => (Reason::AccessDenied, role_refused(role)),
            Kind::NotPermitted => (Reason::NotPermitted, words.to_owned()),
            Kind::Throttled => (Reason::Throttled, format!("AWS throttles {action} on {on}; trying again")),
            Kind::Conflict => (
                Reason::AwsUnavailable,
                format!("{action} on {on} met another change ({code}); trying again"),
            ),
            Kind::Quota => (
                Reason::QuotaExceeded,
                format!(
                    "{action} on {on} exceeds a quota of AWS: {words} Raise the quota, or remove what is not needed"
                ),
            ),
            Kind::Destination(arns) => (
                Reason::DestinationRefused,
                format!(
                    "S3 refuses the notification configuration of {on}, since it cannot deliver to {}; a new permission takes a moment to count, so this is tried again; if it stays, look for \
                     an entry whose function, queue or topic is gone or does not permit s3.amazonaws.com",
                    if arns.is_empty() { "a destination in it".to_owned() } else { arns.join(", ") }
                ),
            ),
            Kind::RoleNotReady => (
                Reason::RoleNotReady,
                format!(
                    "Lambda cannot assume the role of {on}; a new role takes a moment to count, so this is tried again; \
                     if it stays, see that the role exists and that its trust policy names lambda.amazonaws.com"
                ),
            ),
            Kind::OtherRegion(region) => (
                Reason::BucketInOtherRegion,
                match region {
                    Some(region) => {
                        format!("{on} is in {region}: write `region: {region}`, and name a function there")
                    }
                    None => {
                        format!("{on} is in another Region: write its `region`, and name a function there")
                    }
                },
            ),
            Kind::NotFound => (Reason::AwsRefused, format!("{action}: {on} does not exist")),
            Kind::Invalid => (Reason::AwsRefused, format!("AWS refuses {action} on {on} ({code}): {words}")),
            Kind::Unavailable => {
                (Reason::AwsUnavailable, format!("AWS failed at {action} on {on} ({code}); trying again"))
            }
            Kind::OutcomeUnknown => {
                (Reason::AwsUnavailable, format!("AWS did not answer {action} on {on}; trying again"))
            }
        };
        Failure::new(part, reason, message)
    }
}

/// AWS's words without the values that it was sent, which may be secret: it repeats them where one breaks a constraint of
/// its API, as in `Value 'hunter2' at 'environment' failed to satisfy constraint`.
fn without_values(words: &str) -> String {
    const BEGIN: &str = "Value '";
    const FIELD: &str = "' at '";
    const END: &str = "' failed to satisfy constraint";
    let mut kept = String::new();
    let mut rest = words;
    while let Some((told, after)) = rest.split_once(END) {
        // The value may hold any of these words itself.
        match (told.find(BEGIN), told.rfind(FIELD)) {
            (Some(begin), Some(field)) if begin + BEGIN.len() <= field => {
                kept += &told[..begin + BEGIN.len()];
                kept += "...";
                kept += &told[field..];
            }
            _ => kept += told,
        }
        kept += END;
        rest = after;
    }
    kept + rest
}

/// Why there were no credentials to make a call with, where they are those of a role.
fn of_credentials(error: &(dyn StdError + 'static)) -> Option<AwsError> {
    let mut source = error;
    let found = loop {
        match source.downcast_ref::<AwsError>() {
            Some(found) => break found,
            None => source = source.source()?,
        }
    };
    let AwsError { kind, action, on, role, code, message, source } = found;
    Some(AwsError {
        kind: match kind {
            // Nothing was sent that could have been done.
            Kind::OutcomeUnknown => Kind::Unavailable,
            kind => kind.clone(),
        },
        action,
        on: on.clone(),
        role: role.clone(),
        code: code.clone(),
        message: message.clone(),
        source: source.to_string().into(),
    })
}

/// What to allow where a role cannot be taken on. AWS does not say which of the two policies lacks it.
fn role_refused(role: &Role) -> String {
    let Role { arn, external_id } = role;
    let condition = external_id.as_ref().map_or_else(String::new, |id| {
        format!(r#","Condition":{{"StringEquals":{{"sts:ExternalId":"{id}"}}}}"#)
    });
    format!(
        "AWS does not let the operator take on role {arn}: allow sts:AssumeRole on it in the IAM policy of the operator's role, \
         and see that the trust policy of {arn} has the statement \
         {{\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"<ARN of the operator's role>\"}},\"Action\":\"sts:AssumeRole\"{condition}}}"
    )
}

/// What is denied, and what to allow.
fn denied(action: &str, on: &str, words: &str, role: Option<&str>) -> String {
    let whose = role.map_or_else(|| "the operator's role".to_owned(), |role| format!("role {role}"));
    let missing = missing(words).filter(|missing| missing.right != action || missing.forbidden_by.is_some());
    if let Some(Missing { right, on: denied_on, forbidden_by }) = missing {
        let denied_on = denied_on.map(|on| format!(" on {on}")).unwrap_or_default();
        let what = match right == action {
            true => format!("AWS denies {action} on {on}"),
            false => format!("AWS denies {right}{denied_on}, which {action} on {on} needs"),
        };
        return match forbidden_by {
            Some(policy) => format!("{what}: it is forbidden in {policy}; take that out there"),
            None => format!("{what}: allow {right} in the IAM policy of {whose}"),
        };
    }
    format!(
        "AWS denies {action} on {on}: allow {action} in the IAM policy of {whose}{}",
        if action.starts_with("s3:") {
            ", and see that the bucket's policy does not deny it and that spec.bucketOwner is the account that owns the bucket"
        } else {
            ""
        }
    )
}

/// The destinations that an answer names.
fn destinations(response: Option<&HttpResponse>) -> Vec<String> {
    let body = response.and_then(|response| response.body().bytes()).unwrap_or_default();
    refused_destinations(&String::from_utf8_lossy(body))
}

/// What a service's answer means: by its code where that is known, else by its status.
pub(super) fn kind(status: u16, code: Option<&str>, message: Option<&str>, region: Option<String>) -> Kind {
    match code.unwrap_or_default() {
        "NoSuchBucket" | "ResourceNotFoundException" | "NoSuchKey" => Kind::NotFound,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "SignatureDoesNotMatch" => Kind::Denied,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            Kind::OtherRegion(region)
        }
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded" => Kind::Throttled,
        "OperationAborted"
        | "PreconditionFailedException"
        | "ResourceConflictException"
        | "ConcurrentModificationException" => Kind::Conflict,
        "LimitExceededException" | "PolicyLengthExceededException" | "CodeStorageExceededException" => {
            Kind::Quota
        }
        "InvalidParameterValueException" if message.is_some_and(is_passed_on) => Kind::Denied,
        "InvalidParameterValueException" if message.is_some_and(|m| m.contains("cannot be assumed")) => {
            Kind::RoleNotReady
        }
        "InvalidArgument" if message.is_some_and(|m| m.contains("destination configurations")) => {
            Kind::Destination(vec![])
        }
        _ => match status {
            301 | 307 => Kind::OtherRegion(region),
            403 | 401 => Kind::Denied,
            404 => Kind::NotFound,
            409 | 412 => Kind::Conflict,
            429 => Kind::Throttled,
            500.. => Kind::Unavailable,
            _ => Kind::Invalid,
        },
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::error::CredentialsError;

    use super::*;

    #[test]
    fn a_code_says_more_than_a_status() {
        let refused = "Unable to validate the following destination configurations";
        let cases = [
            (400, "ThrottlingException", "", Kind::Throttled),
            (503, "SlowDown", "", Kind::Throttled),
            (409, "OperationAborted", "", Kind::Conflict),
            (400, "InvalidArgument", refused, Kind::Destination(vec![])),
            (400, "InvalidArgument", "Configurations overlap.", Kind::Invalid),
            (404, "NoSuchBucket", "", Kind::NotFound),
            (400, "AccessDeniedException", "", Kind::Denied),
            (500, "InternalError", "", Kind::Unavailable),
            (403, "", "", Kind::Denied),
        ];
        for (status, code, message, expected) in cases {
            assert_eq!(kind(status, Some(code), Some(message), None), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_role_that_cannot_be_taken_on_is_told_of_in_place_of_the_call() {
        let role = Role {
            arn: "arn:aws:iam::123456789012:role/media".into(),
            external_id: Some("cluster-1".into()),
        };
        let refused = AwsError {
            kind: Kind::RoleRefused(Box::new(role)),
            ..AwsError::refused("sts:AssumeRole", "role", 403, "AccessDenied", "no", None)
        };
        let sent: SdkError<aws_sdk_sts::operation::assume_role::AssumeRoleError, HttpResponse> =
            SdkError::construction_failure(CredentialsError::provider_error(refused));
        let failure =
            AwsError::of("s3:GetBucketNotification", "bucket photos", sent).failure(Part::Notification);
        assert_eq!(
            (failure.reason, &*failure.message),
            (
                Reason::AccessDenied,
                "AWS does not let the operator take on role arn:aws:iam::123456789012:role/media: allow sts:AssumeRole on it in \
                 the IAM policy of the operator's role, and see that the trust policy of arn:aws:iam::123456789012:role/media has \
                 the statement {\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"<ARN of the operator's role>\"},\"Action\":\"sts:AssumeRole\",\
                 \"Condition\":{\"StringEquals\":{\"sts:ExternalId\":\"cluster-1\"}}}"
            )
        );
    }

    #[test]
    fn values_that_aws_repeats_are_left_out() {
        let cases = [
            ("Rate exceeded", "Rate exceeded"),
            (
                "2 validation errors detected: Value 'it's at 'home'' at 'a.b' failed to satisfy constraint: short; Value 'y' at \
                 'c' failed to satisfy constraint: long",
                "2 validation errors detected: Value '...' at 'a.b' failed to satisfy constraint: short; Value '...' at 'c' \
                 failed to satisfy constraint: long",
            ),
            (
                "Value at 'a' failed to satisfy constraint: null",
                "Value at 'a' failed to satisfy constraint: null",
            ),
        ];
        for (words, expected) in cases {
            assert_eq!(without_values(words), expected);
        }
    }

    #[test]
    fn what_is_reported_does_not_change_from_try_to_try() {
        let error = |session: &str| AwsError {
            kind: Kind::Denied,
            action: "events:DeleteRule",
            on: "rule lt-1".into(),
            role: None,
            code: Some("AccessDeniedException".into()),
            message: Some(
                format!("User: arn:aws:sts::1:assumed-role/operator/{session} is not authorized").into(),
            ),
            source: "".into(),
        };
        let failure = error("a").failure(Part::Rule);
        assert_eq!(failure, error("b").failure(Part::Rule));
        let role = Role { arn: "arn:aws:iam::1:role/media".into(), external_id: None };
        let of_role = AwsError { role: Some(Box::new(role)), ..error("a") }.failure(Part::Rule);
        assert_eq!(
            of_role.message,
            "AWS denies events:DeleteRule on rule lt-1: allow events:DeleteRule in the IAM policy of role arn:aws:iam::1:role/media"
        );
        assert_eq!(
            failure.message,
            "AWS denies events:DeleteRule on rule lt-1: allow events:DeleteRule in the IAM policy of the operator's role"
        );
    }
}
