//! AWS errors about the credentials of a call, and the messages for users. Missing permissions belong to
//! `access_denied`.

use super::AwsErrorKind;

/// Classifies an error code about credentials; `None` for all unrelated codes.
///
/// Sources: <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> and
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
pub fn refusal(code: &str, message: &str) -> Option<AwsErrorKind> {
    // AWS reports a clock that is slow or fast with the code of a wrong signature
    // (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
    let is_clock =
        message.starts_with("Signature expired") || message.starts_with("Signature not yet current");
    Some(match code {
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => AwsErrorKind::ClockSkewed,
        "SignatureDoesNotMatch" | "InvalidSignatureException" if is_clock => AwsErrorKind::ClockSkewed,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => AwsErrorKind::CredentialsExpired,
        "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "AuthFailure" => AwsErrorKind::CredentialsRefused,
        "OptInRequired" | "RegionDisabledException" | "NotSignedUp" | "SubscriptionRequiredException" => {
            AwsErrorKind::RegionNotEnabled
        }
        _ => return None,
    })
}

/// The message for a call with expired credentials. `whose` names the credentials.
pub fn expired(action: &str, on: &str, code: &str, whose: &str) -> String {
    format!(
        "AWS refuses {action} on {on}, because {whose} have expired ({code}); trying again. Credentials of a \
         role are renewed automatically. Renew keys that were set by hand. If the error lasts, restart the \
         operator's pods"
    )
}

/// The message for a call signed with a wrong time.
pub fn clock_skewed(action: &str, on: &str, code: &str) -> String {
    format!(
        "AWS refuses {action} on {on}, because the operator's clock is wrong by more than AWS allows ({code}); \
         trying again: set the clock of the operator's node (NTP)"
    )
}

/// The message for a call with credentials unknown to AWS. `whose` names the credentials.
pub fn refused(action: &str, on: &str, code: &str, whose: &str) -> String {
    format!(
        "AWS refuses {action} on {on}, because AWS does not accept {whose} ({code}): give the operator's \
         service account its role (docs/iam.md), or set a valid pair of keys, and restart the operator's pods. \
         AWS gives the same answer in a Region that is not enabled in the account: enable the Region, or name \
         another Region in spec.region"
    )
}

/// The message for a call in a Region that is not enabled for the account.
pub fn region_not_enabled(action: &str, on: &str, code: &str) -> String {
    format!(
        "AWS refuses {action} on {on}, because the account may not use the service in this Region ({code}): \
         enable the Region in the account, or name another Region in spec.region"
    )
}
