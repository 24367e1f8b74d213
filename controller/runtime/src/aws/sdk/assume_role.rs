//! Credentials provider for the role of a namespace, by AssumeRole.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_types::DateTime;
use lambda_triggers_core::operations::ASSUME_ROLE;

use crate::aws::credentials::Session;
use crate::aws::{AwsError, AwsErrorKind};

const ACTION: &str = ASSUME_ROLE.action;

/// Assumes a role each time that the credentials have expired. The SDK caches the credentials until then.
#[derive(Debug)]
pub struct RoleCredentials {
    sts: aws_sdk_sts::Client,
    session: Session,
}

impl RoleCredentials {
    /// Assumes the role of the session with this client.
    pub fn new(sts: aws_sdk_sts::Client, session: Session) -> Self {
        Self { sts, session }
    }

    async fn assume(&self) -> Result<Credentials, AwsError> {
        let Session { role, name } = &self.session;
        let call = self.sts.assume_role().role_arn(&role.arn).role_session_name(name);
        let answer = call.set_external_id(role.external_id.clone()).send().await;
        let answer =
            answer.map_err(|error| AwsError::from_sdk(ACTION, &*role.arn, error)).map_err(|error| {
                let kind = if error.kind == AwsErrorKind::Denied {
                    AwsErrorKind::RoleRefused(Box::new(role.clone()))
                } else {
                    error.kind
                };
                AwsError { kind, ..error }
            })?;
        let none = || {
            AwsError::unexpected(AwsErrorKind::Invalid, ACTION, &*role.arn, "the answer has no credentials")
        };
        let found = answer.credentials().ok_or_else(none)?;
        let end = found.expiration();
        Ok(Credentials::new(
            found.access_key_id(),
            found.secret_access_key(),
            Some(found.session_token().into()),
            std::time::SystemTime::try_from(DateTime::clone(end)).ok(),
            "role of a namespace",
        ))
    }
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let assume = async { self.assume().await.map_err(CredentialsError::provider_error) };
        future::ProvideCredentials::new(assume)
    }
}
