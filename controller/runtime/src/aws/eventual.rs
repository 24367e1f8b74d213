//! Retries for AWS's eventual consistency: a read may miss a resource that was created a moment ago.

use std::time::Duration;

use super::{AwsError, AwsErrorKind};

/// The delay before a read is repeated after a not-found.
pub const NOT_FOUND_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Reads again after a not-found, since AWS reads are eventually consistent. A false not-found during cleanup would
/// orphan the resource.
pub async fn confirm_absent<T, F>(read: impl Fn() -> F) -> Result<Option<T>, AwsError>
where
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    if let Some(found) = read().await? {
        return Ok(Some(found));
    }
    tokio::time::sleep(NOT_FOUND_RETRY_DELAY).await;
    read().await
}

/// Runs a read and the removal of the resource, and runs both once more after a not-found. AWS may answer not-found
/// for a resource created a moment ago.
pub async fn retry_not_found<T, F>(read_and_remove: impl Fn() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    match read_and_remove().await {
        Err(AwsError { kind: AwsErrorKind::NotFound, .. }) => read_and_remove().await,
        done => done,
    }
}
