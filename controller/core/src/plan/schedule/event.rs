//! The events of a schedule.

use super::plan::{SchedulePlan, ScheduleStep};
use super::settings::ScheduleKey;
use crate::status::{EventReason, EventToEmit};

/// The event for the step on the schedule. `is_drift` is true if a foreign change caused the step.
pub fn event(key: &ScheduleKey, plan: &SchedulePlan, is_drift: bool) -> Option<EventToEmit> {
    let words = plan.changes.join(", ");
    Some(match (plan.step.as_ref()?, is_drift) {
        (ScheduleStep::Create(_), true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("restored the schedule {key}, which was deleted"),
        ),
        (ScheduleStep::Create(_), false) => {
            EventToEmit::normal(EventReason::ScheduleCreated, format!("created the schedule {key}"))
        }
        (ScheduleStep::Update(_), true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("reverted a change of the schedule {key}: {words}"),
        ),
        (ScheduleStep::Update(_), false) => {
            EventToEmit::normal(EventReason::ScheduleUpdated, format!("updated the schedule {key}: {words}"))
        }
        (ScheduleStep::Delete, _) => {
            EventToEmit::normal(EventReason::ScheduleDeleted, format!("deleted the schedule {key}"))
        }
    })
}

/// The event for an object that moved from the rule `rule` to the schedule.
pub fn moved_to_schedule_event(rule: &str, key: &ScheduleKey) -> EventToEmit {
    EventToEmit::normal(
        EventReason::ScheduleMoved,
        format!("moved from the rule {rule} to the schedule {key}"),
    )
}

/// The event for an object that moved from the schedule to the rule `rule`.
pub fn moved_to_rule_event(rule: &str, key: &ScheduleKey) -> EventToEmit {
    EventToEmit::normal(
        EventReason::ScheduleMoved,
        format!("moved from the schedule {key} to the rule {rule}"),
    )
}

/// The event for a schedule that is over. `message` is the message of the outcome.
pub fn completed_event(message: &str) -> EventToEmit {
    EventToEmit::normal(EventReason::Completed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::schedule::{ScheduleBody, ScheduleSettings, ScheduleTarget};

    fn body() -> ScheduleBody {
        let settings = ScheduleSettings {
            expression: "rate(1 hour)".into(),
            time_zone: "UTC".into(),
            end: None,
            window_minutes: None,
            enabled: true,
            deletes_itself: false,
            description: String::new(),
            target: ScheduleTarget {
                arn: "arn".into(),
                role_arn: "role".into(),
                input: None,
                retry_policy: crate::api::RetryPolicy::default(),
                dead_letter_queue_arn: None,
            },
        };
        ScheduleBody { settings, start: None }
    }

    #[test]
    fn an_event_names_the_schedule_and_the_changes() {
        let key = ScheduleKey { group: "lt-1".into(), name: "a".into() };
        let plan = |step, changes: &[&'static str]| SchedulePlan {
            step: Some(step),
            changes: changes.to_vec(),
            is_over: false,
        };
        let create = plan(ScheduleStep::Create(body()), &[]);
        let update = plan(ScheduleStep::Update(body()), &["state", "target"]);
        let delete = plan(ScheduleStep::Delete, &[]);
        let warning = |note: &str| EventToEmit::warning(EventReason::DriftRepaired, note);
        let cases = [
            (SchedulePlan::default(), true, None),
            (create.clone(), true, Some(warning("restored the schedule lt-1/a, which was deleted"))),
            (
                create,
                false,
                Some(EventToEmit::normal(EventReason::ScheduleCreated, "created the schedule lt-1/a")),
            ),
            (update.clone(), true, Some(warning("reverted a change of the schedule lt-1/a: state, target"))),
            (
                update,
                false,
                Some(EventToEmit::normal(
                    EventReason::ScheduleUpdated,
                    "updated the schedule lt-1/a: state, target",
                )),
            ),
            (
                delete,
                false,
                Some(EventToEmit::normal(EventReason::ScheduleDeleted, "deleted the schedule lt-1/a")),
            ),
        ];
        for (plan, is_drift, expected) in cases {
            assert_eq!(event(&key, &plan, is_drift), expected);
        }
    }

    #[test]
    fn a_move_names_both_resources() {
        let key = ScheduleKey { group: "lt-1".into(), name: "a".into() };
        let moved = |note: &str| EventToEmit::normal(EventReason::ScheduleMoved, note);
        assert_eq!(moved_to_schedule_event("a", &key), moved("moved from the rule a to the schedule lt-1/a"));
        assert_eq!(moved_to_rule_event("a", &key), moved("moved from the schedule lt-1/a to the rule a"));
        assert_eq!(completed_event("over"), EventToEmit::normal(EventReason::Completed, "over"));
    }
}
