//! Missing permissions, read from AWS's access-denied messages. A call can need more than the permission for its own
//! action. Lambda reads archives, layers and networks, and passes the function's role, with the permissions of the
//! caller.

/// A permission missing from the caller's policies.
#[derive(Debug, PartialEq, Eq)]
pub struct MissingPermission<'a> {
    /// The IAM action to allow, or several actions.
    pub right: String,
    /// The resource, if the message names the resource.
    pub on: Option<&'a str>,
    /// The kind of policy with an explicit deny, such as `a service control policy`; `None` if no policy allows the
    /// action.
    pub forbidden_by: Option<&'a str>,
}

/// Parses an access-denied message; `None` if the message names no permission. The formats come from
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>, and from Lambda for the errors
/// of other services.
pub fn missing(words: &str) -> Option<MissingPermission<'_>> {
    if let Some((_, rest)) = words.split_once("not authorized to perform: ") {
        let on = rest.split_once("on resource: ").map(|(_, on)| word(on));
        let forbidden_by =
            rest.split_once("with an explicit deny in ").map(|(_, by)| by.trim_end_matches('.'));
        return Some(MissingPermission { right: word(rest).into(), on, forbidden_by });
    }
    if let Some((service, rest)) = passed_on(words) {
        let (right, on) = match rest.split_once(" for ") {
            Some((right, on)) => (right, Some(word(on).trim_end_matches('.'))),
            None => (word(rest), None),
        };
        let right = match (service, right) {
            ("s3", "GetObject") => "s3:GetObject (and s3:GetObjectVersion, if the code has a version)".into(),
            _ => format!("{service}:{}", right.trim_end_matches('.')),
        };
        return Some(MissingPermission { right, on, forbidden_by: None });
    }
    let of_image = words.contains("does not have permission to access the ECR image");
    of_image.then(|| MissingPermission {
        right:
            "ecr:BatchGetImage and ecr:GetDownloadUrlForLayer (and the same for lambda.amazonaws.com in the \
             repository's policy)"
                .into(),
        on: Some("the image"),
        forbidden_by: None,
    })
}

/// True if Lambda passes on an access denied from another service.
pub fn is_passed_on(words: &str) -> bool {
    passed_on(words).is_some()
}

fn passed_on(words: &str) -> Option<(&'static str, &str)> {
    let (_, rest) = words.split_once("Your access has been denied by ")?;
    let service = match rest.split_once(',')?.0 {
        "S3" => "s3",
        "EC2" => "ec2",
        _ => return None,
    };
    Some((service, rest.split_once("have permission to ")?.1))
}

fn word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_missing_permission_in_the_message() {
        let found =
            |right: &str, on, forbidden_by| Some(MissingPermission { right: right.into(), on, forbidden_by });
        let user = "User: arn:aws:sts::123456789012:assumed-role/operator/1 is not authorized to perform: ";
        let role = "arn:aws:iam::123456789012:role/app";
        let cases = [
            (
                format!("{user}iam:PassRole on resource: {role} because no identity-based policy allows the iam:PassRole action"),
                found("iam:PassRole", Some(role), None),
            ),
            (
                format!("{user}s3:PutBucketNotification on resource: \"arn:aws:s3:::photos\" with an explicit deny in a service control policy"),
                found("s3:PutBucketNotification", Some("arn:aws:s3:::photos"), Some("a service control policy")),
            ),
            (
                "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for \
                 builds/1.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"
                    .into(),
                found("s3:GetObject (and s3:GetObjectVersion, if the code has a version)", Some("builds/1.zip"), None),
            ),
            (
                "Your access has been denied by EC2, please make sure your request credentials have permission to \
                 DescribeSubnets. EC2 Error Code: UnauthorizedOperation."
                    .into(),
                found("ec2:DescribeSubnets", None, None),
            ),
            ("Access Denied".into(), None),
        ];
        for (words, expected) in cases {
            assert_eq!(missing(&words), expected, "{words}");
        }
    }
}
