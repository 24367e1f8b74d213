//! The check of a document after a write.

use super::{Change, Destination, Document, Entry};

/// The result of [`verify`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// The operator's changes that the document does not show.
    pub missing: Vec<Change>,
    /// Foreign entries in the document before the write, but not after the write.
    pub lost: Vec<Entry>,
}

/// Compares the document `before` a write and the write's `changes` with the document `after` the write.
pub fn verify(before: &Document, changes: &[Change], after: &Document) -> Verification {
    let is_present = |entry: &Entry| after.entries().any(|found| found == entry);
    let has_id = |entry: &Entry| {
        let same = |found: &Entry| found.destination == Destination::Function && found.id == entry.id;
        after.entries().any(same)
    };
    let is_visible = |change: &&Change| match change {
        Change::Added(entry) | Change::Replaced(entry) => is_present(entry),
        Change::Removed(entry) => !has_id(entry),
        Change::Adopted(entry, _) => !is_present(entry),
    };
    let is_own = |entry: &Entry| {
        changes.iter().any(|change| match change {
            Change::Added(own) | Change::Replaced(own) | Change::Removed(own) | Change::Adopted(own, _) => {
                own.id == entry.id && entry.destination == Destination::Function
            }
        })
    };
    Verification {
        missing: changes.iter().filter(|change| !is_visible(change)).cloned().collect(),
        lost: before.entries().filter(|entry| !is_own(entry) && !is_present(entry)).cloned().collect(),
    }
}
