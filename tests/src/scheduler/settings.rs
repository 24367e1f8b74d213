//! Behaviour of EventBridge Scheduler that AWS leaves open, or that a test needs.

use jiff::SignedDuration;
use serde::Deserialize;

/// The moment of a run within its flexible time window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowPosition {
    /// At the due time.
    Start,
    /// At the end of the window.
    End,
}

/// The treatment of an `at()` whose time has passed when the schedule is written. AWS does not document the treatment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastTime {
    /// The write is refused.
    Refused,
    /// The schedule runs at once.
    RunsAtOnce,
    /// The schedule never runs.
    NeverRuns,
}

/// Settings of an account's EventBridge Scheduler. The durations are in the time of the account's clock, except for
/// `role_delay`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SchedulerSettings {
    /// The moment of a run in its window. The default is the end.
    pub window: WindowPosition,
    /// The time from the due time, or from the moment in the window, until the run. The default is zero. AWS is precise
    /// to the minute.
    pub run_delay: SignedDuration,
    /// The treatment of an `at()` in the past. By default the schedule runs at once.
    pub past_time: PastTime,
    /// The time of a deleted group in the state `DELETING`. The default is one minute. The schedules of the group run
    /// until then.
    pub group_deletion: SignedDuration,
    /// The time after the creation of a schedule in which updates and deletions answer 409. The default is zero.
    pub conflict_after_create: SignedDuration,
    /// The age at which a role is accepted, since IAM takes some time. The default is zero. The age is real time.
    pub role_delay: SignedDuration,
    /// The number of deliveries of each run. The default is 1. AWS delivers at least once.
    pub deliveries: usize,
    /// Maximum schedules in a Region; 10,000,000 by default
    /// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>).
    pub max_schedules: usize,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            window: WindowPosition::End,
            run_delay: SignedDuration::ZERO,
            past_time: PastTime::RunsAtOnce,
            group_deletion: SignedDuration::from_mins(1),
            conflict_after_create: SignedDuration::ZERO,
            role_delay: SignedDuration::ZERO,
            deliveries: 1,
            max_schedules: 10_000_000,
        }
    }
}
