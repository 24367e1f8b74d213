//! EventBridge Scheduler as a value: groups, schedules, checks and due times, without HTTP and without a clock.
//!
//! [`store::Scheduler`] holds the schedules of an account. Its calls take the members of a request as JSON, in AWS's
//! names, and the present time. The owner of the store asks for the runs that are due and delivers the runs.
//! The owner also knows IAM: the store does not look at roles.

pub(crate) mod check;
pub(crate) mod cron;
pub(crate) mod due;
mod expression;
pub(crate) mod groups;
mod payload;
pub(crate) mod runs;
pub(crate) mod settings;
pub(crate) mod store;
