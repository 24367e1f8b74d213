//! [`verify`]: what a look at the document after a write says about it.

use super::{Change, Destination, Document, Entry};

/// What a document shows after a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Changes of ours that do not show.
    pub missing: Vec<Change>,
    /// Foreign entries that were there when we looked before the write, and are not now.
    pub lost: Vec<Entry>,
}

/// Compares the document that was read `before` a write, with the write's `changes` made to it, to the one read
/// `after`.
pub fn verify(before: &Document, changes: &[Change], after: &Document) -> Verification {
    let there = |entry: &Entry| after.entries().any(|found| found == entry);
    let has_id = |entry: &Entry| {
        let same = |found: &Entry| found.destination == Destination::Function && found.id == entry.id;
        after.entries().any(same)
    };
    let shows = |change: &&Change| match change {
        Change::Added(entry) | Change::Replaced(entry) => there(entry),
        Change::Removed(entry) => !has_id(entry),
        Change::Adopted(entry, _) => !there(entry),
    };
    let ours = |entry: &Entry| {
        changes.iter().any(|change| match change {
            Change::Added(own) | Change::Replaced(own) | Change::Removed(own) | Change::Adopted(own, _) => {
                own.id == entry.id && entry.destination == Destination::Function
            }
        })
    };
    Verification {
        missing: changes.iter().filter(|change| !shows(change)).cloned().collect(),
        lost: before.entries().filter(|entry| !ours(entry) && !there(entry)).cloned().collect(),
    }
}
