//! Checks of a `ScheduledFunction`.

use super::function::{function, region, tags};
use super::{
    FieldError, is_account, is_partition, is_region, is_word, messages, over_length, unless, unless_is,
};
use crate::api::validation::limits;
use crate::api::{RetryPolicy, ScheduledFunctionSpec};

impl ScheduledFunctionSpec {
    /// All errors of the spec that need no call to AWS. An empty list means that the spec is valid as far as known.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = function(&self.function);
        errors.extend(self.read_schedule().err().into_iter().flatten());
        errors.extend(self.input.as_ref().and_then(input));
        let both = self.input.is_some() && self.input_json.is_some();
        errors.extend(unless(!both, "spec", messages::ONE_INPUT));
        errors.extend(self.input_json.as_ref().and_then(input_json));
        errors.extend(self.retry_policy.iter().flat_map(retry_policy));
        errors.extend(self.dead_letter_queue_arn.as_ref().and_then(dead_letter_queue));
        errors.extend(over_length("spec.description", self.description.as_ref(), limits::DESCRIPTION));
        errors.extend(region(&self.function, self.region.as_ref()));
        errors.extend(tags("spec.tags", &self.tags));
        errors
    }
}

fn input(input: &serde_json::Value) -> Option<FieldError> {
    let length = input.to_string().chars().count();
    (length > limits::INPUT)
        .then(|| FieldError::new("spec.input", messages::input_too_long(length, limits::INPUT)))
}

fn input_json(text: &String) -> Option<FieldError> {
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    unless_is("spec.inputJson", text, limits::INPUT, is_json, messages::INPUT_JSON)
}

fn retry_policy(policy: &RetryPolicy) -> Vec<FieldError> {
    let RetryPolicy { maximum_retry_attempts: attempts, maximum_event_age_seconds: age } = policy;
    let attempts = attempts.and_then(|attempts| {
        FieldError::of_range(
            "spec.retryPolicy.maximumRetryAttempts",
            attempts.into(),
            0,
            limits::MAX_RETRY_ATTEMPTS,
        )
    });
    let age = age.and_then(|age| {
        FieldError::of_range(
            "spec.retryPolicy.maximumEventAgeSeconds",
            age.into(),
            limits::MIN_EVENT_AGE,
            limits::MAX_EVENT_AGE,
        )
    });
    attempts.into_iter().chain(age).collect()
}

fn dead_letter_queue(arn: &String) -> Option<FieldError> {
    let field = "spec.deadLetterQueueArn";
    let is_queue = match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "sqs", region, account, name] => {
            is_partition(partition) && is_region(region) && is_account(account) && is_word(name, 80)
        }
        _ => false,
    };
    over_length(field, Some(arn), limits::ARN)
        .or_else(|| unless(is_queue, field, messages::DEAD_LETTER_QUEUE))
}
