//! Bucket names: the current grammar, and the legacy grammar of us-east-1 from before March 2018
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-restrictions-limitations.html>).

use super::validation::limits;

/// The only Region that has buckets with legacy names.
pub(super) const LEGACY_REGION: &str = "us-east-1";

/// A current name as a regular expression. The expression does not exclude two dots in a row.
pub(super) const REGEX: &str = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$";

/// A legacy name as a regular expression. Current names match as well.
pub(super) const LEGACY_REGEX: &str = "^[a-zA-Z0-9._-]{3,255}$";

/// True if S3 accepts the name for a new bucket.
pub fn is_bucket_name(name: &str) -> bool {
    let is_edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=limits::BUCKET).contains(&name.len())
        && bytes.iter().all(|&b| is_edge(b) || b == b'-' || b == b'.')
        && bytes.first().is_some_and(|&b| is_edge(b))
        && bytes.last().is_some_and(|&b| is_edge(b))
        && !name.contains("..")
}

/// True if a bucket of us-east-1 can have the name. Current names are included.
pub(super) fn is_legacy_bucket_name(name: &str) -> bool {
    (3..=limits::LEGACY_BUCKET).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}
