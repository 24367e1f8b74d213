//! The planner for the retries of asynchronous invocations. Lambda keeps the retries in a separate configuration per
//! function.

use serde::Serialize;

use super::{FunctionPlan, FunctionStep};
use crate::api::AsyncInvoke;

/// Lambda's defaults: the number of retries, and the maximum age of an event in seconds
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
const DEFAULT_RETRY_ATTEMPTS: i32 = 2;
const DEFAULT_EVENT_AGE_SECONDS: i32 = 21_600;

/// The configuration of asynchronous invocations. PutFunctionEventInvokeConfig replaces the whole configuration
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>).
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EventInvokeConfig {
    /// The number of retries.
    pub maximum_retry_attempts: Option<i32>,
    /// The maximum age of an event in seconds. Older events are not retried.
    pub maximum_event_age_seconds: Option<i32>,
    /// The ARN of a foreign destination for results. The operator never sets a destination.
    pub on_success: Option<String>,
    /// The ARN of a foreign destination for failed events.
    pub on_failure: Option<String>,
}

impl EventInvokeConfig {
    /// The configuration of a function without foreign destinations.
    pub fn from_spec(spec: &AsyncInvoke) -> Self {
        let AsyncInvoke { maximum_retry_attempts, maximum_event_age_seconds } = *spec;
        Self { maximum_retry_attempts, maximum_event_age_seconds, on_success: None, on_failure: None }
    }

    fn has_destinations(&self) -> bool {
        self.on_success.is_some() || self.on_failure.is_some()
    }

    /// The effective retries. Lambda may return a default value or omit the value.
    fn retries(&self) -> (i32, i32) {
        (
            self.maximum_retry_attempts.unwrap_or(DEFAULT_RETRY_ATTEMPTS),
            self.maximum_event_age_seconds.unwrap_or(DEFAULT_EVENT_AGE_SECONDS),
        )
    }
}

/// Adds the step for the configuration to the plan of an existing function. Call with `wanted` `None` only if an
/// earlier definition has set the retries.
pub fn plan_async_invoke(
    plan: &mut FunctionPlan,
    wanted: Option<&AsyncInvoke>,
    observed: Option<&EventInvokeConfig>,
) {
    // The creation includes the configuration.
    if !plan.steps.iter().any(|step| matches!(step, FunctionStep::Create(_))) {
        plan.steps.extend(async_invoke_step(wanted, observed));
    }
}

fn async_invoke_step(
    wanted: Option<&AsyncInvoke>,
    observed: Option<&EventInvokeConfig>,
) -> Option<FunctionStep> {
    let set = wanted.map(EventInvokeConfig::from_spec);
    let Some(found) = observed else { return set.map(FunctionStep::PutEventInvokeConfig) };
    let set = set.unwrap_or_default();
    if wanted.is_none() && !found.has_destinations() {
        return Some(FunctionStep::DeleteEventInvokeConfig);
    }
    let EventInvokeConfig { on_success, on_failure, .. } = found.clone();
    let merged = EventInvokeConfig { on_success, on_failure, ..set };
    (merged.retries() != found.retries()).then_some(FunctionStep::PutEventInvokeConfig(merged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(attempts: Option<i32>, age: Option<i32>, on_failure: Option<&str>) -> EventInvokeConfig {
        EventInvokeConfig {
            maximum_retry_attempts: attempts,
            maximum_event_age_seconds: age,
            on_success: on_failure.map(|_| "topic".to_owned()),
            on_failure: on_failure.map(ToOwned::to_owned),
        }
    }

    fn steps(
        wanted: Option<(Option<i32>, Option<i32>)>,
        observed: Option<EventInvokeConfig>,
    ) -> Vec<FunctionStep> {
        let wanted = wanted.map(|(maximum_retry_attempts, maximum_event_age_seconds)| AsyncInvoke {
            maximum_retry_attempts,
            maximum_event_age_seconds,
        });
        let mut plan = FunctionPlan::default();
        plan_async_invoke(&mut plan, wanted.as_ref(), observed.as_ref());
        plan.steps
    }

    fn put(attempts: Option<i32>, age: Option<i32>, on_failure: Option<&str>) -> Vec<FunctionStep> {
        vec![FunctionStep::PutEventInvokeConfig(config(attempts, age, on_failure))]
    }

    #[test]
    fn a_missing_configuration_is_set() {
        assert_eq!(steps(Some((Some(0), Some(60))), None), put(Some(0), Some(60), None));
        // Lambda also keeps a configuration with the defaults.
        assert_eq!(steps(Some((Some(2), None)), None), put(Some(2), None, None));
    }

    #[test]
    fn an_equal_configuration_is_kept() {
        for (attempts, age) in [(Some(0), Some(60)), (Some(1), None), (None, Some(61))] {
            assert_eq!(steps(Some((attempts, age)), Some(config(attempts, age, None))), vec![]);
            // Lambda may show the defaults.
            let shown = config(attempts.or(Some(2)), age.or(Some(21_600)), None);
            assert_eq!(steps(Some((attempts, age)), Some(shown)), vec![]);
        }
    }

    #[test]
    fn a_repair_keeps_foreign_destinations() {
        for observed in [(Some(1), Some(60)), (Some(0), Some(61)), (None, Some(60)), (Some(0), None)] {
            let found = config(observed.0, observed.1, Some("queue"));
            assert_eq!(steps(Some((Some(0), Some(60))), Some(found)), put(Some(0), Some(60), Some("queue")));
        }
    }

    #[test]
    fn removed_retries_return_to_the_defaults() {
        assert_eq!(steps(None, None), vec![]);
        let delete = vec![FunctionStep::DeleteEventInvokeConfig];
        assert_eq!(steps(None, Some(config(Some(0), Some(60), None))), delete);
        assert_eq!(steps(None, Some(config(None, None, None))), delete);
        let found = config(Some(0), None, Some("queue"));
        assert_eq!(steps(None, Some(found)), put(None, None, Some("queue")));
        assert_eq!(steps(None, Some(config(None, None, Some("queue")))), vec![]);
        for only in [
            EventInvokeConfig { on_success: None, ..config(Some(0), None, Some("queue")) },
            EventInvokeConfig { on_failure: None, ..config(Some(0), None, Some("queue")) },
        ] {
            let kept = EventInvokeConfig { maximum_retry_attempts: None, ..only.clone() };
            assert_eq!(steps(None, Some(only)), vec![FunctionStep::PutEventInvokeConfig(kept)]);
        }
    }
}
