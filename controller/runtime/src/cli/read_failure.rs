//! The reason of a failed read, for commands with the credentials of a person.

use lambda_triggers_core::status::Component;

use crate::aws::{AwsError, AwsErrorKind};

/// The reason of a failed read.
pub fn message(error: &AwsError, component: Component) -> String {
    match &error.kind {
        AwsErrorKind::NotFound => "it does not exist".into(),
        AwsErrorKind::OtherRegion(Some(region)) => format!("it is in {region}: give --region {region}"),
        _ => error.failure_for_person(component).message,
    }
}
