//! `ScheduledFunction` on the real API server and the strict local AWS: creation, changes, drift, faults and deletion.

mod accounts;
mod conflict;
mod deletion;
mod drift;
mod example;
mod external;
mod faults;
mod fields;
mod moves;
mod scheduler;
mod scheduler_faults;
mod scheduler_view;
mod shared;
mod target_changes;
mod untagged;
pub mod view;
