//! The identity of a bucket.

use std::fmt;

use crate::api::AppliedNotification;

/// A bucket with the expected Region and owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// The Region of the bucket.
    pub region: String,
    /// The bucket name.
    pub name: String,
    /// The account ID of the expected owner. S3 refuses every call if another account owns the bucket, for example
    /// after a reuse of the bucket name.
    pub owner: String,
}

impl From<&AppliedNotification> for Bucket {
    /// The bucket of recorded entries.
    fn from(notification: &AppliedNotification) -> Self {
        let AppliedNotification { region, bucket, bucket_owner, ids: _ } = notification.clone();
        Self { region, name: bucket, owner: bucket_owner }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
