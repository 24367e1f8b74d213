//! The reason of a failed read, for commands with the credentials of a person.

use lambda_triggers_core::status::Component;

use crate::aws::{AwsError, AwsErrorKind, AwsReads};
use crate::operator::StartError;

/// The reason of a failed read.
pub fn message(error: &AwsError, component: Component) -> String {
    match &error.kind {
        AwsErrorKind::NotFound => "it does not exist".into(),
        AwsErrorKind::OtherRegion(Some(region)) => format!("it is in {region}: give --region {region}"),
        _ => error.failure_for_person(component).message,
    }
}

/// The account of the credentials.
pub async fn account(aws: &AwsReads) -> Result<String, StartError> {
    let account = aws.account().await;
    Ok(account.map_err(|error| error.failure_for_person(Component::Permission).message)?.id)
}
