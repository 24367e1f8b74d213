//! The events for changes of a bucket's document, on the resources of the bucket.

use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::bucket::{Bucket, Change, Entry, event};
use lambda_triggers_core::status::EventToEmit;

use super::requesters::{Requester, Requesters};
use crate::objects::Identity;

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
    let requester = match change {
        Change::Added(entry) | Change::Replaced(entry) | Change::Removed(entry) => {
            requester_of(entry, requesters, owner)
        }
        Change::Adopted(_, key) => requesters.0.values().find(|requester| requester.id.key == *key),
    }?;
    Some((requester.id.clone(), event(change, requester.was_in_sync, bucket)))
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
