//! The planner for a schedule of EventBridge Scheduler and its group.
//!
//! UpdateSchedule resets omitted fields to their defaults, so each write sends the whole schedule
//! (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html>). The planner compares both
//! sides in the form that GetSchedule returns.

mod desired;
mod event;
mod failure;
mod group;
mod plan;
mod settings;
mod start;

pub use desired::{DesiredSchedule, full_retry};
pub use event::{completed_event, event, moved_to_rule_event, moved_to_schedule_event};
pub use failure::{no_next_run, role_refused, target_in_other_account};
pub use group::{GroupConflict, GroupPlan, adoption_event, group_arn, plan_group};
pub use plan::{SchedulePlan, ScheduleStep, plan_schedule};
pub use settings::{ObservedSchedule, ScheduleBody, ScheduleKey, ScheduleSettings, ScheduleTarget};

#[cfg(test)]
mod tests;
