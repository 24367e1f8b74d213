//! What the resources of a bucket want of it.

use std::collections::BTreeMap;

use super::Entry;
use crate::plan::identity::ObjectKey;

/// What one resource wants of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The resource.
    pub key: ObjectKey,
    /// Its creationTimestamp, in seconds of Unix time: of two that conflict, the older one holds.
    pub created: i64,
    /// Its UID, which decides between two of the same second.
    pub uid: String,
    /// What it wants.
    pub want: Want,
}

/// What a resource wants in a bucket's document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// These entries, and none else of its own.
    Entries(Vec<Entry>),
    /// What it has: it exists, but what it wants now is not known.
    Keep,
    /// What it has, under Ids that say that the entries outlive it.
    Retain,
    /// Nothing of its own.
    Nothing,
}

/// A resource that exists, as far as its bucket's worker sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Known {
    /// The resource.
    pub key: ObjectKey,
    /// Its creationTimestamp, in seconds of Unix time.
    pub created: i64,
    /// Its UID.
    pub uid: String,
    /// Whether its spec or its status names the bucket, or cannot be read.
    pub may_have_entries: bool,
}

/// The claims of all resources that exist, from what each has `asked` for, by UID. One that has not asked yet, as
/// after a restart, or that cannot, since its spec does not parse, keeps what it has. One that neither names the bucket nor
/// has something in it any more has moved away since it asked, be it by another operator that runs beside us by mistake.
pub fn claims(known: Vec<Known>, asked: &BTreeMap<String, Want>) -> Vec<Claim> {
    known
        .into_iter()
        .filter_map(|Known { key, created, uid, may_have_entries }| {
            let want = match asked.get(&uid) {
                Some(Want::Entries(_)) if !may_have_entries => None,
                Some(want) => Some(want.clone()),
                None => may_have_entries.then_some(Want::Keep),
            }?;
            Some(Claim { key, created, uid, want })
        })
        .collect()
}
