//! Names of buckets: the grammar of today, and the legacy grammar of us-east-1 from before March 2018
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-restrictions-limitations.html>).

use super::validation::limits;

/// The Region with buckets of legacy names.
pub(super) const LEGACY_REGION: &str = "us-east-1";

/// A name of today as a regular expression, apart from two dots in a row.
pub(super) const REGEX: &str = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$";

/// A legacy name as a regular expression, which names of today match, too.
pub(super) const LEGACY_REGEX: &str = "^[a-zA-Z0-9._-]{3,255}$";

/// True for a name that S3 gives to a new bucket.
pub fn is_bucket_name(name: &str) -> bool {
    let is_edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=limits::BUCKET).contains(&name.len())
        && bytes.iter().all(|&b| is_edge(b) || b == b'-' || b == b'.')
        && bytes.first().is_some_and(|&b| is_edge(b))
        && bytes.last().is_some_and(|&b| is_edge(b))
        && !name.contains("..")
}

/// True for a name that a bucket of us-east-1 may have. Names of today are among these names.
pub(super) fn is_legacy_bucket_name(name: &str) -> bool {
    (3..=limits::LEGACY_BUCKET).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}
