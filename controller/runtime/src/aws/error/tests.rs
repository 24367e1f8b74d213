//! Tests of the classification and the messages of AWS errors.

use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::*;

/// The message of EventBridge Scheduler about a role that does not trust it.
const ROLE_REFUSED: &str =
    "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";

#[test]
fn the_code_decides_before_the_status() {
    let refused = "Unable to validate the following destination configurations";
    let cases = [
        (400, "ThrottlingException", "", AwsErrorKind::Throttled),
        (503, "SlowDown", "", AwsErrorKind::Throttled),
        (409, "OperationAborted", "", AwsErrorKind::Conflict),
        (400, "InvalidArgument", refused, AwsErrorKind::Destination(vec![])),
        (400, "InvalidArgument", "Configurations overlap.", AwsErrorKind::Invalid),
        (404, "NoSuchBucket", "", AwsErrorKind::NotFound),
        (400, "AccessDeniedException", "", AwsErrorKind::Denied),
        (500, "InternalError", "", AwsErrorKind::Unavailable),
        (403, "", "", AwsErrorKind::Denied),
        (403, "AccountProblem", "", AwsErrorKind::Invalid),
        (400, "ExpiredToken", "", AwsErrorKind::CredentialsExpired),
        (403, "ExpiredTokenException", "", AwsErrorKind::CredentialsExpired),
        (403, "UnrecognizedClientException", "", AwsErrorKind::CredentialsRefused),
        (403, "InvalidClientTokenId", "", AwsErrorKind::CredentialsRefused),
        (403, "InvalidAccessKeyId", "", AwsErrorKind::CredentialsRefused),
        (
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match",
            AwsErrorKind::CredentialsRefused,
        ),
        (403, "InvalidSignatureException", "", AwsErrorKind::CredentialsRefused),
        (
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 1 is now earlier than 2",
            AwsErrorKind::ClockSkewed,
        ),
        (
            403,
            "InvalidSignatureException",
            "Signature not yet current: 2 is still later than 1",
            AwsErrorKind::ClockSkewed,
        ),
        (403, "RequestTimeTooSkewed", "", AwsErrorKind::ClockSkewed),
        (400, "RequestExpired", "", AwsErrorKind::ClockSkewed),
        (403, "OptInRequired", "", AwsErrorKind::RegionNotEnabled),
        (403, "RegionDisabledException", "", AwsErrorKind::RegionNotEnabled),
        (400, "InvalidParameterValueException", "Lambda was throttled by EC2", AwsErrorKind::Throttled),
        (404, "ResourceNotFoundException", "Schedule app does not exist.", AwsErrorKind::NotFound),
        (409, "ConflictException", "", AwsErrorKind::Conflict),
        (402, "ServiceQuotaExceededException", "", AwsErrorKind::Quota),
        (429, "ThrottlingException", "", AwsErrorKind::Throttled),
        (400, "ValidationException", "Invalid Schedule Expression rate(1 eon).", AwsErrorKind::Invalid),
        (400, "ValidationException", ROLE_REFUSED, AwsErrorKind::SchedulerRoleRefused),
        (500, "InternalServerException", "", AwsErrorKind::Unavailable),
    ];
    for (status, code, message, expected) in cases {
        assert_eq!(kind(status, Some(code), Some(message), None), expected, "{status} {code}");
    }
}

#[test]
fn a_refused_role_of_a_schedule_has_its_own_reason() {
    let refused = |code, status, message| {
        AwsError::rejected("scheduler:CreateSchedule", "schedule lt-1/a", status, code, message, None)
            .failure(Component::Schedule)
    };
    assert_eq!(
        refused("ValidationException", 400, ROLE_REFUSED),
        Failure::new(Component::Schedule, Reason::SchedulerRoleRefused, ROLE_REFUSED)
    );
    let message = "scheduler:CreateSchedule on schedule lt-1/a exceeds a quota of AWS: too many Raise the quota, or \
                   remove unused resources";
    assert_eq!(
        refused("ServiceQuotaExceededException", 402, "too many"),
        Failure::new(Component::Schedule, Reason::QuotaExceeded, message)
    );
}

#[test]
fn a_failed_assume_role_is_reported_instead_of_the_call() {
    let role =
        Role { arn: "arn:aws:iam::123456789012:role/media".into(), external_id: Some("cluster-1".into()) };
    let refused = AwsError {
        kind: AwsErrorKind::RoleRefused(Box::new(role)),
        ..AwsError::rejected("sts:AssumeRole", "role", 403, "AccessDenied", "no", None)
    };
    let sent: SdkError<aws_sdk_sts::operation::assume_role::AssumeRoleError, HttpResponse> =
        SdkError::construction_failure(CredentialsError::provider_error(refused));
    let failure = AwsError::from_sdk("s3:GetBucketNotification", "bucket photos", sent)
        .failure(Component::Notification);
    assert_eq!(
        (failure.reason, &*failure.message),
        (
            Reason::AccessDenied,
            "AWS does not let the operator assume role arn:aws:iam::123456789012:role/media: allow \
             sts:AssumeRole and sts:TagSession on it in the IAM policy of the operator's role, and make sure \
             that the trust policy of arn:aws:iam::123456789012:role/media has the statements \
             {\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"<ARN of the operator's \
             role>\"},\"Action\":\"sts:AssumeRole\",\"Condition\":{\"StringEquals\":{\"sts:ExternalId\":\"cluster-1\"}}} \
             and {\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"<ARN of the operator's \
             role>\"},\"Action\":\"sts:TagSession\"}"
        )
    );
}

#[test]
fn request_values_are_removed_from_the_message() {
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
fn the_message_is_the_same_on_every_retry() {
    let error = |session: &str| AwsError {
        kind: AwsErrorKind::Denied,
        action: "events:DeleteRule",
        resource: "rule lt-1".into(),
        role: None,
        code: Some("AccessDeniedException".into()),
        message: Some(
            format!("User: arn:aws:sts::1:assumed-role/operator/{session} is not authorized").into(),
        ),
        source: "".into(),
    };
    let failure = error("a").failure(Component::Rule);
    assert_eq!(failure, error("b").failure(Component::Rule));
    let role = Role { arn: "arn:aws:iam::1:role/media".into(), external_id: None };
    let of_role = AwsError { role: Some(Box::new(role)), ..error("a") }.failure(Component::Rule);
    assert_eq!(
        of_role.message,
        "AWS denies events:DeleteRule on rule lt-1: allow events:DeleteRule in the IAM policy of role arn:aws:iam::1:role/media"
    );
    assert_eq!(
        failure.message,
        "AWS denies events:DeleteRule on rule lt-1: allow events:DeleteRule in the IAM policy of the operator's role"
    );
}

/// The error of an S3 call without credentials.
fn unsigned(error: CredentialsError) -> AwsError {
    let sent: SdkError<aws_sdk_sts::operation::assume_role::AssumeRoleError, HttpResponse> =
        SdkError::dispatch_failure(ConnectorError::other(error.into(), None));
    AwsError::from_sdk("s3:PutBucketNotification", "bucket photos", sent)
}

#[test]
fn a_call_without_credentials_is_reported_as_unsent() {
    let cases = [
        (
            CredentialsError::provider_timed_out(Duration::from_secs(5)),
            NoCredentials::Failed { action: None },
        ),
        (
            CredentialsError::invalid_configuration("profile `a` has no key"),
            NoCredentials::Profile("profile `a` has no key".into()),
        ),
        (CredentialsError::provider_error(std::io::Error::from_raw_os_error(2)), NoCredentials::TokenFile),
        // The words of the SDK for a missing login, and for a failed credential_process with the output of the process.
        (
            CredentialsError::provider_error("failed to read `/home/me/.aws/sso/cache/0a1b.json`"),
            NoCredentials::Login("default".into()),
        ),
        (
            CredentialsError::provider_error("the SSO token has expired and cannot be refreshed"),
            NoCredentials::Login("default".into()),
        ),
        (
            CredentialsError::provider_error(
                "Error retrieving credentials: external process exited, hunter2",
            ),
            NoCredentials::Process("default".into()),
        ),
        // The error of an unknown provider may contain secrets, so only the log shows the error.
        (CredentialsError::unhandled("token hunter2"), NoCredentials::Failed { action: None }),
    ];
    for (error, why) in cases {
        let error = unsigned(error);
        assert_eq!(error.kind, AwsErrorKind::NoCredentials(why.into()));
        let Failure { reason, message, .. } = error.failure(Component::Notification);
        assert_eq!(reason, Reason::CredentialsUnavailable);
        assert!(
            message.starts_with("s3:PutBucketNotification on bucket photos was not sent, because "),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn an_unanswered_assume_role_leaves_the_call_unsent() {
    let kinds = [
        (AwsErrorKind::OutcomeUnknown, NoCredentials::Failed { action: Some("sts:AssumeRole") }),
        (AwsErrorKind::Unavailable, NoCredentials::Failed { action: Some("sts:AssumeRole") }),
        (AwsErrorKind::NoConnection(NoConnection::Dns), NoCredentials::Unreached(NoConnection::Dns)),
    ];
    for (kind, why) in kinds {
        let assumed = AwsError::unexpected(kind, "sts:AssumeRole", "role", "no answer");
        assert_eq!(
            unsigned(CredentialsError::provider_error(assumed)).kind,
            AwsErrorKind::NoCredentials(why.into())
        );
    }
}

#[test]
fn a_broken_connection_leaves_the_outcome_unknown() {
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let sent: SdkError<aws_sdk_sts::operation::assume_role::AssumeRoleError, HttpResponse> =
        SdkError::dispatch_failure(ConnectorError::io(broken.into()));
    assert_eq!(
        AwsError::from_sdk("s3:PutBucketNotification", "bucket photos", sent).kind,
        AwsErrorKind::OutcomeUnknown
    );
}
