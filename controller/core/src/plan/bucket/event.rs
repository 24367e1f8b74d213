//! The events for changes of a bucket's document.

use std::collections::BTreeSet;

use super::{Bucket, Change, Entry};
use crate::arn::FunctionArn;
use crate::status::{EventReason, EventToEmit};

/// The events for the changes of the entries of one resource. A change of a resource that was in sync repairs drift. A
/// note names the bucket, the function and the events once, and then the keys of all entries.
pub fn entry_events(changes: &[&Change], was_in_sync: bool, bucket: &Bucket) -> Vec<EventToEmit> {
    let mut groups: Vec<(Group<'_>, BTreeSet<String>)> = vec![];
    for change in changes {
        let (group, entry) = Group::of_change(change, was_in_sync);
        let keys = entry.filter.describe();
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, all)) => {
                all.insert(keys);
            }
            None => groups.push((group, [keys].into())),
        }
    }
    groups.iter().map(|(group, keys)| group.event(keys, bucket)).collect()
}

/// The changes with one event.
#[derive(PartialEq)]
struct Group<'a> {
    reason: EventReason,
    verb: &'static str,
    /// The words between the entries and the bucket.
    place: &'static str,
    arn: &'a str,
    events: &'a BTreeSet<String>,
}

impl<'a> Group<'a> {
    fn of_change(change: &'a Change, was_in_sync: bool) -> (Self, &'a Entry) {
        let (entry, reason, verb, place) = match (change, was_in_sync) {
            (Change::Added(entry), true) => (entry, EventReason::DriftRepaired, "restored", "missing from"),
            (Change::Replaced(entry), true) => (entry, EventReason::DriftRepaired, "restored", "changed in"),
            (Change::Added(entry), false) => (entry, EventReason::EntryCreated, "added", "to"),
            (Change::Replaced(entry), false) => (entry, EventReason::EntryUpdated, "changed", "in"),
            (Change::Adopted(entry, _), _) => (entry, EventReason::Adopted, "adopted", "of another tool in"),
            (Change::Removed(entry), _) => (entry, EventReason::EntryRemoved, "removed", "from"),
        };
        (Self { reason, verb, place, arn: &entry.arn, events: &entry.events }, entry)
    }

    fn event(&self, keys: &BTreeSet<String>, bucket: &Bucket) -> EventToEmit {
        let Self { reason, verb, place, arn, events } = self;
        let entries = if keys.len() == 1 { "an entry".to_owned() } else { format!("{} entries", keys.len()) };
        let function = FunctionArn::parse(arn).map_or_else(|| (*arn).to_owned(), |arn| arn.short());
        let [events, keys] =
            [*events, keys].map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        let note = format!("{verb} {entries} {place} bucket {bucket}, for {function} on {events}: {keys}");
        match reason {
            EventReason::DriftRepaired => EventToEmit::warning(*reason, note),
            _ => EventToEmit::normal(*reason, note),
        }
    }
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
