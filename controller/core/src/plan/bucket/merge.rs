//! [`plan_bucket`]: from a document and the claims of all resources of the bucket to the document after.

use std::collections::{BTreeMap, BTreeSet};

use super::{Child, Claim, Destination, Document, Entry, Filter, Want};
use crate::api::events_meet;
use crate::plan::identity::{ObjectKey, OwnEntryId, OwnerId, retained_id};

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
    pub set_aside: BTreeMap<ObjectKey, Fault>,
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
    TakenOver(Entry, ObjectKey),
}

/// Why a resource is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
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
    let mut taken_over = vec![];
    let mut set_aside = BTreeMap::new();
    // Entries that a pass removes make room for resources that found none: those get it in the next pass, so that
    // planning after applying is empty. Each pass but the last places one more resource at least.
    for _ in 0..=claims.len() {
        let pass = Merge::pass(&after, owner, &claims);
        set_aside = pass.set_aside;
        taken_over.extend(pass.taken_over);
        if pass.document == after {
            break;
        }
        after = pass.document;
    }
    let changes = changes(document, &after, owner, taken_over);
    BucketPlan { write: (!changes.is_empty()).then_some(after), changes, set_aside }
}

/// What a pass comes to.
struct Pass {
    document: Document,
    taken_over: Vec<(Entry, ObjectKey)>,
    set_aside: BTreeMap<ObjectKey, Fault>,
}

/// An entry of ours that will be in the document, and whose it is.
struct Standing {
    holder: ObjectKey,
    entry: Entry,
}

/// The state of a pass under way.
struct Merge<'a> {
    owner: &'a OwnerId,
    /// Entries of ours that the document has, by Id, each with the claim that it belongs to.
    own: BTreeMap<String, (&'a Entry, Option<&'a Claim>)>,
    foreign: Vec<&'a Entry>,
    standing: Vec<Standing>,
    /// Resources whose turn has not come: what they have in the document keeps its room until then.
    waiting: BTreeSet<&'a ObjectKey>,
    taken_over: Vec<(&'a Entry, ObjectKey)>,
    set_aside: BTreeMap<ObjectKey, Fault>,
    /// What the resources that were set aside wanted.
    unmet: Vec<&'a Entry>,
}

impl<'a> Merge<'a> {
    /// Gives each resource its entries in turn, the oldest first.
    fn pass(document: &'a Document, owner: &'a OwnerId, claims: &[&'a Claim]) -> Pass {
        let mut merge = Self::new(document, owner, claims);
        for claim in claims {
            merge.waiting.remove(&claim.key);
            if let Want::Entries(entries) = &claim.want {
                merge.place(claim, entries);
            }
        }
        merge.finish(document)
    }

    fn new(document: &'a Document, owner: &'a OwnerId, claims: &[&'a Claim]) -> Self {
        let stems: BTreeMap<String, &Claim> =
            claims.iter().map(|claim| (claim.key.stem(owner), *claim)).collect();
        let mut own = BTreeMap::new();
        let mut foreign = vec![];
        for entry in document.entries() {
            match own_id(entry, owner, &stems) {
                Some((id, claim)) => {
                    own.entry(id).or_insert((entry, claim));
                }
                None => foreign.push(entry),
            }
        }
        let asks = |claim: &&&Claim| matches!(claim.want, Want::Entries(_));
        Self {
            owner,
            standing: own.values().filter_map(|(entry, claim)| kept(entry, (*claim)?)).collect(),
            waiting: claims.iter().filter(asks).map(|claim| &claim.key).collect(),
            own,
            foreign,
            taken_over: vec![],
            set_aside: BTreeMap::new(),
            unmet: vec![],
        }
    }

    /// The entries that the document has as things stand.
    fn len(&self) -> usize {
        let waits = |claim: &&Claim| self.waiting.contains(&claim.key);
        let waiting = self.own.values().filter(|(_, claim)| claim.as_ref().is_some_and(waits)).count();
        self.foreign.len() + self.standing.len() + waiting
    }

    /// Gives a resource all of its entries, or sets it aside with what it has.
    fn place(&mut self, claim: &'a Claim, entries: &'a [Entry]) {
        if let Some(fault) = self.fault(entries) {
            self.set_aside.insert(claim.key.clone(), fault);
            self.unmet.extend(entries);
            self.keep_what_it_has(claim);
            return;
        }
        let in_the_way = |foreign: &&Entry| entries.iter().any(|entry| conflict(foreign, entry));
        let (taken, left): (Vec<&Entry>, _) =
            std::mem::take(&mut self.foreign).into_iter().partition(in_the_way);
        self.foreign = left;
        self.taken_over.extend(taken.into_iter().map(|entry| (entry, claim.key.clone())));
        let stand = |entry: &Entry| Standing { holder: claim.key.clone(), entry: entry.clone() };
        self.standing.extend(entries.iter().map(stand));
    }

    fn fault(&self, entries: &[Entry]) -> Option<Fault> {
        let of_entry = |(index, entry): (usize, &Entry)| {
            let with = |other: &Entry| Conflict { index, filter: entry.filter.clone(), other: other.clone() };
            let held = self.standing.iter().find(|standing| conflict(&standing.entry, entry));
            let held = held.map(|standing| Fault::HeldBy(standing.holder.clone(), with(&standing.entry)));
            let in_the_way = self.foreign.iter().filter(|other| conflict(other, entry));
            let foreign = || in_the_way.into_iter().find(|other| !self.may_take(other, entry, entries));
            held.or_else(|| {
                let other = foreign()?;
                Some(match other.other_owner(self.owner) {
                    Some(owner) => Fault::OtherOwner(owner, with(other)),
                    None => Fault::Foreign(with(other)),
                })
            })
        };
        entries.iter().enumerate().find_map(of_entry).or_else(|| {
            let freed =
                self.foreign.iter().filter(|other| entries.iter().any(|entry| conflict(other, entry)));
            (self.len() + entries.len() - freed.count() > MAX_ENTRIES).then_some(Fault::TooMany)
        })
    }

    /// Returns `true` if `entry` may adopt a foreign entry: an entry of the same function, of no other operator, and in the way
    /// of no older resource. Two operators would replace each other's entry for ever. The older resource would later push out
    /// the younger one.
    fn may_take(&self, foreign: &Entry, entry: &Entry, all: &[Entry]) -> bool {
        let same_function = foreign.destination == Destination::Function && foreign.arn == entry.arn;
        let in_reach =
            |unmet: &&Entry| conflict(unmet, foreign) || all.iter().any(|entry| conflict(unmet, entry));
        let others = foreign.other_owner(self.owner).is_some();
        same_function && !others && !self.unmet.iter().any(in_reach)
    }

    /// A resource at fault keeps the entries that it has, as far as they are in nobody's way: what worked goes on
    /// working until its owner has mended the resource.
    fn keep_what_it_has(&mut self, claim: &Claim) {
        let is_its = |owner: &Option<&Claim>| owner.is_some_and(|owner| owner.key == claim.key);
        let has: Vec<Entry> =
            self.own.values().filter(|(_, owner)| is_its(owner)).map(|(entry, _)| (*entry).clone()).collect();
        for entry in has {
            if !self.standing.iter().any(|standing| conflict(&standing.entry, &entry)) {
                self.standing.push(Standing { holder: claim.key.clone(), entry });
            }
        }
    }

    fn finish(self, document: &Document) -> Pass {
        let mut after = document.clone();
        let standing = self.standing.iter().filter_map(|s| s.entry.id.as_ref().map(|id| (id, &s.entry)));
        let wanted: BTreeMap<&String, &Entry> = standing.collect();
        let mut seen = BTreeSet::new();
        after.children.retain_mut(|child| {
            let Some(entry) = &child.entry else { return true };
            if self.taken_over.iter().any(|(taken, _)| *taken == entry) {
                return false;
            }
            let Some(id) = entry.id.clone().filter(|id| self.is_own(id, entry)) else { return true };
            let Some(wanted) = wanted.get(&id).filter(|_| seen.insert(id)) else { return false };
            if *wanted != entry {
                *child = Child::of((*wanted).clone());
            }
            true
        });
        for entry in self.standing.iter().map(|standing| &standing.entry) {
            if entry.id.as_ref().is_some_and(|id| seen.insert(id.clone())) {
                let place = after.place_for_function();
                after.children.insert(place, Child::of(entry.clone()));
            }
        }
        let taken_over = self.taken_over.into_iter().map(|(entry, by)| (entry.clone(), by)).collect();
        Pass { document: after, taken_over, set_aside: self.set_aside }
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
    taken_over: Vec<(Entry, ObjectKey)>,
) -> Vec<Change> {
    let own = |document: &Document| -> BTreeMap<String, Entry> {
        let is_own = |id: &String| OwnEntryId::parse(owner, id).is_some();
        let ours = document.entries().filter(|entry| entry.destination == Destination::Function);
        ours.filter_map(|entry| Some((entry.id.clone().filter(is_own)?, entry.clone()))).collect()
    };
    let (before, after) = (own(before), own(after));
    let taken_over = taken_over.into_iter().map(|(entry, by)| Change::TakenOver(entry, by));
    let removed = before.iter().filter(|(id, _)| !after.contains_key(*id));
    let removed = removed.map(|(_, entry)| Change::Removed(entry.clone()));
    let made = after.iter().filter_map(|(id, entry)| match before.get(id) {
        None => Some(Change::Added(entry.clone())),
        Some(old) => (old != entry).then(|| Change::Replaced(entry.clone())),
    });
    taken_over.chain(removed).chain(made).collect()
}

/// The Id and the claim of an entry of ours; none for a foreign one. We make entries for functions alone, so any
/// other with such an Id is somebody else's. A retained entry whose object is gone is nobody's to remove.
fn own_id<'a>(
    entry: &Entry,
    owner: &OwnerId,
    stems: &BTreeMap<String, &'a Claim>,
) -> Option<(String, Option<&'a Claim>)> {
    let id = entry.id.as_ref().filter(|_| entry.destination == Destination::Function)?;
    let own = OwnEntryId::parse(owner, id)?;
    let claim = stems.get(&own.stem).copied();
    (claim.is_some() || !own.retained).then(|| (id.clone(), claim))
}

/// What stays of an entry whose claim is to what it has.
fn kept(entry: &Entry, claim: &Claim) -> Option<Standing> {
    let id = match claim.want {
        Want::Keep => entry.id.clone(),
        Want::Retain => entry.id.as_deref().map(retained_id),
        Want::Entries(_) | Want::Nothing => return None,
    };
    Some(Standing { holder: claim.key.clone(), entry: Entry { id, ..entry.clone() } })
}

/// Whether S3 would refuse two entries beside each other: their events meet, and so do the keys
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>).
fn conflict(a: &Entry, b: &Entry) -> bool {
    let events = a.events.iter().any(|one| b.events.iter().any(|other| events_meet(one, other)));
    events && a.filter.meets(&b.filter)
}
