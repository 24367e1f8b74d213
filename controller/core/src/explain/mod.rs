//! Explanations of schedules, names and keys, without AWS and without a cluster. A renderer shows the values, and
//! decides nothing.

mod key;
mod name;
mod schedule;

pub use key::{KeyExplanation, KeyMatch, KeyMiss, MissReason, explain_key};
pub use name::{Candidate, NameExplanation, NamedResource, Proof, Supposition, explain_name};
pub use schedule::{NextRuns, Run, ScheduleExplanation, ScheduleQuestion, explain_schedule};
