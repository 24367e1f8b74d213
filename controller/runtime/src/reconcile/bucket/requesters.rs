//! The requesters of one bucket, and the cached resources that have sent no request yet.

use std::collections::{BTreeMap, BTreeSet};

use lambda_triggers_core::api::PermissionPolicy;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::bucket::{CachedResource, Claim, Desired, Document, claims};
use lambda_triggers_core::status::Failure;

use super::request::BucketRequest;
use crate::aws::Bucket;
use crate::objects::{Identity, IndexKey, IndexedStore, RawS3TriggeredFunction};

/// A resource that sent a request to the bucket's worker.
pub struct Requester {
    pub id: Identity,
    /// The desired entries.
    pub desired: Desired,
    /// The manager of the permission.
    pub permission: PermissionPolicy,
    /// True if the resource was in sync before: a difference is drift.
    pub was_in_sync: bool,
    /// The cause, if the entries are left out because S3 would refuse the document.
    pub excluded: Option<Failure>,
}

impl Requester {
    /// The sender of a request.
    pub fn new(id: Identity, request: BucketRequest) -> Self {
        let BucketRequest { desired, permission, was_in_sync } = request;
        Self { id, desired, permission, was_in_sync, excluded: None }
    }

    /// Leaves the entries out, so that S3 accepts the entries of other resources.
    pub fn exclude(&mut self, why: Failure) {
        self.desired = Desired::None;
        self.excluded = Some(why);
    }
}

/// The requesters of one bucket, by UID.
#[derive(Default)]
pub struct Requesters(pub BTreeMap<String, Requester>);

impl Requesters {
    /// The number of desired entries that the document does not have.
    pub fn missing_from(&self, document: &Document) -> usize {
        let ids: BTreeSet<Option<&str>> = document.entries().map(|entry| entry.id.as_deref()).collect();
        let wanted = self.0.values().filter_map(|requester| match &requester.desired {
            Desired::Entries(entries) => Some(entries),
            Desired::None | Desired::KeepCurrent | Desired::Retain => None,
        });
        wanted.flatten().filter(|entry| !ids.contains(&entry.id.as_deref())).count()
    }

    /// The claims of all existing resources, with or without a request. Forgets requesters that were deleted or moved
    /// to another bucket. A requester for which `counts` is false keeps its entries.
    pub fn claims(
        &mut self,
        cache: &IndexedStore<RawS3TriggeredFunction>,
        bucket: &Bucket,
        counts: impl Fn(&Requester) -> bool,
    ) -> Vec<Claim> {
        let known = self.cached(cache, bucket);
        let counted = self.0.iter().filter(|(_, requester)| counts(requester));
        let requests = counted.map(|(uid, requester)| (uid.clone(), requester.desired.clone())).collect();
        let claims = claims(known, &requests);
        let uids: BTreeSet<&str> = claims.iter().map(|claim| claim.uid.as_str()).collect();
        self.0.retain(|uid, _| uids.contains(uid.as_str()));
        claims
    }

    /// The resources that may have entries in the bucket, and the resources with a request.
    fn cached(&self, cache: &IndexedStore<RawS3TriggeredFunction>, bucket: &Bucket) -> Vec<CachedResource> {
        let snapshot = cache.snapshot();
        let by_name = IndexKey::Bucket(bucket.name.clone());
        let named = snapshot.by_index(&by_name).chain(snapshot.by_index(&IndexKey::UnreadableSpec));
        let named = named.map(|object| cached(object, true));
        let requested = self.0.values().filter_map(|requester| snapshot.get(&requester.id.key));
        let requested = requested.map(|object| cached(&object, false));
        // A resource that names the bucket replaces the same resource as a requester.
        let all: BTreeMap<ObjectKey, CachedResource> =
            requested.chain(named).map(|resource| (resource.key.clone(), resource)).collect();
        all.into_values().collect()
    }
}

fn cached(object: &RawS3TriggeredFunction, may_have_entries: bool) -> CachedResource {
    let Identity { key, uid, created, generation: _, reference: _ } = Identity::from_object(object);
    CachedResource { key, created, uid, may_have_entries }
}
