//! Explanations of schedules, names, keys, buckets and resources, from values that were read before. A renderer shows the
//! values, and decides nothing.

mod bucket;
mod entry;
mod key;
mod name;
mod resource;
mod schedule;

pub use bucket::{BucketExplanation, EntryFunction, explain_bucket};
pub use entry::{EntryMaker, ExplainedEntry};
pub use key::{KeyExplanation, KeyMiss, MissReason, explain_key};
pub use name::{Candidate, NameExplanation, NamedResource, Proof, Supposition, explain_name};
pub use resource::{
    Count, HISTORY, History, Metric, Names, Observed, ObservedTrigger, Part, PartKind, PartState, Read,
    ResourceExplanation, ShownCondition, Subject, TriggerName, explain_resource, metrics,
};
pub use schedule::{NextRuns, Run, ScheduleExplanation, ScheduleQuestion, explain_schedule};
