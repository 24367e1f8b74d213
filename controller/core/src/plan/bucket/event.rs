//! The events for changes of a bucket's document.

use super::{Bucket, Change, Entry};
use crate::status::{EventReason, EventToEmit};

/// The event for a change of the entries of a resource. A change of a resource that was in sync repairs drift.
pub fn event(change: &Change, was_in_sync: bool, bucket: &Bucket) -> EventToEmit {
    let (reason, note) = match (change, was_in_sync) {
        (Change::Added(entry), true) => {
            let note = format!("restored the {}, which was missing from bucket {bucket}", entry.describe());
            return EventToEmit::warning(EventReason::DriftRepaired, note);
        }
        (Change::Replaced(entry), true) => {
            let note = format!("restored the {}, which was changed in bucket {bucket}", entry.describe());
            return EventToEmit::warning(EventReason::DriftRepaired, note);
        }
        (Change::Added(entry), false) => {
            (EventReason::EntryCreated, format!("added the {} to bucket {bucket}", entry.describe()))
        }
        (Change::Replaced(entry), false) => {
            (EventReason::EntryUpdated, format!("changed the {} in bucket {bucket}", entry.describe()))
        }
        (Change::Adopted(entry, _), _) => {
            let what = entry.describe();
            (
                EventReason::Adopted,
                format!("adopted the {what} in bucket {bucket}, which another tool created"),
            )
        }
        (Change::Removed(entry), _) => {
            (EventReason::EntryRemoved, format!("removed the {} from bucket {bucket}", entry.describe()))
        }
    };
    EventToEmit::normal(reason, note)
}

/// The event for a foreign entry that disappeared during our write.
pub fn lost_entry_event(entry: &Entry, bucket: &Bucket) -> EventToEmit {
    let note = format!(
        "the {} that notified {} disappeared from bucket {bucket} during a write of the operator: another tool \
         removed the entry, or wrote between the operator's read and write. Ask the owner of the entry to \
         check it",
        entry.describe(),
        entry.arn
    );
    EventToEmit::warning(EventReason::ForeignEntryGone, note)
}

/// The event for a foreign entry with a destination that S3 refuses.
pub fn broken_destination_event(entry: &Entry, bucket: &Bucket) -> EventToEmit {
    let note = format!(
        "S3 cannot deliver to {}, the destination of the foreign {} in bucket {bucket}: the destination does \
         not exist, or does not permit s3.amazonaws.com. The operator wrote its entries without S3's \
         validation of destinations. Fix the destination, or remove the entry",
        entry.arn,
        entry.describe()
    );
    EventToEmit::warning(EventReason::ForeignDestinationBroken, note)
}
