//! The planner for a bucket's notification configuration: a merge of the operator's entries into the document.
//!
//! An own entry is an entry with an Id of this owner. A rejected resource keeps its current entries where possible.
//!
//! | found in the document | outcome |
//! |---|---|
//! | own entry, equal to the desired entry | stays byte-identical |
//! | own entry, different from the desired entry | is replaced in its position |
//! | own entry of an existing object with an unknown desired state | stays |
//! | own entry, marked as retained, of a deleted object | is treated as a foreign entry |
//! | every other own entry | is removed |
//! | entry of another operator (by its Id) in conflict with a desired entry | stays; the resource is rejected |
//! | other foreign entry of the same function in conflict with a desired entry | is adopted |
//! | foreign entry of another destination in conflict with a desired entry | stays; the resource is rejected |
//! | every other foreign element | stays byte-identical |

mod bisection;
mod claim;
mod document;
mod event;
pub mod failure;
mod filter;
mod foreign;
mod identity;
mod maker;
mod merge;
#[cfg(test)]
mod model;
mod refusal;
mod set_aside;
mod sync;
#[cfg(test)]
mod tests;
mod verify;

pub use claim::{CachedResource, Claim, Desired, are_in_place, claims};
pub use document::{Child, Destination, Document, Entry, InvalidDocument};
pub use event::{broken_destination_event, entry_events, lost_entry_event};
pub use filter::Filter;
pub use foreign::foreign_changes;
pub use identity::Bucket;
pub use maker::made_by;
pub use merge::{BucketPlan, Change, Conflict, MAX_ENTRIES, Rejection, plan_bucket, plan_bucket_of_some};
pub use refusal::refused_destinations;
pub use set_aside::{SetAside, foreign_entries};
pub use sync::{BucketSync, MAX_READ_AGE, MAX_WRITES, SyncCommand, SyncEvent, SyncOutcome, Synced};
pub use verify::{Verification, verify};
