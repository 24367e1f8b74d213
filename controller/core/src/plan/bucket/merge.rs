//! [`plan_bucket`]: merges the claims of all resources into a bucket's document.

use std::collections::{BTreeMap, BTreeSet};

use super::{Child, Claim, Desired, Destination, Document, Entry, Filter};
use crate::api::events_overlap;
use crate::ownership::{ObjectKey, OwnerId, retained_id};

/// The maximum number of entries in a document
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>).
pub const MAX_ENTRIES: usize = 100;

/// The plan for a bucket's document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketPlan {
    /// The document to write; `None` if the current document matches the claims.
    pub write: Option<Document>,
    /// The changes in the write.
    pub changes: Vec<Change>,
    /// The rejected resources with the reasons. All other resources with desired entries have the entries.
    pub rejected: BTreeMap<ObjectKey, Rejection>,
}

/// A change in a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A new own entry.
    Added(Entry),
    /// An own entry with new content.
    Replaced(Entry),
    /// An own entry without a claim.
    Removed(Entry),
    /// A foreign entry of the same function that conflicts with an entry of this resource. The plan removes the
    /// foreign entry.
    Adopted(Entry, ObjectKey),
}

/// The reason for the rejection of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// The entry of an older resource, or of a resource with unknown desired entries, conflicts. A key without a
    /// namespace has the base name of an unknown resource.
    HeldBy(ObjectKey, Conflict),
    /// A foreign entry conflicts.
    Foreign(Conflict),
    /// An entry of the operator with this owner id conflicts.
    OtherOwner(OwnerId, Conflict),
    /// The document would exceed [`MAX_ENTRIES`].
    TooMany,
    /// S3 refuses the entries with these words.
    Refused(String),
}

/// Two entries that S3 rejects in the same document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conflict {
    /// The index of the resource's entry and of the filter in the spec.
    pub index: usize,
    /// The filter of the resource's entry.
    pub filter: Filter,
    /// The conflicting entry in the current or the planned document.
    pub other: Entry,
}

impl Conflict {
    /// The field of the conflict for messages, such as `spec.filters[0] (images/)`.
    pub fn field(&self) -> String {
        let Self { index, filter, other: _ } = self;
        let index = if *filter == Filter::default() { String::new() } else { format!("[{index}]") };
        format!("spec.filters{index} ({})", filter.describe())
    }
}

/// Plans the document of a bucket.
///
/// `claims` must contain the claims of *all* existing resources, because own entries without a claim are removed.
pub fn plan_bucket(document: &Document, owner: &OwnerId, claims: &[Claim]) -> BucketPlan {
    merge(document, owner, claims, Unclaimed::Remove)
}

/// Plans the document of a bucket for some of the existing resources. Own entries without a claim stay, since their
/// resources are unknown.
pub fn plan_bucket_of_some(document: &Document, owner: &OwnerId, claims: &[Claim]) -> BucketPlan {
    merge(document, owner, claims, Unclaimed::Keep)
}

/// The treatment of own entries without a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unclaimed {
    Remove,
    Keep,
}

fn merge(document: &Document, owner: &OwnerId, claims: &[Claim], unclaimed: Unclaimed) -> BucketPlan {
    let mut claims: Vec<&Claim> = claims.iter().collect();
    claims.sort_by(|a, b| (a.created, &a.uid, &a.key).cmp(&(b.created, &b.uid, &b.key)));
    let mut after = document.clone();
    let mut adopted = vec![];
    let mut rejected = BTreeMap::new();
    // Entries removed in a pass make room for rejected resources, which the next pass places. Without further passes,
    // a plan after its own application would not be empty. Each pass except the last places at least one more
    // resource.
    for _ in 0..=claims.len() {
        let pass = Merge::pass(&after, owner, &claims, unclaimed);
        rejected = pass.rejected;
        adopted.extend(pass.adopted);
        if pass.document == after {
            break;
        }
        after = pass.document;
    }
    let changes = changes(document, &after, owner, adopted);
    BucketPlan { write: (!changes.is_empty()).then_some(after), changes, rejected }
}

/// The result of a pass.
struct Pass {
    document: Document,
    adopted: Vec<(Entry, ObjectKey)>,
    rejected: BTreeMap<ObjectKey, Rejection>,
}

/// An own entry of the planned document, with its resource.
struct Placed {
    holder: ObjectKey,
    entry: Entry,
}

/// The state of a running pass.
struct Merge<'a> {
    owner: &'a OwnerId,
    /// The own entries of the current document by Id, each with its claim.
    own: BTreeMap<String, (&'a Entry, Option<&'a Claim>)>,
    foreign: Vec<&'a Entry>,
    placed: Vec<Placed>,
    /// Resources that the pass has not placed yet. Their current entries still count as used room.
    waiting: BTreeSet<&'a ObjectKey>,
    adopted: Vec<(&'a Entry, ObjectKey)>,
    rejected: BTreeMap<ObjectKey, Rejection>,
    /// The desired entries of rejected resources.
    unmet: Vec<&'a Entry>,
}

impl<'a> Merge<'a> {
    /// Places the entries of each resource, from the oldest to the youngest resource.
    fn pass(document: &'a Document, owner: &'a OwnerId, claims: &[&'a Claim], unclaimed: Unclaimed) -> Pass {
        let mut merge = Self::new(document, owner, claims, unclaimed);
        for claim in claims {
            merge.waiting.remove(&claim.key);
            if let Desired::Entries(entries) = &claim.desired {
                merge.place(claim, entries);
            }
        }
        merge.finish(document)
    }

    fn new(document: &'a Document, owner: &'a OwnerId, claims: &[&'a Claim], unclaimed: Unclaimed) -> Self {
        let base_names: BTreeMap<String, &Claim> =
            claims.iter().map(|claim| (claim.key.base_name(owner), *claim)).collect();
        let mut own = BTreeMap::new();
        let mut foreign = vec![];
        for entry in document.entries() {
            match own_id(entry, owner, &base_names) {
                Some((id, claim)) => {
                    own.entry(id).or_insert((entry, claim));
                }
                None => foreign.push(entry),
            }
        }
        let refused = claims.iter().filter_map(|claim| match &claim.desired {
            Desired::Refused(why) => Some((claim.key.clone(), Rejection::Refused(why.clone()))),
            Desired::Entries(_) | Desired::KeepCurrent | Desired::Retain | Desired::None => None,
        });
        let asks = |claim: &&&Claim| matches!(claim.desired, Desired::Entries(_));
        Self {
            owner,
            placed: own
                .values()
                .filter_map(|(entry, claim)| match (claim, unclaimed) {
                    (Some(claim), _) => kept(entry, claim),
                    (None, Unclaimed::Keep) => of_unknown(entry, owner),
                    (None, Unclaimed::Remove) => None,
                })
                .collect(),
            waiting: claims.iter().filter(asks).map(|claim| &claim.key).collect(),
            own,
            foreign,
            adopted: vec![],
            rejected: refused.collect(),
            unmet: vec![],
        }
    }

    /// The number of entries in the document at this point of the pass.
    fn len(&self) -> usize {
        let waits = |claim: &&Claim| self.waiting.contains(&claim.key);
        let waiting = self.own.values().filter(|(_, claim)| claim.as_ref().is_some_and(waits)).count();
        self.foreign.len() + self.placed.len() + waiting
    }

    /// Places all entries of a resource, or rejects the resource and keeps its current entries.
    fn place(&mut self, claim: &'a Claim, entries: &'a [Entry]) {
        if let Some(rejection) = self.rejection(entries) {
            self.rejected.insert(claim.key.clone(), rejection);
            self.unmet.extend(entries);
            self.keep_current_entries(claim);
            return;
        }
        let in_the_way = |foreign: &&Entry| entries.iter().any(|entry| conflict(foreign, entry));
        let (taken, left): (Vec<&Entry>, _) =
            std::mem::take(&mut self.foreign).into_iter().partition(in_the_way);
        self.foreign = left;
        self.adopted.extend(taken.into_iter().map(|entry| (entry, claim.key.clone())));
        let place_entry = |entry: &Entry| Placed { holder: claim.key.clone(), entry: entry.clone() };
        self.placed.extend(entries.iter().map(place_entry));
    }

    fn rejection(&self, entries: &[Entry]) -> Option<Rejection> {
        let of_entry = |(index, entry): (usize, &Entry)| {
            let with = |other: &Entry| Conflict { index, filter: entry.filter.clone(), other: other.clone() };
            let held = self.placed.iter().find(|placed| conflict(&placed.entry, entry));
            let held = held.map(|placed| Rejection::HeldBy(placed.holder.clone(), with(&placed.entry)));
            let in_the_way = self.foreign.iter().filter(|other| conflict(other, entry));
            let foreign = || in_the_way.into_iter().find(|other| !self.may_adopt(other, entry, entries));
            held.or_else(|| {
                let other = foreign()?;
                Some(match other.other_owner(self.owner) {
                    Some(owner) => Rejection::OtherOwner(owner, with(other)),
                    None => Rejection::Foreign(with(other)),
                })
            })
        };
        entries.iter().enumerate().find_map(of_entry).or_else(|| {
            let freed =
                self.foreign.iter().filter(|other| entries.iter().any(|entry| conflict(other, entry)));
            (self.len() + entries.len() - freed.count() > MAX_ENTRIES).then_some(Rejection::TooMany)
        })
    }

    /// True if `entry` may adopt a foreign entry.
    ///
    /// The foreign entry must have the same function and must not belong to another operator; otherwise two operators
    /// would replace each other's entries forever. The foreign entry must also not conflict with an older rejected
    /// resource. Otherwise, the older resource would later push out the younger resource.
    fn may_adopt(&self, foreign: &Entry, entry: &Entry, all: &[Entry]) -> bool {
        let same_function = foreign.destination == Destination::Function && foreign.arn == entry.arn;
        let in_reach =
            |unmet: &&Entry| conflict(unmet, foreign) || all.iter().any(|entry| conflict(unmet, entry));
        let others = foreign.other_owner(self.owner).is_some();
        same_function && !others && !self.unmet.iter().any(in_reach)
    }

    /// Keeps the current entries of a rejected resource, except entries in conflict with placed entries. Working
    /// triggers continue to work until a user has fixed the resource.
    fn keep_current_entries(&mut self, claim: &Claim) {
        let is_its = |owner: &Option<&Claim>| owner.is_some_and(|owner| owner.key == claim.key);
        let has: Vec<Entry> =
            self.own.values().filter(|(_, owner)| is_its(owner)).map(|(entry, _)| (*entry).clone()).collect();
        for entry in has {
            if !self.placed.iter().any(|placed| conflict(&placed.entry, &entry)) {
                self.placed.push(Placed { holder: claim.key.clone(), entry });
            }
        }
    }

    fn finish(self, document: &Document) -> Pass {
        let mut after = document.clone();
        let placed = self.placed.iter().filter_map(|s| s.entry.id.as_ref().map(|id| (id, &s.entry)));
        let wanted: BTreeMap<&String, &Entry> = placed.collect();
        let mut seen = BTreeSet::new();
        after.children.retain_mut(|child| {
            let Some(entry) = &child.entry else { return true };
            if self.adopted.iter().any(|(taken, _)| *taken == entry) {
                return false;
            }
            let Some(id) = entry.id.clone().filter(|id| self.is_own(id, entry)) else { return true };
            let Some(wanted) = wanted.get(&id).filter(|_| seen.insert(id)) else { return false };
            if *wanted != entry {
                *child = Child::from_entry((*wanted).clone());
            }
            true
        });
        for entry in self.placed.iter().map(|placed| &placed.entry) {
            if entry.id.as_ref().is_some_and(|id| seen.insert(id.clone())) {
                let place = after.place_for_function();
                after.children.insert(place, Child::from_entry(entry.clone()));
            }
        }
        let adopted = self.adopted.into_iter().map(|(entry, by)| (entry.clone(), by)).collect();
        Pass { document: after, adopted, rejected: self.rejected }
    }

    fn is_own(&self, id: &str, entry: &Entry) -> bool {
        self.own.contains_key(id) && entry.destination == Destination::Function
    }
}

/// The changes of own entries between two documents.
fn changes(
    before: &Document,
    after: &Document,
    owner: &OwnerId,
    adopted: Vec<(Entry, ObjectKey)>,
) -> Vec<Change> {
    let own = |document: &Document| -> BTreeMap<String, Entry> {
        let ours = document
            .entries()
            .filter(|entry| entry.destination == Destination::Function && entry.own_id(owner).is_some());
        ours.filter_map(|entry| Some((entry.id.clone()?, entry.clone()))).collect()
    };
    let (before, after) = (own(before), own(after));
    let adopted = adopted.into_iter().map(|(entry, by)| Change::Adopted(entry, by));
    let removed = before.iter().filter(|(id, _)| !after.contains_key(*id));
    let removed = removed.map(|(_, entry)| Change::Removed(entry.clone()));
    let made = after.iter().filter_map(|(id, entry)| match before.get(id) {
        None => Some(Change::Added(entry.clone())),
        Some(old) => (old != entry).then(|| Change::Replaced(entry.clone())),
    });
    adopted.chain(removed).chain(made).collect()
}

/// The Id and the claim of an own entry; `None` for a foreign entry.
///
/// The operator creates only function entries, so every other entry with an own Id is foreign. A retained entry of a
/// deleted object counts as foreign too, so that no later cleanup removes the entry.
fn own_id<'a>(
    entry: &Entry,
    owner: &OwnerId,
    base_names: &BTreeMap<String, &'a Claim>,
) -> Option<(String, Option<&'a Claim>)> {
    let id = entry.id.as_ref().filter(|_| entry.destination == Destination::Function)?;
    let own = entry.own_id(owner)?;
    let claim = base_names.get(&own.base_name).copied();
    (claim.is_some() || !own.retained).then(|| (id.clone(), claim))
}

/// The kept entry for a claim on the current entries.
fn kept(entry: &Entry, claim: &Claim) -> Option<Placed> {
    let id = match claim.desired {
        Desired::KeepCurrent | Desired::Refused(_) => entry.id.clone(),
        Desired::Retain => entry.id.as_deref().map(retained_id),
        Desired::Entries(_) | Desired::None => return None,
    };
    Some(Placed { holder: claim.key.clone(), entry: Entry { id, ..entry.clone() } })
}

/// The kept entry of an unknown resource. The base name takes the place of the resource's name, in no namespace.
fn of_unknown(entry: &Entry, owner: &OwnerId) -> Option<Placed> {
    let holder = ObjectKey::new("", entry.own_id(owner)?.base_name);
    Some(Placed { holder, entry: entry.clone() })
}

/// True if S3 would reject two entries in the same document: both events and keys overlap
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>).
fn conflict(a: &Entry, b: &Entry) -> bool {
    let events = a.events.iter().any(|one| b.events.iter().any(|other| events_overlap(one, other)));
    events && a.filter.overlaps(&b.filter)
}
