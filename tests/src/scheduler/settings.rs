//! Behaviour of EventBridge Scheduler that AWS leaves open, or that a test needs.

use jiff::SignedDuration;

/// The moment of a run within its flexible time window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowPosition {
    /// At the due time.
    Start,
    /// At the end of the window.
    End,
}

/// The treatment of an `at()` whose time has passed when the schedule is written. AWS does not document the treatment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// The moment of a run in its window; the end by default.
    pub window: WindowPosition,
    /// The treatment of an `at()` in the past; by default the schedule runs at once.
    pub past_time: PastTime,
    /// How long a deleted group stays in the state `DELETING`; one minute by default. Its schedules run until then.
    pub group_deletion: SignedDuration,
    /// How long after the creation of a schedule updates and deletions answer 409; zero by default.
    pub conflict_after_create: SignedDuration,
    /// How long a new role is refused, since IAM takes some time; zero by default. The age of a role is real time.
    pub role_delay: SignedDuration,
    /// How often each run is delivered; 1 by default. AWS delivers at least once.
    pub deliveries: usize,
    /// Maximum schedules in a Region; 10,000,000 by default
    /// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>).
    pub max_schedules: usize,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            window: WindowPosition::End,
            past_time: PastTime::RunsAtOnce,
            group_deletion: SignedDuration::from_mins(1),
            conflict_after_create: SignedDuration::ZERO,
            role_delay: SignedDuration::ZERO,
            deliveries: 1,
            max_schedules: 10_000_000,
        }
    }
}
