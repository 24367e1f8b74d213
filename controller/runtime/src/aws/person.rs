//! The failures of commands. A command runs with the credentials of a person, and does not try again.

use lambda_triggers_core::status::{Component, Failure};

use super::access_denied::missing;
use super::{AwsError, AwsErrorKind};

impl AwsError {
    /// The failure of `component` in the words for a person. [`AwsError::failure`] has the words for a status, and names
    /// the operator's credentials.
    pub fn failure_for_person(&self, component: Component) -> Failure {
        let failure = self.failure(component);
        let Self { kind, action, resource, role, code, message: words, source: _ } = self;
        let code = code.as_deref().unwrap_or("no code");
        let refuses = |why: &str| format!("AWS refuses {action} on {resource}, because {why} ({code})");
        let message = match kind {
            // The role of a tenant belongs to the operator's configuration.
            _ if role.is_some() => return failure,
            AwsErrorKind::Denied => {
                let deny = words.as_deref().and_then(|words| missing(words)?.forbidden_by);
                let cure = match deny {
                    Some(policy) => format!("change the explicit deny in {policy}"),
                    None => format!("allow {action} to your credentials"),
                };
                format!("AWS denies {action} on {resource}: {cure}")
            }
            AwsErrorKind::NoCredentials(why) => why.message(action, resource),
            AwsErrorKind::NoConnection(why) => why.message(action, resource),
            AwsErrorKind::CredentialsExpired => {
                format!(
                    "{}: renew them, such as with aws sso login",
                    refuses("your credentials have expired")
                )
            }
            AwsErrorKind::CredentialsRefused => format!(
                "{}: set a valid pair of keys. AWS gives the same answer in a Region that is not enabled in the account",
                refuses("AWS does not accept your credentials")
            ),
            AwsErrorKind::ClockSkewed => {
                format!(
                    "{}: set the clock of this machine (NTP)",
                    refuses("your clock is wrong by more than AWS allows")
                )
            }
            AwsErrorKind::Throttled => {
                format!("AWS throttles {action} on {resource}: run the command again later")
            }
            AwsErrorKind::Unavailable => {
                format!("AWS failed at {action} on {resource} ({code}): run the command again")
            }
            AwsErrorKind::OutcomeUnknown => {
                format!("AWS did not answer {action} on {resource}: run the command again")
            }
            _ => return failure,
        };
        Failure { message, ..failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::NoConnection;

    fn message(kind: AwsErrorKind, words: &str) -> String {
        let error = AwsError {
            message: Some(words.into()),
            ..AwsError::unexpected(kind, "lambda:GetPolicy", "function report", "source")
        };
        error.failure_for_person(Component::Permission).message
    }

    #[test]
    fn a_person_reads_about_the_own_credentials_and_of_no_second_attempt() {
        let deny = "User: x is not authorized to perform: lambda:GetPolicy with an explicit deny in a service control policy";
        for (kind, words, expected) in [
            (
                AwsErrorKind::Denied,
                "no",
                "AWS denies lambda:GetPolicy on function report: allow lambda:GetPolicy to your credentials",
            ),
            (
                AwsErrorKind::Denied,
                deny,
                "AWS denies lambda:GetPolicy on function report: change the explicit deny in a service control policy",
            ),
            (
                AwsErrorKind::Throttled,
                "no",
                "AWS throttles lambda:GetPolicy on function report: run the command again later",
            ),
            (
                AwsErrorKind::Unavailable,
                "no",
                "AWS failed at lambda:GetPolicy on function report (no code): run the command again",
            ),
            (
                AwsErrorKind::OutcomeUnknown,
                "no",
                "AWS did not answer lambda:GetPolicy on function report: run the command again",
            ),
            (
                AwsErrorKind::NoConnection(NoConnection::Timeout),
                "no",
                "lambda:GetPolicy on function report was not sent, because there is no connection to AWS: the connection times out; check NetworkPolicy, security group, NAT gateway and VPC endpoint",
            ),
            (
                AwsErrorKind::CredentialsExpired,
                "no",
                "AWS refuses lambda:GetPolicy on function report, because your credentials have expired (no code): renew them, such as with aws sso login",
            ),
            (
                AwsErrorKind::ClockSkewed,
                "no",
                "AWS refuses lambda:GetPolicy on function report, because your clock is wrong by more than AWS allows (no code): set the clock of this machine (NTP)",
            ),
            (AwsErrorKind::Invalid, "no", "AWS refuses lambda:GetPolicy on function report (no code): no"),
        ] {
            assert_eq!(message(kind, words), expected);
        }
    }
}
