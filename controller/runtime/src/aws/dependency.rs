//! Lambda's errors for a function that depends on a missing resource.

/// The kind of the missing resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingDependency {
    /// The S3 object with the code, its bucket or its version, or the image.
    Code,
    /// A layer, a queue, a topic, a subnet, a security group or a key.
    Other,
}

/// The kind of the missing resource, from the message of an `InvalidParameterValueException`. Lambda has no error code
/// for a missing resource (<https://github.com/aws/aws-cdk/issues/24648>,
/// <https://github.com/keithrozario/Klayers/issues/76>).
pub fn missing(words: &str) -> Option<MissingDependency> {
    let has = |part: &str| words.contains(part);
    let of_s3 = has("S3 Error Code: NoSuch");
    let of_image = has("Source image") && has("does not exist");
    if of_s3 || of_image {
        return Some(MissingDependency::Code);
    }
    (has("does not exist") || has(".NotFound") || has("NotFoundException"))
        .then_some(MissingDependency::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_missing_resource_in_the_message() {
        let cases = [
            (
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
                Some(MissingDependency::Code),
            ),
            (
                "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist",
                Some(MissingDependency::Code),
            ),
            (
                "Source image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/thumbs:1 does not exist. Provide a valid source image.",
                Some(MissingDependency::Code),
            ),
            (
                "Layer version arn:aws:lambda:eu-west-1:123456789012:layer:fonts:5 does not exist.",
                Some(MissingDependency::Other),
            ),
            (
                "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID \
                 'subnet-1' does not exist",
                Some(MissingDependency::Other),
            ),
            (
                "Source image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/thumbs:1 is not valid. Provide a valid source image.",
                None,
            ),
            ("The role defined for the function cannot be assumed by Lambda.", None),
        ];
        for (words, expected) in cases {
            assert_eq!(missing(words), expected, "{words}");
        }
    }
}
