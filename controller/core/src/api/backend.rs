//! The choice between the two AWS services that run a `ScheduledFunction`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScheduledFunctionSpec;

/// AWS service that runs a schedule: a rule of EventBridge, or a schedule of EventBridge Scheduler.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Backend {
    #[default]
    Rule,
    Scheduler,
}

/// The fields that only EventBridge Scheduler supports, each with the name of the feature. `schedule` needs Scheduler
/// only for `at(...)`.
pub(super) const SCHEDULER_FIELDS: [(&str, &str); 5] = [
    ("schedule", "one-time runs"),
    ("timeZone", "time zone"),
    ("startDate", "start date"),
    ("endDate", "end date"),
    ("flexibleTimeWindowMinutes", "flexible time window"),
];

impl ScheduledFunctionSpec {
    /// The service for this spec: the field `backend`, else Scheduler if the spec needs Scheduler, else `default`.
    ///
    /// The choice depends on nothing else, so the same manifest always leads to the same resources in AWS.
    pub fn backend(&self, default: Backend) -> Backend {
        let needed = self.scheduler_fields().next().map(|_| Backend::Scheduler);
        self.backend.or(needed).unwrap_or(default)
    }

    /// The fields of this spec that need Scheduler, with the names of the features.
    pub(super) fn scheduler_fields(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let set = [
            self.schedule.as_ref().is_some_and(|text| text.starts_with("at(")),
            self.time_zone.is_some(),
            self.start_date.is_some(),
            self.end_date.is_some(),
            self.flexible_time_window_minutes.is_some(),
        ];
        SCHEDULER_FIELDS.into_iter().zip(set).filter_map(|(field, is_set)| is_set.then_some(field))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn backend_of(fields: Value, default: Backend) -> Backend {
        let mut spec = json!({"function": {"name": "f"}, "schedule": "0 18 * * *"});
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value::<ScheduledFunctionSpec>(spec).unwrap().backend(default)
    }

    #[test]
    fn the_operators_default_decides_without_a_field_that_needs_scheduler() {
        for default in [Backend::Rule, Backend::Scheduler] {
            assert_eq!(backend_of(json!({}), default), default);
            assert_eq!(backend_of(json!({"tags": {"team": "a"}, "suspend": true}), default), default);
        }
    }

    #[test]
    fn each_field_that_needs_scheduler_selects_scheduler() {
        for fields in [
            json!({"schedule": "at(2026-12-24T18:00:00)"}),
            json!({"timeZone": "Europe/Berlin"}),
            json!({"timeZone": "UTC"}),
            json!({"startDate": "2027-01-01T00:00:00Z"}),
            json!({"endDate": "2027-12-31T23:59:59Z"}),
            json!({"flexibleTimeWindowMinutes": 15}),
        ] {
            assert_eq!(backend_of(fields.clone(), Backend::Rule), Backend::Scheduler, "{fields}");
        }
    }

    #[test]
    fn the_field_backend_overrides_the_default() {
        assert_eq!(backend_of(json!({"backend": "Rule"}), Backend::Scheduler), Backend::Rule);
        assert_eq!(backend_of(json!({"backend": "Scheduler"}), Backend::Rule), Backend::Scheduler);
    }
}
