//! The intent of a `ScheduledFunction`: a rule of EventBridge, or a schedule of EventBridge Scheduler.

mod rule;
mod schedule;
mod valid;

pub use rule::RuleIntent;
pub use schedule::ScheduleIntent;
pub use valid::{Operator, Valid};
