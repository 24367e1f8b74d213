//! What the resources of a bucket desired of it.

use std::collections::BTreeMap;

use super::Entry;
use crate::ownership::ObjectKey;

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
    pub desired: Desired,
}

/// What a resource wants in a bucket's document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Desired {
    /// These entries, and none else of its own.
    Entries(Vec<Entry>),
    /// What it has: it exists, but what it wants now is not known.
    KeepCurrent,
    /// What it has, under Ids that say that the entries outlive it.
    Retain,
    /// Nothing of its own.
    None,
}

/// A resource that exists, as far as its bucket's worker sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CachedResource {
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
pub fn claims(known: Vec<CachedResource>, asked: &BTreeMap<String, Desired>) -> Vec<Claim> {
    known
        .into_iter()
        .filter_map(|CachedResource { key, created, uid, may_have_entries }| {
            let desired = match asked.get(&uid) {
                Some(Desired::Entries(_)) if !may_have_entries => None,
                Some(desired) => Some(desired.clone()),
                None => may_have_entries.then_some(Desired::KeepCurrent),
            }?;
            Some(Claim { key, created, uid, desired })
        })
        .collect()
}
