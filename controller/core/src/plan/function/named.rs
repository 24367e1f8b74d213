//! The function that a spec names.

use crate::api::FunctionRef;
use crate::arn::FunctionArn;
use crate::status::{Component, Failure, Reason};

/// The Region of a resource: the Region of the spec, else of the function's ARN, else of the operator.
pub fn region(spec: Option<&str>, arn: Option<&str>, default: &str) -> String {
    let of_arn = || arn.and_then(FunctionArn::parse).map(|arn| arn.region);
    spec.map(ToOwned::to_owned).or_else(of_arn).unwrap_or_else(|| default.to_owned())
}

/// The ARN of a named function, with its qualifier.
pub fn named_arn(function: &FunctionRef, region: &str, account: &str) -> FunctionArn {
    let of_name = || FunctionArn::of_name(function.name.as_deref().unwrap_or_default(), region, account);
    let arn = function.arn.as_deref().and_then(FunctionArn::parse).unwrap_or_else(of_name);
    let qualifier = function.qualifier.clone().or_else(|| arn.qualifier.clone());
    arn.with_qualifier(qualifier.as_deref())
}

/// The failure for a missing function, named by its name or its ARN.
pub fn not_found(name: &str, qualifier: Option<&str>, region: &str) -> Failure {
    let what =
        qualifier.map_or_else(String::new, |qualifier| format!(" with the alias or version {qualifier}"));
    let message = format!(
        "there is no Lambda function {name}{what} in {region}: create it, or name another one in spec.function"
    );
    Failure::new(Component::Function, Reason::FunctionNotFound, message)
}

/// The failure if Lambda reports the state Failed for a named function, with the cause `why`.
pub fn in_state_failed(function: &FunctionArn, why: &str) -> Failure {
    let message = format!(
        "the function {} is in the state Failed, and cannot be invoked: {why}. Fix or update the function",
        function.short()
    );
    Failure::new(Component::Function, Reason::FunctionFailed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws-cn:lambda:cn-north-1:123456789012:function:f:live";

    fn named(name: Option<&str>, arn: Option<&str>, qualifier: Option<&str>) -> String {
        let text = |text: Option<&str>| text.map(ToOwned::to_owned);
        let function = FunctionRef {
            name: text(name),
            arn: text(arn),
            qualifier: text(qualifier),
            ..FunctionRef::default()
        };
        named_arn(&function, "eu-west-1", "111122223333").to_string()
    }

    #[test]
    fn the_region_of_the_spec_precedes_the_region_of_the_arn() {
        assert_eq!(region(Some("eu-west-1"), Some(ARN), "us-east-1"), "eu-west-1");
        assert_eq!(region(None, Some(ARN), "us-east-1"), "cn-north-1");
        assert_eq!(region(None, Some("f"), "us-east-1"), "us-east-1");
        assert_eq!(region(None, None, "us-east-1"), "us-east-1");
    }

    #[test]
    fn the_arn_of_a_named_function_has_the_qualifier_of_the_spec() {
        let of_name = "arn:aws:lambda:eu-west-1:111122223333:function:f";
        assert_eq!(named(Some("f"), None, None), of_name);
        assert_eq!(named(Some("f"), None, Some("7")), format!("{of_name}:7"));
        assert_eq!(named(None, Some(ARN), None), ARN);
        assert_eq!(named(None, Some(ARN), Some("7")), ARN.replace("live", "7"));
    }

    #[test]
    fn a_failure_names_the_function_and_the_next_step() {
        let expected = Failure::new(
            Component::Function,
            Reason::FunctionNotFound,
            "there is no Lambda function f with the alias or version live in eu-west-1: create it, or name another one in spec.function",
        );
        assert_eq!(not_found("f", Some("live"), "eu-west-1"), expected);
        let message =
            "there is no Lambda function f in eu-west-1: create it, or name another one in spec.function";
        assert_eq!(not_found("f", None, "eu-west-1").message, message);
        let expected = Failure::new(
            Component::Function,
            Reason::FunctionFailed,
            "the function f:live is in the state Failed, and cannot be invoked: no image. Fix or update the function",
        );
        assert_eq!(in_state_failed(&FunctionArn::parse(ARN).unwrap(), "no image"), expected);
    }
}
