//! Checks of a `ScheduledFunction`.

use super::function::{function, region, tags};
use super::{
    FieldError, is_account, is_partition, is_region, is_word, messages, over_length, unless, unless_is,
};
use crate::api::validation::limits;
use crate::api::{Backend, RetryPolicy, ScheduledFunctionSpec};

impl ScheduledFunctionSpec {
    /// All errors of the spec that need no call to AWS. An empty list means that the spec is valid as far as known.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = function(&self.function);
        errors.extend(self.read_schedule().err().into_iter().flatten());
        errors.extend(self.timing());
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

    /// Errors of the fields that concern the time, and of the combination with the schedule.
    fn timing(&self) -> Vec<FieldError> {
        let starts_with = |start| self.schedule.as_ref().is_some_and(|text| text.starts_with(start));
        let (is_one_time, is_rate) = (starts_with("at("), self.rate.is_some() || starts_with("rate("));
        let (start, end) = (self.start_date.as_ref(), self.end_date.as_ref());
        let in_order = start.zip(end).is_none_or(|(start, end)| start < end);
        let window = self.flexible_time_window_minutes.and_then(|minutes| {
            let field = "spec.flexibleTimeWindowMinutes";
            FieldError::of_range(field, minutes.into(), 1, limits::MAX_TIME_WINDOW)
        });
        let errors = [
            self.time_zone.as_ref().and_then(time_zone),
            unless(self.time_zone.is_none() || !is_rate, "spec.timeZone", messages::TIME_ZONE_OF_RATE),
            unless(start.is_none() || !is_one_time, "spec.startDate", messages::DATE_OF_AT),
            unless(end.is_none() || !is_one_time, "spec.endDate", messages::DATE_OF_AT),
            unless(in_order, "spec.endDate", messages::END_BEFORE_START),
            window,
            self.to_schedule().ok().and_then(|schedule| schedule.due_at().err()),
        ];
        let is_rule = self.backend == Some(Backend::Rule);
        let needs_scheduler = self.scheduler_fields().filter(|_| is_rule).map(|(field, feature)| {
            FieldError::new(format!("spec.{field}"), messages::needs_scheduler(feature))
        });
        errors.into_iter().flatten().chain(needs_scheduler).collect()
    }
}

/// The form of a time zone's name. Only AWS and the API server decide whether the time zone exists: their data may be
/// newer than the operator's.
fn time_zone(name: &String) -> Option<FieldError> {
    let is_name = |text: &str| {
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
        };
        text.starts_with(|c: char| c.is_ascii_uppercase()) && text.split('/').all(is_part) && text != "Local"
    };
    unless_is("spec.timeZone", name, limits::TIME_ZONE, is_name, messages::TIME_ZONE)
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
