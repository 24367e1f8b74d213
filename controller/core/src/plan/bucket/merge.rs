//! [`plan_bucket`]: from a document and the claims of all resources of the bucket to the document after.

use std::collections::{BTreeMap, BTreeSet};

use super::{Child, Claim, Desired, Destination, Document, Entry, Filter};
use crate::api::events_meet;
use crate::ownership::{ObjectKey, OwnEntryId, OwnerId, retained_id};

/// The most entries that S3 takes in one document
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>).
pub const MAX_ENTRIES: usize = 100;

/// What is to become of a bucket's document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketPlan {
    /// The document to write; none if the one that is there will do.
    pub write: Option<Document>,
    /// What the write changes.
    pub changes: Vec<Change>,
    /// The resources whose wish cannot be met, and why. All others that asked for entries have them.
    pub rejected: BTreeMap<ObjectKey, Rejection>,
}

/// One change to a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// An entry of ours that was not there.
    Added(Entry),
    /// An entry of ours that said something else.
    Replaced(Entry),
    /// An entry of ours that nothing claims any more.
    Removed(Entry),
    /// A foreign entry of the same function, which conflicted with one of this resource.
    Adopted(Entry, ObjectKey),
}

/// Why a resource is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// An older resource, or one whose wish is not known now, has an entry that conflicts.
    HeldBy(ObjectKey, Conflict),
    /// A foreign entry conflicts.
    Foreign(Conflict),
    /// An entry of the operator with this owner id conflicts.
    OtherOwner(OwnerId, Conflict),
    /// The document would have more entries than S3 takes.
    TooMany,
}

/// Two entries that S3 refuses in one document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conflict {
    /// The index of the resource's entry, which is the index of its filter in the spec.
    pub index: usize,
    /// The filter of the resource's entry.
    pub filter: Filter,
    /// The entry that is in the document, or will be.
    pub other: Entry,
}

impl Conflict {
    /// The field of the spec in conflict: `spec.filters[0] (images/)`.
    pub fn field(&self) -> String {
        let Self { index, filter, other: _ } = self;
        let index = if *filter == Filter::default() { String::new() } else { format!("[{index}]") };
        format!("spec.filters{index} ({})", filter.describe())
    }
}

/// Plans one bucket.
///
/// `claims` are those of *all* resources that exist: an Id of ours that none of them claims is removed.
pub fn plan_bucket(document: &Document, owner: &OwnerId, claims: &[Claim]) -> BucketPlan {
    let mut claims: Vec<&Claim> = claims.iter().collect();
    claims.sort_by(|a, b| (a.created, &a.uid, &a.key).cmp(&(b.created, &b.uid, &b.key)));
    let mut after = document.clone();
    let mut adopted = vec![];
    let mut rejected = BTreeMap::new();
    // Entries that a pass removes make room for resources that found none: those get it in the next pass, so that
    // planning after applying is empty. Each pass but the last places one more resource at least.
    for _ in 0..=claims.len() {
        let pass = Merge::pass(&after, owner, &claims);
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

/// What a pass comes to.
struct Pass {
    document: Document,
    adopted: Vec<(Entry, ObjectKey)>,
    rejected: BTreeMap<ObjectKey, Rejection>,
}

/// An entry of ours that will be in the document, and whose it is.
struct Placed {
    holder: ObjectKey,
    entry: Entry,
}

/// The state of a pass under way.
struct Merge<'a> {
    owner: &'a OwnerId,
    /// Entries of ours that the document has, by Id, each with the claim that it belongs to.
    own: BTreeMap<String, (&'a Entry, Option<&'a Claim>)>,
    foreign: Vec<&'a Entry>,
    placed: Vec<Placed>,
    /// Resources whose turn has not come: what they have in the document keeps its room until then.
    waiting: BTreeSet<&'a ObjectKey>,
    adopted: Vec<(&'a Entry, ObjectKey)>,
    rejected: BTreeMap<ObjectKey, Rejection>,
    /// What the resources that were set aside wanted.
    unmet: Vec<&'a Entry>,
}

impl<'a> Merge<'a> {
    /// Gives each resource its entries in turn, the oldest first.
    fn pass(document: &'a Document, owner: &'a OwnerId, claims: &[&'a Claim]) -> Pass {
        let mut merge = Self::new(document, owner, claims);
        for claim in claims {
            merge.waiting.remove(&claim.key);
            if let Desired::Entries(entries) = &claim.desired {
                merge.place(claim, entries);
            }
        }
        merge.finish(document)
    }

    fn new(document: &'a Document, owner: &'a OwnerId, claims: &[&'a Claim]) -> Self {
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
        let asks = |claim: &&&Claim| matches!(claim.desired, Desired::Entries(_));
        Self {
            owner,
            placed: own.values().filter_map(|(entry, claim)| kept(entry, (*claim)?)).collect(),
            waiting: claims.iter().filter(asks).map(|claim| &claim.key).collect(),
            own,
            foreign,
            adopted: vec![],
            rejected: BTreeMap::new(),
            unmet: vec![],
        }
    }

    /// The entries that the document has as things place_entry.
    fn len(&self) -> usize {
        let waits = |claim: &&Claim| self.waiting.contains(&claim.key);
        let waiting = self.own.values().filter(|(_, claim)| claim.as_ref().is_some_and(waits)).count();
        self.foreign.len() + self.placed.len() + waiting
    }

    /// Gives a resource all of its entries, or sets it aside with what it has.
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

    /// Returns `true` if `entry` may adopt a foreign entry: an entry of the same function, of no other operator, and in the way
    /// of no older resource. Two operators would replace each other's entry for ever. The older resource would later push out
    /// the younger one.
    fn may_adopt(&self, foreign: &Entry, entry: &Entry, all: &[Entry]) -> bool {
        let same_function = foreign.destination == Destination::Function && foreign.arn == entry.arn;
        let in_reach =
            |unmet: &&Entry| conflict(unmet, foreign) || all.iter().any(|entry| conflict(unmet, entry));
        let others = foreign.other_owner(self.owner).is_some();
        same_function && !others && !self.unmet.iter().any(in_reach)
    }

    /// A resource at rejection keeps the entries that it has, as far as they are in nobody's way: what worked goes on
    /// working until its owner has mended the resource.
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

/// What differs between two documents, of our own.
fn changes(
    before: &Document,
    after: &Document,
    owner: &OwnerId,
    adopted: Vec<(Entry, ObjectKey)>,
) -> Vec<Change> {
    let own = |document: &Document| -> BTreeMap<String, Entry> {
        let is_own = |id: &String| OwnEntryId::parse(owner, id).is_some();
        let ours = document.entries().filter(|entry| entry.destination == Destination::Function);
        ours.filter_map(|entry| Some((entry.id.clone().filter(is_own)?, entry.clone()))).collect()
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

/// The Id and the claim of an entry of ours; none for a foreign one. We make entries for functions alone, so any
/// other with such an Id is somebody else's. A retained entry whose object is gone is nobody's to remove.
fn own_id<'a>(
    entry: &Entry,
    owner: &OwnerId,
    base_names: &BTreeMap<String, &'a Claim>,
) -> Option<(String, Option<&'a Claim>)> {
    let id = entry.id.as_ref().filter(|_| entry.destination == Destination::Function)?;
    let own = OwnEntryId::parse(owner, id)?;
    let claim = base_names.get(&own.base_name).copied();
    (claim.is_some() || !own.retained).then(|| (id.clone(), claim))
}

/// What stays of an entry whose claim is to what it has.
fn kept(entry: &Entry, claim: &Claim) -> Option<Placed> {
    let id = match claim.desired {
        Desired::KeepCurrent => entry.id.clone(),
        Desired::Retain => entry.id.as_deref().map(retained_id),
        Desired::Entries(_) | Desired::None => return None,
    };
    Some(Placed { holder: claim.key.clone(), entry: Entry { id, ..entry.clone() } })
}

/// Whether S3 would refuse two entries beside each other: their events meet, and so do the keys
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>).
fn conflict(a: &Entry, b: &Entry) -> bool {
    let events = a.events.iter().any(|one| b.events.iter().any(|other| events_meet(one, other)));
    events && a.filter.meets(&b.filter)
}
