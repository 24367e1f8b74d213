//! The configuration of asynchronous invocations.

use super::{code, deployment::quick_aws, refusal, run};

fn invalid(code: &str, why: &str) -> (u16, String, String) {
    (400, code.to_owned(), why.to_owned())
}

#[test]
fn an_async_invocation_configuration_is_replaced_as_a_whole() {
    run(async {
        let aws = quick_aws().await;
        aws.created("async").await;
        let read = || aws.lambda.get_function_event_invoke_config().function_name("async").send();
        let put = || aws.lambda.put_function_event_invoke_config().function_name("async");
        let why =
            format!("The function {}:$LATEST doesn't have an EventInvokeConfig", aws.function_arn("async"));
        assert_eq!(refusal(read().await), (404, "ResourceNotFoundException".to_owned(), why));
        let both = put().maximum_retry_attempts(0).maximum_event_age_in_seconds(60);
        both.send().await.expect("set");
        put().maximum_retry_attempts(2).send().await.expect("set");
        let found = read().await.expect("read");
        assert_eq!((found.maximum_retry_attempts(), found.maximum_event_age_in_seconds()), (Some(2), None));
        let delete = || aws.lambda.delete_function_event_invoke_config().function_name("async").send();
        delete().await.expect("deleted");
        assert_eq!(code(delete().await), (404, "ResourceNotFoundException".to_owned()));
    });
}

#[test]
fn retries_beyond_the_limits_are_refused() {
    run(async {
        let aws = quick_aws().await;
        aws.created("async").await;
        let put = || aws.lambda.put_function_event_invoke_config().function_name("async");
        let nothing = "You must specify at least one of error handling or destination setting.";
        assert_eq!(refusal(put().send().await), invalid("InvalidParameterValueException", nothing));
        let at = |value: i32, member: &str, bound: &str| {
            let why = format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have value {bound}"
            );
            invalid("ValidationException", &why)
        };
        let attempts = refusal(put().maximum_retry_attempts(3).send().await);
        assert_eq!(attempts, at(3, "maximumRetryAttempts", "less than or equal to 2"));
        for (age, bound) in [(59, "greater than or equal to 60"), (21_601, "less than or equal to 21600")] {
            let refused = refusal(put().maximum_event_age_in_seconds(age).send().await);
            assert_eq!(refused, at(age, "maximumEventAgeInSeconds", bound));
        }
        let missing_function = aws.lambda.put_function_event_invoke_config().function_name("nowhere");
        let missing_function = missing_function.maximum_retry_attempts(0).send().await;
        assert_eq!(code(missing_function), (404, "ResourceNotFoundException".to_owned()));
    });
}
