//! The import: manifests for the triggers that other tools made in AWS, and a report with the steps of the hand-over.
//!
//! The functions take observations of AWS as values. Each part of AWS becomes a [`Finding`]: a manifest, or the reason
//! why there is no manifest. A manifest passes [`check_manifest`](crate::api::check_manifest), and leaves out the fields
//! at their defaults.
//!
//! | found | becomes |
//! |---|---|
//! | entries of one function with equal events | an `S3TriggeredFunction` with a filter each |
//! | entry of a queue or a topic, EventBridge | stays |
//! | rule with a schedule, for functions alone | a suspended `ScheduledFunction` for each function |
//! | schedule of EventBridge Scheduler for a function | a suspended `ScheduledFunction` |
//! | resource of an operator | stays |
//! | all else | is not imported, with the reason |
//!
//! An entry is adopted in one write of the bucket. A rule and a schedule are not adopted: the names in AWS differ, so
//! the resource begins suspended, and the report has the steps for a change without a missed run.

mod bucket;
pub mod files;
mod finding;
mod function;
mod input;
mod maker;
mod manifest;
mod names;
mod report;
mod rule;
mod runs;
mod schedule;
mod selection;
mod settings;

pub(crate) use bucket::working_filter;
pub use bucket::{ListedEntries, ObservedBucket, import_bucket};
pub use finding::{Finding, HandOver, Imported, OldPermission, Outcome};
pub use function::FunctionState;
pub use maker::Maker;
pub use manifest::{Manifest, ManifestFormat};
pub use names::{NameTemplate, Names};
pub use report::{Content, Line, Place, Report, Section};
pub use rule::{FoundRule, import_rule};
pub use runs::{QuietTime, Runs};
pub use schedule::{FoundSchedule, import_schedule};
pub use selection::Selection;
pub use settings::ImportSettings;

#[cfg(test)]
mod tests;
