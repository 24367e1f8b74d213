//! The merge of a bucket's notification configuration: what stays, what is ours, and who is set aside.
//!
//! | found in the document | outcome |
//! |---|---|
//! | entry with an Id of ours, wanted as it is | stays as it came, to the byte |
//! | entry with an Id of ours, wanted differently | replaced in its place |
//! | entry with an Id of ours whose object exists, but cannot say now what it wants | stays |
//! | entry with an Id of ours, marked as retained, whose object is gone | as any foreign entry |
//! | entry with any other Id of ours | removed |
//! | entry of another operator, by its Id, that conflicts with one of ours | stays; our resource is set aside |
//! | other foreign entry of the same function that conflicts with one of ours | taken over |
//! | foreign entry of another destination that conflicts with one of ours | stays; our resource is set aside |
//! | every other foreign element | stays as it came, to the byte |

mod claim;
mod document;
mod filter;
mod foreign;
mod merge;
#[cfg(test)]
mod model;
mod refusal;
mod sync;
#[cfg(test)]
mod tests;
mod verify;

pub use claim::{CachedResource, Claim, Desired, claims};
pub use document::{Child, Destination, Document, Entry, InvalidDocument};
pub use filter::Filter;
pub use foreign::foreign_changes;
pub use merge::{BucketPlan, Change, Conflict, MAX_ENTRIES, Rejection, plan_bucket};
pub use refusal::refused_destinations;
pub use sync::{BucketSync, MAX_READ_AGE, MAX_WRITES, SyncCommand, SyncEvent, SyncOutcome, Synced};
pub use verify::{Verification, verify};
