//! Errors about the execution role of a function or a schedule. In most cases, the role was created a moment ago, and
//! AWS cannot use the role yet.
//!
//! IAM is eventually consistent
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
//! Lambda and EventBridge Scheduler check the role when a function or a schedule is created or changed. The error code is
//! the code of every invalid request, so only the message identifies the error.

/// Lambda's text before an action and a service, such as `CreateNetworkInterface on EC2`.
const LACKS: &str = "execution role does not have permissions to call ";
const NO_PRINCIPAL: &str = "KMS key is invalid for CreateGrant";

/// True if Lambda cannot use the role, now or ever.
pub fn is_not_ready(message: &str) -> bool {
    message.contains("cannot be assumed") || message.contains(LACKS) || message.contains(NO_PRINCIPAL)
}

/// True if EventBridge Scheduler may not assume the role of a schedule
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role>).
pub fn is_refused_by_scheduler(message: &str) -> bool {
    message.contains("must allow AWS EventBridge Scheduler to assume the role")
}

/// True if EC2 throttles the calls of Lambda for a function in a VPC.
pub fn is_throttled_by_ec2(message: &str) -> bool {
    message.contains("throttled by EC2")
}

/// The message for users about the role of `function`, based on Lambda's message.
pub fn describe(function: &str, message: &str) -> String {
    const NEW_ROLE: &str =
        "a new role needs some seconds to take effect, so the operator tries again; if the error lasts";
    if let Some((_, call)) = message.split_once(LACKS) {
        let call = call.trim_end_matches('.');
        return format!(
            "the role of {function} may not call {call}; {NEW_ROLE}, allow {} in the IAM policy of that role",
            permission(call)
        );
    }
    if message.contains(NO_PRINCIPAL) {
        return format!(
            "KMS creates no grant for the role of {function}; {NEW_ROLE}, make sure that the role exists and \
             that the KMS key is enabled"
        );
    }
    format!(
        "Lambda cannot assume the role of {function}; {NEW_ROLE}, make sure that the role exists and that its \
         trust policy names lambda.amazonaws.com"
    )
}

/// The IAM action, such as `ec2:CreateNetworkInterface` for `CreateNetworkInterface on EC2`.
fn permission(call: &str) -> String {
    let Some((action, service)) = call.split_once(" on ") else { return call.to_owned() };
    let action = format!("{}:{action}", service.to_ascii_lowercase());
    match service {
        // Lambda checks one of several permissions
        // (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
        "EC2" => format!("{action} and the rest of AWSLambdaVPCAccessExecutionRole"),
        _ => action,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_not_ready_is_recognized() {
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
    fn names_the_permission_missing_in_the_role() {
        let of = |call: &str| {
            describe(
                "function app",
                &format!("The provided execution role does not have permissions to call {call}"),
            )
        };
        assert_eq!(
            of("SendMessage on SQS."),
            "the role of function app may not call SendMessage on SQS; a new role needs some seconds to take \
             effect, so the operator tries again; if the error lasts, allow sqs:SendMessage in the IAM policy \
             of that role"
        );
        assert!(of("CreateNetworkInterface on EC2").ends_with(
            "allow ec2:CreateNetworkInterface and the rest of AWSLambdaVPCAccessExecutionRole in the IAM policy of that role"
        ));
        assert_eq!(
            describe("function app", "... because the KMS key is invalid for CreateGrant. ..."),
            "KMS creates no grant for the role of function app; a new role needs some seconds to take effect, \
             so the operator tries again; if the error lasts, make sure that the role exists and that the KMS \
             key is enabled"
        );
    }
}
