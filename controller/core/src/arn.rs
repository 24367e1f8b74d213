//! Amazon Resource Names (ARNs) of Lambda functions and IAM roles.

use std::fmt;

/// The ARN of a Lambda function, with or without a qualifier.
///
/// Format: `arn:<partition>:lambda:<region>:<account>:function:<name>[:<qualifier>]`
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionArn {
    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: String,
    /// The AWS Region, such as `eu-west-1`.
    pub region: String,
    /// The account that owns the function, 12 digits.
    pub account: String,
    /// The function name, without the qualifier.
    pub name: String,
    /// The alias or the version; `None` stands for `$LATEST`.
    pub qualifier: Option<String>,
}

impl FunctionArn {
    /// Parses the ARN of a Lambda function; returns `None` for any other text.
    pub fn parse(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let (head, qualifier) = match parts.len() {
            7 => (&parts[..], None),
            8 => (&parts[..7], Some(parts[7])),
            _ => return None,
        };
        let [a, partition, service, region, account, kind, name] = head else { return None };
        let filled = [partition, region, account, name].iter().all(|part| !part.is_empty());
        if *a != "arn" || *service != "lambda" || *kind != "function" || !filled || qualifier == Some("") {
            return None;
        }
        Some(Self {
            partition: (*partition).into(),
            region: (*region).into(),
            account: (*account).into(),
            name: (*name).into(),
            qualifier: qualifier.map(Into::into),
        })
    }

    /// The ARN of a function by name, without a qualifier.
    pub fn of_name(name: &str, region: &str, account: &str) -> Self {
        Self {
            partition: partition_of(region).into(),
            region: region.into(),
            account: account.into(),
            name: name.into(),
            qualifier: None,
        }
    }

    /// The function of a flag: a name or an ARN, with or without a qualifier.
    pub fn from_reference(text: &str, region: &str, account: &str) -> Self {
        Self::parse(text).unwrap_or_else(|| {
            let (name, qualifier) =
                text.split_once(':').map_or((text, None), |(name, one)| (name, Some(one)));
            Self::of_name(name, region, account).with_qualifier(qualifier)
        })
    }

    /// The same function with another qualifier.
    #[must_use]
    pub fn with_qualifier(&self, qualifier: Option<&str>) -> Self {
        Self { qualifier: qualifier.map(Into::into), ..self.clone() }
    }

    /// Name and qualifier for messages, such as `every-hour:live`.
    pub fn short(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The account in the ARN of an IAM role, 12 digits; `None` for any other text.
///
/// Format: `arn:<partition>:iam::<account>:role/<path and name>`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>).
pub fn role_account(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "iam", "", account, role] = parts.as_slice() else { return None };
    let is_role = partition.starts_with("aws")
        && is_account(account)
        && role.strip_prefix("role/").is_some_and(is_role_name);
    is_role.then_some(account)
}

/// True for 12 digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_role_name(name: &str) -> bool {
    (1..=576).contains(&name.len()) && name.bytes().all(is_of_a_role)
}

/// The characters of a role name with its path
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names>).
pub(crate) fn is_of_a_role(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&b)
}

/// The AWS partition of a Region
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
pub fn partition_of(region: &str) -> &'static str {
    const OTHERS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    OTHERS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name, qualifier } = self;
        write!(f, "arn:{partition}:lambda:{region}:{account}:function:{name}")?;
        qualifier.iter().try_for_each(|q| write!(f, ":{q}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_arn_prints_as_the_same_text() {
        for arn in [
            "arn:aws:lambda:eu-west-1:123456789012:function:every-hour",
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:every-hour:live",
        ] {
            assert_eq!(FunctionArn::parse(arn).map(|a| a.to_string()), Some(arn.to_owned()));
        }
    }

    #[test]
    fn a_flag_names_a_function_by_name_or_arn() {
        let arn = |text: &str| FunctionArn::from_reference(text, "eu-west-1", "123456789012").to_string();
        assert_eq!(arn("report"), "arn:aws:lambda:eu-west-1:123456789012:function:report");
        assert_eq!(arn("report:live"), "arn:aws:lambda:eu-west-1:123456789012:function:report:live");
        let other = "arn:aws:lambda:us-east-1:210987654321:function:thumbs";
        assert_eq!(arn(other), other);
    }

    #[test]
    fn only_the_arn_of_a_role_has_a_role_account() {
        for arn in ["arn:aws:iam::123456789012:role/media", "arn:aws-cn:iam::123456789012:role/a/b+=,.@_-1"] {
            assert_eq!(role_account(arn), Some("123456789012"), "{arn}");
        }
        let long = format!("arn:aws:iam::123456789012:role/{}", "a".repeat(577));
        for arn in [
            "media",
            "arn:gcp:iam::123456789012:role/media",
            "arn:aws:sts::123456789012:role/media",
            "arn:aws:iam:eu-west-1:123456789012:role/media",
            "arn:aws:iam::1234:role/media",
            "arn:aws:iam::12345678901x:role/media",
            "arn:aws:iam::123456789012:user/media",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/media*",
            "arn:aws:iam::123456789012:role/media:live",
            &long,
        ] {
            assert_eq!(role_account(arn), None, "{arn}");
        }
    }

    #[test]
    fn regions_map_to_their_partitions() {
        let regions =
            ["eu-west-1", "us-west-2", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1"];
        let partitions = ["aws", "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b"];
        assert_eq!(regions.map(partition_of), partitions);
    }

    #[test]
    fn other_arns_are_rejected() {
        for arn in [
            "every-hour",
            "arn:aws:sqs:eu-west-1:123456789012:function:q",
            "arn:aws:lambda:eu-west-1:123456789012:layer:l",
            "arn:aws:lambda:eu-west-1:123456789012:function:f:",
            "arn:aws:lambda::123456789012:function:f",
        ] {
            assert_eq!(FunctionArn::parse(arn), None, "{arn}");
        }
    }

    #[test]
    fn the_arn_of_a_name_follows_from_region_and_account() {
        for (region, expected) in [
            ("eu-west-1", "arn:aws:lambda:eu-west-1:123456789012:function:thumbs"),
            ("cn-north-1", "arn:aws-cn:lambda:cn-north-1:123456789012:function:thumbs"),
        ] {
            assert_eq!(FunctionArn::of_name("thumbs", region, "123456789012").to_string(), expected);
        }
    }
}
