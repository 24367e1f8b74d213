//! Reads of AWS are eventually consistent: a read may not show what was made a moment ago.

use std::time::Duration;

use super::{AwsError, AwsErrorKind};

/// Between two looks for what did not show.
pub const NOT_FOUND_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Looks for something, and once more where it does not show: a read may be one of before it was made, and what it hides
/// would stay for good where it is to be removed.
pub async fn confirm_absent<T, F>(look: impl Fn() -> F) -> Result<Option<T>, AwsError>
where
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    if let Some(found) = look().await? {
        return Ok(Some(found));
    }
    tokio::time::sleep(NOT_FOUND_RETRY_DELAY).await;
    look().await
}

/// Removes something that a look has shown, by a look and what follows from it: once more where AWS says of a removal that
/// there is nothing of that name, as it may of what was made a moment ago.
pub async fn retry_not_found<T, F>(read_and_remove: impl Fn() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    match read_and_remove().await {
        Err(AwsError { kind: AwsErrorKind::NotFound, .. }) => read_and_remove().await,
        done => done,
    }
}
