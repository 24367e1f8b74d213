//! The events for changes of a bucket's document, on the resources of the bucket.

use std::collections::BTreeMap;

use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::bucket::{Bucket, Change, Entry, entry_events};
use lambda_triggers_core::status::EventToEmit;

use super::requesters::{Requester, Requesters};
use crate::objects::Identity;

/// The events for the changes of a write, each with its object.
pub fn of_changes(
    changes: &[Change],
    requesters: &Requesters,
    owner: &OwnerId,
    bucket: &Bucket,
) -> Vec<(Identity, EventToEmit)> {
    let mut by_uid: BTreeMap<&str, (&Requester, Vec<&Change>)> = BTreeMap::new();
    for change in changes {
        let requester = match change {
            Change::Added(entry) | Change::Replaced(entry) | Change::Removed(entry) => {
                requester_of(entry, requesters, owner)
            }
            Change::Adopted(_, key) => requesters.0.values().find(|requester| requester.id.key == *key),
        };
        if let Some(requester) = requester {
            by_uid.entry(&requester.id.uid).or_insert((requester, vec![])).1.push(change);
        }
    }
    let events = |(requester, changes): &(&Requester, Vec<&Change>)| {
        let events = entry_events(changes, requester.was_in_sync, bucket);
        events.into_iter().map(|event| (requester.id.clone(), event)).collect::<Vec<_>>()
    };
    by_uid.values().flat_map(events).collect()
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
