//! Explanations of schedules, names, keys and buckets, from values that were read before. A renderer shows the
//! values, and decides nothing.

mod bucket;
mod entry;
mod key;
mod name;
mod schedule;

pub use bucket::{BucketExplanation, EntryFunction, explain_bucket};
pub use entry::{EntryMaker, ExplainedEntry};
pub use key::{KeyExplanation, KeyMiss, MissReason, explain_key};
pub use name::{Candidate, NameExplanation, NamedResource, Proof, Supposition, explain_name};
pub use schedule::{NextRuns, Run, ScheduleExplanation, ScheduleQuestion, explain_schedule};
