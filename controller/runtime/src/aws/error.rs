//! Errors of AWS calls, classified once for all services, and the messages for users.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_triggers_core::operations as op;
use lambda_triggers_core::plan::bucket::refused_destinations;
use lambda_triggers_core::status::{Component, Failure, Reason};
use lambda_triggers_core::tenancy::Role;

use super::access_denied::{MissingPermission, is_passed_on, missing};
use super::credential_errors;
use super::dependency;
use super::execution_role::{self, is_not_ready, is_refused_by_scheduler, is_throttled_by_ec2};
use super::unsent::{NoConnection, NoCredentials, of_assumed_role, was_not_sent};
use crate::error_chain;

/// The kind of an AWS error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// The resource does not exist.
    NotFound,
    /// Access denied: the credentials do not allow the call.
    Denied,
    /// The call was not sent: no credentials to sign the call.
    NoCredentials(Box<NoCredentials>),
    /// The call was not sent: no connection to AWS.
    NoConnection(NoConnection),
    /// The credentials have expired.
    CredentialsExpired,
    /// The node's clock differs too much from AWS's clock.
    ClockSkewed,
    /// AWS does not know the credentials, or the signature does not match the credentials.
    CredentialsRefused,
    /// The account may not use the Region.
    RegionNotEnabled,
    /// The operator may not assume the role of the namespace.
    RoleRefused(Box<Role>),
    /// The tenancy file does not permit the call. The call was not sent.
    NotPermitted,
    /// AWS throttles the call.
    Throttled,
    /// A concurrent change: the resource was changed since the read, or another write is in flight.
    Conflict,
    /// A quota is exceeded.
    Quota,
    /// S3 cannot deliver to these destinations of the document; empty if S3 names no destination.
    Destination(Vec<String>),
    /// A resource that the function depends on does not exist.
    DependencyMissing(dependency::MissingDependency),
    /// Lambda cannot use the function's role; a new role is not ready for a while.
    RoleNotReady,
    /// EventBridge Scheduler may not assume the role of a schedule; a new role is refused for a while.
    SchedulerRoleRefused,
    /// The bucket is in another Region. S3 names the Region in most cases.
    OtherRegion(Option<String>),
    /// AWS rejects the request for any other reason.
    Invalid,
    /// AWS failed, and changed nothing.
    Unavailable,
    /// No answer: AWS may have applied the call, or may still apply it.
    OutcomeUnknown,
}

/// A failed AWS call.
#[derive(Debug, thiserror::Error)]
#[error("{action} on {resource}: {}", code.as_deref().unwrap_or("no answer"))]
pub struct AwsError {
    /// The kind of the error.
    pub kind: AwsErrorKind,
    /// The call as an IAM action: `lambda:AddPermission`.
    pub action: &'static str,
    /// The target of the call, such as `function app`.
    pub resource: Box<str>,
    /// The assumed role; `None` for the operator's own credentials.
    pub role: Option<Box<Role>>,
    /// The error code from AWS.
    pub code: Option<Box<str>>,
    /// The error message from AWS, without the values of the request.
    pub message: Option<Box<str>>,
    /// All sources of the error, for the log.
    #[source]
    pub source: Box<dyn StdError + Send + Sync>,
}

impl AwsError {
    /// Converts the SDK's error of the call `action` on `resource`.
    pub fn from_sdk<E>(
        action: &'static str,
        resource: impl Into<Box<str>>,
        error: SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        if let Some(found) = of_assumed_role(&error) {
            return Self::without_role(action, resource, found);
        }
        let code = error.code().map(Into::into);
        let message: Option<Box<str>> = error.message().map(|words| without_values(words).into());
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let region = response.and_then(|r| r.headers().get("x-amz-bucket-region")).map(ToOwned::to_owned);
        let unsent = || {
            // A service account gets the role from this variable
            // (https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html).
            let role = std::env::var("AWS_ROLE_ARN").ok();
            let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
            NoCredentials::from_chain(&error, role.as_deref(), &profile)
                .map(|why| AwsErrorKind::NoCredentials(why.into()))
        };
        let kind = match &error {
            // A successful answer that was cut off.
            SdkError::ResponseError(_) if status.is_some_and(|status| status < 300) => {
                AwsErrorKind::OutcomeUnknown
            }
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
                match kind(status.unwrap_or_default(), code.as_deref(), message.as_deref(), region) {
                    AwsErrorKind::Destination(_) => AwsErrorKind::Destination(destinations(response)),
                    kind => kind,
                }
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => AwsErrorKind::Invalid,
            SdkError::DispatchFailure(failure) => unsent()
                .or_else(|| was_not_sent(&error).then_some(AwsErrorKind::Invalid))
                .or_else(|| {
                    failure
                        .as_connector_error()
                        .and_then(NoConnection::from_connector)
                        .map(AwsErrorKind::NoConnection)
                })
                .unwrap_or(AwsErrorKind::OutcomeUnknown),
            SdkError::ConstructionFailure(_) => unsent().unwrap_or(AwsErrorKind::Invalid),
            _ => AwsErrorKind::OutcomeUnknown,
        };
        let source = without_values(&error_chain(&error)).into();
        Self { kind, action, resource: resource.into(), role: None, code, message, source }
    }

    /// The error of the unsent call `action` on `resource`, after a failed AssumeRole for the namespace.
    fn without_role(action: &'static str, resource: impl Into<Box<str>>, found: &Self) -> Self {
        let kind = match &found.kind {
            AwsErrorKind::NoConnection(why) => NoCredentials::Unreached(*why),
            AwsErrorKind::NoCredentials(why) => NoCredentials::clone(why),
            AwsErrorKind::Unavailable | AwsErrorKind::OutcomeUnknown => {
                NoCredentials::Failed { action: Some(found.action) }
            }
            kind => {
                let Self { kind: _, action, resource, role, code, message, source } = found;
                return Self {
                    kind: kind.clone(),
                    action,
                    resource: resource.clone(),
                    role: role.clone(),
                    code: code.clone(),
                    message: message.clone(),
                    source: source.to_string().into(),
                };
            }
        };
        Self::unexpected(AwsErrorKind::NoCredentials(kind.into()), action, resource, found.source.to_string())
    }

    /// An error in a successful response: the body reports a failure, or cannot be parsed.
    pub fn unexpected(
        kind: AwsErrorKind,
        action: &'static str,
        resource: impl Into<Box<str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            action,
            resource: resource.into(),
            role: None,
            code: None,
            message: None,
            source: source.into(),
        }
    }

    /// The error response of a service to the call `action` on `resource`. `region` is the bucket's Region, if the
    /// response names the Region.
    pub fn rejected(
        action: &'static str,
        resource: impl Into<Box<str>>,
        status: u16,
        code: &str,
        message: &str,
        region: Option<String>,
    ) -> Self {
        let kind = kind(status, Some(code), Some(message), region);
        Self {
            code: Some(code.into()),
            message: Some(message.into()),
            ..Self::unexpected(kind, action, resource, format!("{status} {code}: {message}"))
        }
    }

    /// The failure of `component`, with a message about the fix. The message leaves out AWS's own text if the text
    /// contains session names or request IDs. Otherwise every retry would change the status, and so write the status.
    pub fn failure(&self, component: Component) -> Failure {
        let Self { kind, action, resource, role, code, message, source: _ } = self;
        let code = code.as_deref().unwrap_or("no code");
        let words = message.as_deref().unwrap_or("no message");
        let (reason, message) = match kind {
            AwsErrorKind::Denied => (
                Reason::AccessDenied,
                denied(action, resource, words, role.as_deref().map(|role| role.arn.as_str())),
            ),
            AwsErrorKind::RoleRefused(role) => (Reason::AccessDenied, role_refused(role)),
            AwsErrorKind::NotPermitted => (Reason::NotPermitted, words.to_owned()),
            AwsErrorKind::Throttled => {
                (Reason::Throttled, format!("AWS throttles {action} on {resource}; trying again"))
            }
            AwsErrorKind::Conflict => (
                Reason::AwsUnavailable,
                format!("{action} on {resource} conflicts with another change ({code}); trying again"),
            ),
            AwsErrorKind::Quota => (Reason::QuotaExceeded, quota_exceeded(action, resource, code, words)),
            AwsErrorKind::Destination(arns) => (
                Reason::DestinationRefused,
                format!(
                    "S3 refuses the notification configuration of {resource}, because it cannot deliver to {}. \
                     A new permission needs some seconds to take effect, so the operator tries again. If the \
                     error lasts, find the entry whose function, queue or topic was deleted or does not permit \
                     s3.amazonaws.com",
                    if arns.is_empty() { "a destination in it".to_owned() } else { arns.join(", ") }
                ),
            ),
            AwsErrorKind::DependencyMissing(missing) => (
                match missing {
                    dependency::MissingDependency::Code => Reason::CodeNotFound,
                    dependency::MissingDependency::Other => Reason::DependencyNotFound,
                },
                format!(
                    "Lambda does not find a dependency of {resource}: {words} Create the dependency, or name \
                     another one in spec.function.definition"
                ),
            ),
            AwsErrorKind::RoleNotReady => (Reason::RoleNotReady, execution_role::describe(resource, words)),
            AwsErrorKind::SchedulerRoleRefused => (Reason::SchedulerRoleRefused, words.to_owned()),
            AwsErrorKind::OtherRegion(region) => (
                Reason::BucketInOtherRegion,
                match region {
                    Some(region) => {
                        format!(
                            "{resource} is in {region}: write `region: {region}`, and name a function there"
                        )
                    }
                    None => {
                        format!(
                            "{resource} is in another Region: write its `region`, and name a function there"
                        )
                    }
                },
            ),
            AwsErrorKind::NoCredentials(why) => {
                (Reason::CredentialsUnavailable, format!("{}; trying again", why.message(action, resource)))
            }
            AwsErrorKind::NoConnection(why) => {
                (Reason::AwsUnavailable, format!("{}; trying again", why.message(action, resource)))
            }
            AwsErrorKind::CredentialsExpired => (
                Reason::CredentialsExpired,
                credential_errors::expired(action, resource, code, &self.whose()),
            ),
            AwsErrorKind::ClockSkewed => {
                (Reason::ClockSkewed, credential_errors::clock_skewed(action, resource, code))
            }
            AwsErrorKind::CredentialsRefused => (
                Reason::CredentialsRefused,
                credential_errors::refused(action, resource, code, &self.whose()),
            ),
            AwsErrorKind::RegionNotEnabled => {
                (Reason::RegionNotEnabled, credential_errors::region_not_enabled(action, resource, code))
            }
            AwsErrorKind::NotFound => (Reason::AwsRefused, format!("{action}: {resource} does not exist")),
            AwsErrorKind::Invalid => (
                Reason::AwsRefused,
                format!("AWS refuses {action} on {resource} ({code}): {words}{}", cure(words)),
            ),
            AwsErrorKind::Unavailable => (
                Reason::AwsUnavailable,
                format!("AWS failed at {action} on {resource} ({code}); trying again"),
            ),
            AwsErrorKind::OutcomeUnknown => {
                (Reason::AwsUnavailable, format!("AWS did not answer {action} on {resource}; trying again"))
            }
        };
        Failure::new(component, reason, message)
    }

    /// The credentials of the call, in words.
    fn whose(&self) -> String {
        self.role.as_ref().map_or_else(
            || "the operator's credentials".to_owned(),
            |role| format!("the credentials of role {}", role.arn),
        )
    }
}

/// Removes the values of the request from AWS's message, as the values may be secret. AWS repeats a value that breaks
/// an API constraint: `Value 'hunter2' at 'environment' failed to satisfy constraint`.
fn without_values(words: &str) -> String {
    const BEGIN: &str = "Value '";
    const FIELD: &str = "' at '";
    const END: &str = "' failed to satisfy constraint";
    let mut kept = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once(END) {
        // The value may contain the same words.
        match (before.find(BEGIN), before.rfind(FIELD)) {
            (Some(begin), Some(field)) if begin + BEGIN.len() <= field => {
                kept += &before[..begin + BEGIN.len()];
                kept += "...";
                kept += &before[field..];
            }
            _ => kept += before,
        }
        kept += END;
        rest = after;
    }
    kept + rest
}

/// The message for a role that cannot be assumed. AWS does not say which of the two policies lacks the permission. The
/// credentials of EKS Pod Identity have transitive session tags, and so need `sts:TagSession`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required>).
fn role_refused(role: &Role) -> String {
    let Role { arn, external_id } = role;
    let condition = external_id.as_ref().map_or_else(String::new, |id| {
        format!(r#","Condition":{{"StringEquals":{{"sts:ExternalId":"{id}"}}}}"#)
    });
    let statement = r#"{"Effect":"Allow","Principal":{"AWS":"<ARN of the operator's role>"},"Action":"sts:"#;
    format!(
        "AWS does not let the operator assume role {arn}: allow sts:AssumeRole and sts:TagSession on it in the \
         IAM policy of the operator's role, and make sure that the trust policy of {arn} has the statements \
         {statement}AssumeRole\"{condition}}} and {statement}TagSession\"}}"
    )
}

/// The message for an exceeded quota. AWS raises most quotas on request, but not the size of a policy
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
fn quota_exceeded(action: &str, resource: &str, code: &str, words: &str) -> String {
    if code == "PolicyLengthExceededException" {
        return format!(
            "{action}: the policy of {resource} is full: AWS does not raise the limit of 20,480 bytes. Remove \
             statements that are not needed (aws lambda get-policy, remove-permission), or name an alias in \
             spec.function, because an alias has its own policy"
        );
    }
    // EventBridge permits 300 rules in an account and Region
    // (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html).
    let other_backend = match action == op::PUT_RULE.action {
        true => ", or set backend: Scheduler, which has no such limit",
        false => "",
    };
    format!(
        "{action} on {resource} exceeds a quota of AWS: {words} Raise the quota, or remove unused \
         resources{other_backend}"
    )
}

/// The message for an access denied, with the permission to allow.
fn denied(action: &str, resource: &str, words: &str, role: Option<&str>) -> String {
    let whose = role.map_or_else(|| "the operator's role".to_owned(), |role| format!("role {role}"));
    let missing = missing(words).filter(|missing| missing.right != action || missing.forbidden_by.is_some());
    if let Some(MissingPermission { right, on: denied_on, forbidden_by }) = missing {
        let denied_on = denied_on.map(|resource| format!(" on {resource}")).unwrap_or_default();
        let what = match right == action {
            true => format!("AWS denies {action} on {resource}"),
            false => format!("AWS denies {right}{denied_on}, which {action} on {resource} needs"),
        };
        return match forbidden_by {
            Some(policy) => format!("{what}: {policy} denies it explicitly; remove the denial there"),
            None => format!("{what}: allow {right} in the IAM policy of {whose}"),
        };
    }
    format!(
        "AWS denies {action} on {resource}: allow {action} in the IAM policy of {whose}{}",
        if action.starts_with("s3:") {
            ", and make sure that the bucket's policy does not deny it and that spec.bucketOwner is the \
             account that owns the bucket"
        } else {
            ""
        }
    )
}

/// The destinations named in a response.
fn destinations(response: Option<&HttpResponse>) -> Vec<String> {
    let body = response.and_then(|response| response.body().bytes()).unwrap_or_default();
    refused_destinations(&String::from_utf8_lossy(body))
}

/// Classifies the error response of a service: by a known code, else by the status.
pub(super) fn kind(
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    region: Option<String>,
) -> AwsErrorKind {
    let refused = code.and_then(|code| credential_errors::refusal(code, message.unwrap_or_default()));
    if let Some(kind) = refused {
        return kind;
    }
    match code.unwrap_or_default() {
        "NoSuchBucket" | "ResourceNotFoundException" | "NoSuchKey" => AwsErrorKind::NotFound,
        "AccessDenied" | "AccessDeniedException" => AwsErrorKind::Denied,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            AwsErrorKind::OtherRegion(region)
        }
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded" => AwsErrorKind::Throttled,
        "OperationAborted"
        | "PreconditionFailedException"
        | "ResourceConflictException"
        | "ConcurrentModificationException" => AwsErrorKind::Conflict,
        "LimitExceededException"
        | "PolicyLengthExceededException"
        | "CodeStorageExceededException"
        | "ServiceQuotaExceededException" => AwsErrorKind::Quota,
        "InvalidParameterValueException" if message.is_some_and(is_passed_on) => AwsErrorKind::Denied,
        "InvalidParameterValueException" if message.is_some_and(is_not_ready) => AwsErrorKind::RoleNotReady,
        "InvalidParameterValueException" if message.is_some_and(is_throttled_by_ec2) => {
            AwsErrorKind::Throttled
        }
        "InvalidParameterValueException" if let Some(missing) = message.and_then(dependency::missing) => {
            AwsErrorKind::DependencyMissing(missing)
        }
        "ValidationException" if message.is_some_and(is_refused_by_scheduler) => {
            AwsErrorKind::SchedulerRoleRefused
        }
        "InvalidArgument" if message.is_some_and(|m| m.contains("destination configurations")) => {
            AwsErrorKind::Destination(vec![])
        }
        code => match status {
            301 | 307 => AwsErrorKind::OtherRegion(region),
            403 | 401 if is_denial(code) => AwsErrorKind::Denied,
            404 => AwsErrorKind::NotFound,
            409 | 412 => AwsErrorKind::Conflict,
            429 => AwsErrorKind::Throttled,
            500.. => AwsErrorKind::Unavailable,
            _ => AwsErrorKind::Invalid,
        },
    }
}

/// The fix for common errors without a fix in AWS's message.
fn cure(words: &str) -> &'static str {
    // Lambda accepts only an image with a single manifest
    // (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html).
    let is_index = words.starts_with("The image manifest") && words.ends_with("is not supported.");
    if is_index {
        " Lambda accepts no image with attestations or for several platforms: build the image for one platform \
         with --provenance=false --sbom=false (docs/functions.md)"
    } else {
        ""
    }
}

/// True if a 401 or 403 is an access denied. The response to a `HEAD` request has no code.
fn is_denial(code: &str) -> bool {
    code.is_empty()
        || ["AccessDenied", "NotAuthorized", "Unauthorized", "Forbidden"]
            .iter()
            .any(|word| code.contains(word))
}

#[cfg(test)]
mod tests;
