//! The reason of a failed read, for commands with the credentials of a person.

use lambda_triggers_core::status::Component;

use crate::aws::{AwsError, AwsErrorKind};

/// The reason of a failed read. The operator's message would name the operator's role.
pub fn message(error: &AwsError, component: Component) -> String {
    match &error.kind {
        AwsErrorKind::Denied => {
            format!("AWS denies {0} on {1}: allow {0} to your credentials", error.action, error.resource)
        }
        AwsErrorKind::NotFound => "it does not exist".into(),
        AwsErrorKind::OtherRegion(Some(region)) => format!("it is in {region}: give --region {region}"),
        _ => error.failure(component).message,
    }
}
