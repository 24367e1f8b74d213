//! What the operator knows about its schedules of EventBridge Scheduler, shared by the reconciles of all objects.

mod groups;
mod remembered;
mod role;

pub use groups::{GroupPlace, Groups};
pub use remembered::RememberedSchedules;
pub use role::role;

/// The known schedules and groups.
#[derive(Default)]
pub struct Schedules {
    /// The groups with proven ownership.
    pub groups: Groups,
    /// The schedules that were as desired at the last read.
    pub remembered: RememberedSchedules,
}
