//! The claims of resources on a bucket: the desired entries of each resource.

use std::collections::BTreeMap;

use super::{Destination, Document, Entry};
use crate::ownership::{ObjectKey, OwnEntryId, OwnerId};

/// The claim of a resource on a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Namespace and name of the resource.
    pub key: ObjectKey,
    /// The creationTimestamp in seconds of Unix time. In a conflict, the older resource wins.
    pub created: i64,
    /// The UID, as the tie-breaker for resources of the same second.
    pub uid: String,
    /// The desired entries.
    pub desired: Desired,
}

/// The desired entries of a resource in a bucket's document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Desired {
    /// Exactly these entries.
    Entries(Vec<Entry>),
    /// The current entries: the resource exists, but its desired entries are unknown.
    KeepCurrent,
    /// The current entries: S3 refuses the desired entries with these words.
    Refused(String),
    /// The current entries, under Ids with the retained suffix, so that the entries outlive the resource.
    Retain,
    /// No entries.
    None,
}

/// An existing resource in the cache of the bucket's worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CachedResource {
    /// Namespace and name of the resource.
    pub key: ObjectKey,
    /// The creationTimestamp in seconds of Unix time.
    pub created: i64,
    /// The UID, the key of the resource's request.
    pub uid: String,
    /// True if the spec or the status of the resource names the bucket, or is unreadable.
    pub may_have_entries: bool,
}

/// The claims of all existing resources. `requests` contains the last request of each resource by UID.
///
/// A resource without a request keeps its current entries, for example after a restart or with an invalid spec.
pub fn claims(resources: Vec<CachedResource>, requests: &BTreeMap<String, Desired>) -> Vec<Claim> {
    resources
        .into_iter()
        .filter_map(|CachedResource { key, created, uid, may_have_entries }| {
            let desired = match requests.get(&uid) {
                Some(desired) => desired.clone(),
                None if may_have_entries => Desired::KeepCurrent,
                None => return None,
            };
            Some(Claim { key, created, uid, desired })
        })
        .collect()
}

/// True if the own entries of a resource in the document are exactly the desired entries. Then a claim on these entries
/// plans the same as a claim on the current entries.
pub fn are_in_place(document: &Document, owner: &OwnerId, key: &ObjectKey, desired: &[Entry]) -> bool {
    let base_name = key.base_name(owner);
    let is_own = |entry: &&Entry| {
        let id = entry.id.as_deref().filter(|id| id.starts_with(&base_name));
        let own = id.and_then(|id| OwnEntryId::parse(owner, id));
        entry.destination == Destination::Function && own.is_some_and(|own| own.base_name == base_name)
    };
    let current: Vec<&Entry> = document.entries().filter(is_own).collect();
    current.len() == desired.len() && desired.iter().all(|entry| current.contains(&entry))
}
