//! Unsent calls, for lack of credentials or of a connection. The outcome of an unsent call is known: AWS has changed
//! nothing.

use std::error::Error as StdError;
use std::io;
use std::sync::OnceLock;

use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hyper_util::client::legacy;

use super::AwsError;

/// An attempt that failed before the HTTP client got the request.
#[derive(Debug, thiserror::Error)]
#[error("the request was not sent")]
pub struct NotSent {
    /// True for a timeout: the loading of credentials alone can time out.
    pub is_timeout: bool,
    /// The error of the attempt.
    pub source: BoxError,
}

/// The error of the AWS configuration file. The SDK reads the file once, and returns the error once.
static PROFILE: OnceLock<Box<str>> = OnceLock::new();

/// The reason for a missing connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoConnection {
    /// DNS has no address for the endpoint.
    Dns,
    /// The TLS handshake failed.
    Tls,
    /// Nothing listens at the endpoint, or a firewall answers for it.
    Refused,
    /// The attempt to connect had no answer.
    Timeout,
    /// Any other failure to connect.
    Other,
}

/// The reason for missing credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCredentials {
    /// No source in the SDK's default chain has credentials
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>).
    NotFound,
    /// The AWS configuration file, or a profile in the file, is wrong. The text of the SDK names the profile.
    Profile(Box<str>),
    /// This profile uses IAM Identity Center, and has no valid login.
    Login(Box<str>),
    /// The `credential_process` of this profile fails. The output of the process may contain secrets.
    Process(Box<str>),
    /// The file in `AWS_WEB_IDENTITY_TOKEN_FILE` cannot be read.
    TokenFile,
    /// STS refused the role with this error code.
    Refused {
        /// The IAM action, such as `sts:AssumeRoleWithWebIdentity`.
        action: &'static str,
        /// The ARN of the role, if known.
        role: Option<Box<str>>,
        /// The error code of STS.
        code: Box<str>,
    },
    /// No connection to the endpoint of the credentials.
    Unreached(NoConnection),
    /// The endpoint of the credentials failed, or did not answer in time.
    Failed {
        /// The IAM action, such as `sts:AssumeRole`; `None` for all endpoints except STS.
        action: Option<&'static str>,
    },
}

impl NoConnection {
    /// Reads the SDK's error; `None` for a failure on an open connection: the request may have been sent.
    pub fn from_connector(error: &ConnectorError) -> Option<Self> {
        let mut connect = sources(error).filter_map(|error| error.downcast_ref::<legacy::Error>());
        if !connect.any(legacy::Error::is_connect) {
            return None;
        }
        Some(if error.is_timeout() {
            Self::Timeout
        } else {
            sources(error).find_map(Self::from_source).unwrap_or(Self::Other)
        })
    }

    fn from_source(error: &(dyn StdError + 'static)) -> Option<Self> {
        // The errors of hyper-util and the SDK for DNS and TLS have no public types.
        let text = error.to_string();
        if error.is::<ResolveDnsError>() || text == "dns error" {
            return Some(Self::Dns);
        }
        if error.is::<rustls::Error>() || text.starts_with("TLS handshake failed") {
            return Some(Self::Tls);
        }
        let error = error.downcast_ref::<io::Error>()?;
        if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
            return Some(Self::Tls);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused),
            io::ErrorKind::TimedOut => Some(Self::Timeout),
            // The server closed the connection during the handshake.
            io::ErrorKind::UnexpectedEof => Some(Self::Tls),
            _ => None,
        }
    }

    /// The message for a call without a connection: the cause and the fix.
    pub fn message(self, action: &str, resource: &str) -> String {
        let why = self.describe();
        format!("{action} on {resource} was not sent, because there is no connection to AWS: {why}")
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Dns => {
                "DNS does not find the endpoint's name; make sure that the cluster's DNS resolves the name, \
                 and that the Region and AWS_ENDPOINT_URL are correct"
            }
            Self::Tls => {
                "the TLS handshake failed; make sure that the operator trusts the certificate of the endpoint, \
                 or of a proxy in between: set AWS_CA_BUNDLE to a file with the certificate authorities \
                 (docs/network.md)"
            }
            Self::Refused => {
                "the connection is refused; check the proxy (docs/network.md), the firewall and \
                 AWS_ENDPOINT_URL"
            }
            Self::Timeout => {
                "the connection times out; check NetworkPolicy, security group, NAT gateway and VPC endpoint"
            }
            Self::Other => "see the operator's log for the cause",
        }
    }
}

impl NoCredentials {
    /// Reads the SDK's error of a call; `None` if the call had credentials. `role` is the role of a service account,
    /// from `AWS_ROLE_ARN`. `profile` is the profile of the configuration file, from `AWS_PROFILE`.
    pub fn from_chain(error: &(dyn StdError + 'static), role: Option<&str>, profile: &str) -> Option<Self> {
        let is_missing = |error: &(dyn StdError + 'static)| {
            // The timeout of the SDK's credentials cache has no public type.
            error.is::<CredentialsError>()
                || error.downcast_ref::<NotSent>().is_some_and(|unsent| unsent.is_timeout)
                || error.to_string().starts_with("identity resolver timed out")
        };
        // The first error belongs to the call itself, which may be a call to STS.
        let mut causes = sources(error).skip(1);
        sources(error).any(is_missing).then(|| {
            causes
                .find_map(|error| Self::from_source(error, role, profile))
                .unwrap_or(Self::Failed { action: None })
        })
    }

    fn from_source(error: &(dyn StdError + 'static), role: Option<&str>, profile: &str) -> Option<Self> {
        if let Some(chain) = error.downcast_ref::<ProviderChainError<CredentialsError>>() {
            // The chain does not report a missing profile, since a later source could have credentials.
            let profile = chain.attempts().iter().filter_map(|attempt| attempt.error().source());
            let profile = profile.map(ToString::to_string).find(|text| text.starts_with("profile "));
            return Some(profile.map_or(Self::NotFound, Self::from_profile));
        }
        if let Some(CredentialsError::InvalidConfiguration(_)) = error.downcast_ref() {
            return Some(Self::from_profile(error.source()?.to_string()));
        }
        // The SDK's errors for a missing or expired token, and for a failed process, have no public types. The portal of IAM
        // Identity Center refuses an expired token of a profile without a session
        // (<https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>).
        let text = error.to_string();
        let is_refused = text.starts_with("UnauthorizedException");
        if is_refused || text.contains("SSO token") || text.contains("/.aws/sso/cache/") {
            return Some(Self::Login(profile.into()));
        }
        if text.starts_with("Error retrieving credentials") {
            return Some(Self::Process(profile.into()));
        }
        if text.ends_with("initialization error already taken") {
            return PROFILE.get().cloned().map(Self::Profile);
        }
        if let Some(error) = error.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>() {
            return Some(Self::from_sts("sts:AssumeRoleWithWebIdentity", role, error));
        }
        if let Some(error) = error.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
            return Some(Self::from_sts("sts:AssumeRole", None, error));
        }
        if let Some(error) = error.downcast_ref::<ConnectorError>() {
            return NoConnection::from_connector(error).map(Self::Unreached);
        }
        let is_file = error.downcast_ref::<io::Error>().is_some_and(|error| error.raw_os_error().is_some());
        is_file.then_some(Self::TokenFile)
    }

    fn from_profile(text: String) -> Self {
        Self::Profile(PROFILE.get_or_init(|| text.into()).clone())
    }

    fn from_sts<E>(action: &'static str, role: Option<&str>, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let failed = Self::Failed { action: Some(action) };
        match error {
            SdkError::DispatchFailure(failure) => failure
                .as_connector_error()
                .and_then(NoConnection::from_connector)
                .map_or(failed, Self::Unreached),
            SdkError::ServiceError(answer) if !answer.raw().status().is_server_error() => Self::Refused {
                action,
                role: role.map(Into::into),
                code: error.code().unwrap_or("no code").into(),
            },
            _ => failed,
        }
    }

    /// The message for a call without credentials: the cause and the fix.
    pub fn message(&self, action: &str, resource: &str) -> String {
        let why = self.describe();
        format!("{action} on {resource} was not sent, because no credentials are available: {why}")
    }

    fn describe(&self) -> String {
        match self {
            Self::NotFound => {
                "the environment, the profile, the service account and the metadata of the container and the \
                 instance contain none; give the operator's service account a role (docs/iam.md) and restart \
                 the operator's pods, or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
                    .to_owned()
            }
            Self::Profile(text) => {
                format!(
                    "{text}; correct the AWS configuration file, or set AWS_PROFILE to an existing profile, \
                     and restart the operator's pods"
                )
            }
            Self::Login(profile) => {
                format!(
                    "the profile `{profile}` has no valid login to IAM Identity Center; run aws sso login --profile \
                     {profile}, or give the operator's service account a role (docs/iam.md)"
                )
            }
            Self::Process(profile) => {
                format!(
                    "the credential_process of the profile `{profile}` fails; run the process by hand, and correct \
                     the AWS configuration file"
                )
            }
            Self::TokenFile => {
                "the file in AWS_WEB_IDENTITY_TOKEN_FILE cannot be read; make sure that the service account's \
                 token is mounted in the operator's pods, and restart the pods"
                    .to_owned()
            }
            Self::Refused { action, role, code } => {
                let role = role.as_deref().map_or_else(|| "a role".to_owned(), |role| format!("role {role}"));
                format!("STS refuses {action} of {role} ({code}); {}", sts_cure(code))
            }
            Self::Unreached(why) => {
                format!("there is no connection to the credentials endpoint: {}", why.describe())
            }
            Self::Failed { action: Some(action) } => {
                format!(
                    "STS fails at {action} or does not answer; check the AWS Health Dashboard and the \
                     operator's log"
                )
            }
            Self::Failed { action: None } => {
                "the credentials endpoint fails or does not answer; check the operator's log. With EKS Pod \
                 Identity, make sure that the add-on eks-pod-identity-agent runs on the node, and that the \
                 service account has an association"
                    .to_owned()
            }
        }
    }
}

/// The fix for a role that STS refuses. Source of the codes:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>.
fn sts_cure(code: &str) -> &'static str {
    match code {
        "InvalidIdentityToken" => {
            "make sure that IAM has the cluster's OIDC provider with the audience sts.amazonaws.com \
             (docs/iam.md)"
        }
        "IDPCommunicationError" | "IDPRejectedClaim" => {
            "make sure that AWS can reach the cluster's OIDC issuer from the internet, and that the role \
             trusts the issuer (docs/iam.md)"
        }
        "ExpiredTokenException" => "the service account's token has expired: restart the operator's pods",
        "RegionDisabledException" => "enable the Region for STS in the account, or set another Region",
        _ => {
            "make sure that the role exists and that its trust policy names this service account of this \
             cluster (docs/iam.md)"
        }
    }
}

/// The failed `AssumeRole` for a namespace, found in the error of a call with the role's credentials.
pub fn of_assumed_role<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a AwsError> {
    sources(error).find_map(|error| error.downcast_ref::<AwsError>())
}

/// True if the call failed before the HTTP client got the request.
pub fn was_not_sent(error: &(dyn StdError + 'static)) -> bool {
    sources(error).any(|error| error.is::<NotSent>())
}

/// An error and its sources.
fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
