//! The role of a function where Lambda cannot use the role: mostly a role that was made a moment ago.
//!
//! IAM is eventually consistent
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>), and Lambda
//! looks at the role when a function is made or changed. Its answer is `InvalidParameterValueException`, and the message alone
//! says more.

/// After the name of an action and before that of a service: `call CreateNetworkInterface on EC2`.
const LACKS: &str = "execution role does not have permissions to call ";
const NO_PRINCIPAL: &str = "KMS key is invalid for CreateGrant";

/// True for a role that Lambda cannot use yet, or at all.
pub fn is_not_ready(message: &str) -> bool {
    message.contains("cannot be assumed") || message.contains(LACKS) || message.contains(NO_PRINCIPAL)
}

/// True where EC2 throttles the calls of Lambda for a function in a VPC.
pub fn is_throttled_by_ec2(message: &str) -> bool {
    message.contains("throttled by EC2")
}

/// The message for the role of `function`, by the message of Lambda.
pub fn describe(function: &str, message: &str) -> String {
    const YOUNG: &str = "a new role takes a moment to count, so this is tried again; if it stays";
    if let Some((_, call)) = message.split_once(LACKS) {
        let call = call.trim_end_matches('.');
        return format!(
            "the role of {function} may not call {call}; {YOUNG}, allow {} in the IAM policy of that role",
            permission(call)
        );
    }
    if message.contains(NO_PRINCIPAL) {
        return format!(
            "KMS makes no grant for the role of {function}; {YOUNG}, see that the role exists and that the KMS key is enabled"
        );
    }
    format!(
        "Lambda cannot assume the role of {function}; {YOUNG}, see that the role exists and that its trust policy names \
         lambda.amazonaws.com"
    )
}

/// The action of IAM: `ec2:CreateNetworkInterface` for `CreateNetworkInterface on EC2`.
fn permission(call: &str) -> String {
    let Some((action, service)) = call.split_once(" on ") else { return call.to_owned() };
    let action = format!("{}:{action}", service.to_ascii_lowercase());
    match service {
        // Lambda looks for one of several (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
        "EC2" => format!("{action} and the rest of AWSLambdaVPCAccessExecutionRole"),
        _ => action,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_too_young_is_told_from_a_wrong_parameter() {
        let cases = [
            "The role defined for the function cannot be assumed by Lambda.",
            "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
            "The provided execution role does not have permissions to call SendMessage on SQS",
            "The function execution role does not have permissions to call Publish on SNS",
            "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. \
             Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid \
             principal",
        ];
        for message in cases {
            assert!(is_not_ready(message), "{message}");
        }
        for message in ["Unzipped size must be smaller than 262144000 bytes", "The role is malformed"] {
            assert!(!is_not_ready(message), "{message}");
        }
        assert!(is_throttled_by_ec2("Lambda was throttled by EC2 while it made the network interface"));
        assert!(!is_throttled_by_ec2(cases[1]));
    }

    #[test]
    fn the_permission_that_the_role_lacks_is_named() {
        let of = |call: &str| {
            describe(
                "function app",
                &format!("The provided execution role does not have permissions to call {call}"),
            )
        };
        assert_eq!(
            of("SendMessage on SQS."),
            "the role of function app may not call SendMessage on SQS; a new role takes a moment to count, so this is tried \
             again; if it stays, allow sqs:SendMessage in the IAM policy of that role"
        );
        assert!(of("CreateNetworkInterface on EC2").ends_with(
            "allow ec2:CreateNetworkInterface and the rest of AWSLambdaVPCAccessExecutionRole in the IAM policy of that role"
        ));
        assert_eq!(
            describe("function app", "... because the KMS key is invalid for CreateGrant. ..."),
            "KMS makes no grant for the role of function app; a new role takes a moment to count, so this is tried again; if it \
             stays, see that the role exists and that the KMS key is enabled"
        );
    }
}
