//! What a change to a bucket's document means to the resources of the bucket, as events on them.

use lambda_triggers_core::plan::bucket::{Change, Entry};
use lambda_triggers_core::plan::identity::{OwnEntryId, OwnerId};
use lambda_triggers_core::plan::report::EventReason;

use super::members::{Member, Members};
use crate::aws::Bucket;
use crate::reconcile::events::Notice;
use crate::reconcile::object::Identity;

/// The events for the changes that a write has made: one for an object and a reason, which tells of all entries, since
/// Kubernetes keeps the note of the first of those with the same reason only.
pub fn of_changes(
    changes: &[Change],
    members: &Members,
    owner: &OwnerId,
    bucket: &Bucket,
) -> Vec<(Identity, Notice)> {
    let mut all: Vec<(Identity, Notice)> = vec![];
    for (id, notice) in changes.iter().filter_map(|change| of_change(change, members, owner, bucket)) {
        match all.iter_mut().find(|(known, told)| known.uid == id.uid && told.reason == notice.reason) {
            Some((_, told)) => told.note = format!("{}; {}", told.note, notice.note),
            None => all.push((id, notice)),
        }
    }
    all
}

fn of_change(
    change: &Change,
    members: &Members,
    owner: &OwnerId,
    bucket: &Bucket,
) -> Option<(Identity, Notice)> {
    match change {
        Change::Added(entry) | Change::Replaced(entry) => {
            let member = member_of(entry, members, owner)?;
            let what = entry.describe();
            let notice = match (member.settled, change) {
                (true, Change::Added(_)) => Notice::warning(
                    EventReason::DriftRepaired,
                    format!("put back the {what}, which was gone from bucket {bucket}"),
                ),
                (true, _) => Notice::warning(
                    EventReason::DriftRepaired,
                    format!("put back the {what}, which was changed in bucket {bucket}"),
                ),
                (false, Change::Added(_)) => {
                    Notice::normal(EventReason::EntryCreated, format!("added the {what} to bucket {bucket}"))
                }
                (false, _) => Notice::normal(
                    EventReason::EntryUpdated,
                    format!("changed the {what} in bucket {bucket}"),
                ),
            };
            Some((member.id.clone(), notice))
        }
        Change::Adopted(entry, key) => {
            let member = members.0.values().find(|member| member.id.key == *key)?;
            let note =
                format!("took over the {} in bucket {bucket}, which another tool made", entry.describe());
            Some((member.id.clone(), Notice::normal(EventReason::Adopted, note)))
        }
        Change::Removed(entry) => {
            let note = format!("removed the {} from bucket {bucket}", entry.describe());
            let id = member_of(entry, members, owner)?.id.clone();
            Some((id, Notice::normal(EventReason::EntryRemoved, note)))
        }
    }
}

/// How many of the changes put back an entry of a resource that had it before.
pub fn restored(changes: &[Change], members: &Members, owner: &OwnerId) -> usize {
    let was_in_place = |entry: &Entry| member_of(entry, members, owner).is_some_and(|member| member.settled);
    let is_repair = |change: &&Change| matches!(change, Change::Added(entry) | Change::Replaced(entry) if was_in_place(entry));
    changes.iter().filter(is_repair).count()
}

/// The resource whose entry it is.
fn member_of<'a>(entry: &Entry, members: &'a Members, owner: &OwnerId) -> Option<&'a Member> {
    let id = OwnEntryId::parse(owner, entry.id.as_deref()?)?;
    members.0.values().find(|member| member.id.key.stem(owner) == id.stem)
}

/// The event for a foreign entry that was there before our write and is not after it.
pub fn of_lost(entry: &Entry, bucket: &Bucket) -> Notice {
    let note = format!(
        "the {} that notified {} has gone from bucket {bucket} while we wrote to it: another tool removed it, or wrote \
         between our read and our write; see that whoever made it looks after it",
        entry.describe(),
        entry.arn
    );
    Notice::warning(EventReason::ForeignEntryGone, note)
}

/// The event for a foreign entry to which S3 cannot deliver.
pub fn of_broken(entry: &Entry, bucket: &Bucket) -> Notice {
    let note = format!(
        "S3 cannot deliver to {}, the destination of the {} in bucket {bucket}, which somebody else made: the destination is \
         gone, or does not permit s3.amazonaws.com; S3 was told to take our entries without looking at it. Fix that \
         destination, or remove the entry",
        entry.arn,
        entry.describe()
    );
    Notice::warning(EventReason::ForeignDestinationBroken, note)
}
