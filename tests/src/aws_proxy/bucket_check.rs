//! S3's checks of a bucket's owner and Region, and of the destinations in a notification configuration.

use super::{notification::Entry, notification_rules::invalid, wire::Refusal};

/// ARN of a destination that S3 cannot deliver to, and the reason.
pub(crate) type Broken = (String, String);

/// 403: the bucket belongs to another account, or not to the expected owner.
pub(crate) fn access_denied() -> Refusal {
    Refusal::new(403, "AccessDenied", "Access Denied")
}

/// 404: no bucket of that name.
pub(crate) fn no_such_bucket() -> Refusal {
    Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist")
}

/// 301: the bucket is in `region`.
pub(crate) fn other_region(bucket: &str, region: &str) -> Refusal {
    let text = "The bucket you are attempting to access must be addressed using the specified endpoint. \
                Please send all future requests to this endpoint.";
    Refusal::new(301, "PermanentRedirect", text)
        .detail("Endpoint", format!("s3.{region}.amazonaws.com"))
        .detail("Bucket", bucket)
        .header("x-amz-bucket-region", region)
}

/// Refuses a destination in another Region than the bucket's.
pub(crate) fn check_destination_region(entry: &Entry, bucket_region: &str) -> Result<(), Refusal> {
    let region = entry.arn.split(':').nth(3).unwrap_or_default();
    if !entry.arn.starts_with("arn:") || entry.arn.split(':').count() < 6 {
        return Err(invalid("The ARN could not be parsed")
            .detail("ArgumentName", "ARN")
            .detail("ArgumentValue", &entry.arn));
    }
    if region == bucket_region {
        return Ok(());
    }
    let refusal = invalid(
        "The notification destination service region is not valid for the bucket location constraint",
    );
    Err(refusal.detail("ArgumentName", "Arn").detail("ArgumentValue", &entry.arn))
}

/// The reason why S3 cannot deliver to a function; `None` if S3 can.
pub(crate) fn why_broken(arn: &str, exists: bool, permitted: bool) -> Option<Broken> {
    let why = match (exists, permitted) {
        (false, _) => format!("The destination Lambda function does not exist: [{arn}]"),
        (true, false) => format!("Not authorized to invoke function [{arn}]"),
        (true, true) => return None,
    };
    Some((arn.to_owned(), why))
}

/// Refuses destinations that S3 cannot deliver to.
pub(crate) fn check_destinations(broken: Vec<Broken>) -> Result<(), Refusal> {
    if broken.is_empty() {
        return Ok(());
    }
    let refusal = invalid("Unable to validate the following destination configurations");
    Err(broken.into_iter().zip(1..).fold(refusal, |refusal, ((arn, why), number)| {
        refusal
            .detail(&format!("ArgumentName{number}"), format!("{arn}, null"))
            .detail(&format!("ArgumentValue{number}"), why)
    }))
}
