//! The failures of calls to S3.

use lambda_triggers_core::plan::bucket::{Bucket, failure};
use lambda_triggers_core::status::{Component, Failure};

use crate::aws::{AwsError, AwsErrorKind};

/// A call to S3 failed.
pub fn failed_call(bucket: &Bucket, error: &AwsError) -> Failure {
    if error.kind == AwsErrorKind::NotFound {
        return failure::not_found(bucket);
    }
    error.failure(Component::Notification)
}

/// The code and the message of S3's refusal.
pub fn words(error: &AwsError) -> String {
    let AwsError { code, message, .. } = error;
    format!("({}): {}", code.as_deref().unwrap_or("no code"), message.as_deref().unwrap_or("no message"))
}
