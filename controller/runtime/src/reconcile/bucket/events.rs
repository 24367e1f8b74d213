//! The events for changes of a bucket's document, on the resources of the bucket.

use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::bucket::{Change, Entry};
use lambda_triggers_core::status::EventReason;

use super::requesters::{Requester, Requesters};
use crate::aws::Bucket;
use crate::objects::Identity;
use crate::reconcile::events::EventToEmit;

/// The events for the changes of a write: one event for each object and reason, with all entries in the note.
/// Kubernetes keeps only the first note of events with the same reason.
pub fn of_changes(
    changes: &[Change],
    requesters: &Requesters,
    owner: &OwnerId,
    bucket: &Bucket,
) -> Vec<(Identity, EventToEmit)> {
    let mut all: Vec<(Identity, EventToEmit)> = vec![];
    for (id, event) in changes.iter().filter_map(|change| of_change(change, requesters, owner, bucket)) {
        match all.iter_mut().find(|(known, merged)| known.uid == id.uid && merged.reason == event.reason) {
            Some((_, merged)) => merged.note = format!("{}; {}", merged.note, event.note),
            None => all.push((id, event)),
        }
    }
    all
}

fn of_change(
    change: &Change,
    requesters: &Requesters,
    owner: &OwnerId,
    bucket: &Bucket,
) -> Option<(Identity, EventToEmit)> {
    match change {
        Change::Added(entry) | Change::Replaced(entry) => {
            let requester = requester_of(entry, requesters, owner)?;
            let what = entry.describe();
            let event = match (requester.was_in_sync, change) {
                (true, Change::Added(_)) => EventToEmit::warning(
                    EventReason::DriftRepaired,
                    format!("restored the {what}, which was missing from bucket {bucket}"),
                ),
                (true, _) => EventToEmit::warning(
                    EventReason::DriftRepaired,
                    format!("restored the {what}, which was changed in bucket {bucket}"),
                ),
                (false, Change::Added(_)) => EventToEmit::normal(
                    EventReason::EntryCreated,
                    format!("added the {what} to bucket {bucket}"),
                ),
                (false, _) => EventToEmit::normal(
                    EventReason::EntryUpdated,
                    format!("changed the {what} in bucket {bucket}"),
                ),
            };
            Some((requester.id.clone(), event))
        }
        Change::Adopted(entry, key) => {
            let requester = requesters.0.values().find(|requester| requester.id.key == *key)?;
            let note =
                format!("adopted the {} in bucket {bucket}, which another tool created", entry.describe());
            Some((requester.id.clone(), EventToEmit::normal(EventReason::Adopted, note)))
        }
        Change::Removed(entry) => {
            let note = format!("removed the {} from bucket {bucket}", entry.describe());
            let id = requester_of(entry, requesters, owner)?.id.clone();
            Some((id, EventToEmit::normal(EventReason::EntryRemoved, note)))
        }
    }
}

/// The number of changes that restored an entry of a resource in sync.
pub fn restored(changes: &[Change], requesters: &Requesters, owner: &OwnerId) -> usize {
    let was_in_place =
        |entry: &Entry| requester_of(entry, requesters, owner).is_some_and(|requester| requester.was_in_sync);
    let is_repair = |change: &&Change| matches!(change, Change::Added(entry) | Change::Replaced(entry) if was_in_place(entry));
    changes.iter().filter(is_repair).count()
}

/// The resource that owns the entry.
fn requester_of<'a>(entry: &Entry, requesters: &'a Requesters, owner: &OwnerId) -> Option<&'a Requester> {
    let id = entry.own_id(owner)?;
    requesters.0.values().find(|requester| requester.id.key.base_name(owner) == id.base_name)
}

/// The event for a foreign entry that disappeared during our write.
pub fn of_lost(entry: &Entry, bucket: &Bucket) -> EventToEmit {
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
pub fn of_broken(entry: &Entry, bucket: &Bucket) -> EventToEmit {
    let note = format!(
        "S3 cannot deliver to {}, the destination of the foreign {} in bucket {bucket}: the destination does \
         not exist, or does not permit s3.amazonaws.com. The operator wrote its entries without S3's \
         validation of destinations. Fix the destination, or remove the entry",
        entry.arn,
        entry.describe()
    );
    EventToEmit::warning(EventReason::ForeignDestinationBroken, note)
}
