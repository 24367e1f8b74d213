//! The requesters of one bucket, and the cached resources that have sent no request yet.

use std::collections::{BTreeMap, BTreeSet};

use lambda_triggers_core::api::PermissionPolicy;
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::bucket::{
    Bucket, CachedResource, Claim, Desired, Document, Entry, SetAside, claims,
};
use lambda_triggers_core::status::Failure;
use tokio::time::Instant;

use super::request::BucketRequest;
use crate::objects::{Identity, IndexKey, IndexedStore, RawS3TriggeredFunction};
use crate::reconcile::recorded::Recorded;

/// A resource that sent a request to the bucket's worker.
pub struct Requester {
    pub id: Identity,
    /// The desired entries.
    pub desired: Desired,
    /// The manager of the permission.
    pub permission: PermissionPolicy,
    /// True if the resource was in sync before: a difference is drift.
    pub was_in_sync: bool,
    /// The proof that the status records the entries and the permission; `None` for a removal.
    pub recorded: Option<Recorded>,
    /// The cause, if the entries are left out because S3 would refuse the document.
    pub excluded: Option<Failure>,
    /// S3's last refusal of the entries, with its time.
    pub set_aside: Option<(SetAside, Instant)>,
    /// The number of refusals of the same entries.
    refusals: u32,
}

impl Requester {
    /// A requester without a refusal.
    pub fn new(id: Identity, request: &BucketRequest) -> Self {
        let BucketRequest { desired, permission, was_in_sync, reconcile_requested: _, recorded, since: _ } =
            request.clone();
        let (excluded, set_aside) = (None, None);
        Self { id, desired, permission, was_in_sync, recorded, excluded, set_aside, refusals: 0 }
    }

    /// The desired entries for a document with these foreign entries.
    fn claimed(&mut self, foreign: &[Entry]) -> Desired {
        let Self { desired, set_aside, .. } = self;
        set_aside.take_if(|(refusal, since)| refusal.is_due(desired, foreign, since.elapsed()));
        match set_aside {
            Some((refusal, _)) => Desired::Refused(refusal.why.clone()),
            None => desired.clone(),
        }
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
    /// Inserts the request of a resource. The refusal of an earlier request stays, unless the user requests a reconcile.
    pub fn insert(&mut self, id: &Identity, request: &BucketRequest) {
        let mut requester = Requester::new(id.clone(), request);
        if let Some(before) = self.0.remove(&id.uid)
            && before.desired == request.desired
            && !request.reconcile_requested
        {
            (requester.set_aside, requester.refusals) = (before.set_aside, before.refusals);
        }
        self.0.insert(id.uid.clone(), requester);
    }

    /// Sets the resources aside that S3 refused in a sync, beside these foreign entries.
    pub fn set_aside(&mut self, refused: &BTreeMap<ObjectKey, String>, foreign: &[Entry]) {
        for requester in self.0.values_mut() {
            let Some(why) = refused.get(&requester.id.key).cloned() else {
                if requester.set_aside.is_none() {
                    requester.refusals = 0;
                }
                continue;
            };
            requester.refusals += 1;
            let (desired, foreign, refusals) =
                (requester.desired.clone(), foreign.to_vec(), requester.refusals);
            requester.set_aside = Some((SetAside { desired, foreign, why, refusals }, Instant::now()));
        }
    }

    /// The number of desired entries that the document does not have.
    pub fn missing_from(&self, document: &Document) -> usize {
        let ids: BTreeSet<Option<&str>> = document.entries().map(|entry| entry.id.as_deref()).collect();
        let tried = self.0.values().filter(|requester| requester.set_aside.is_none());
        let wanted = tried.filter_map(|requester| match &requester.desired {
            Desired::Entries(entries) => Some(entries),
            Desired::None | Desired::KeepCurrent | Desired::Refused(_) | Desired::Retain => None,
        });
        wanted.flatten().filter(|entry| !ids.contains(&entry.id.as_deref())).count()
    }

    /// Requests the removal of the entries of each resource for which `leaves` and `counts` are true, before its cleanup
    /// sends the same request. The entries of all these resources then leave the document in a single write.
    pub fn remove_leaving(
        &mut self,
        cache: &IndexedStore<RawS3TriggeredFunction>,
        bucket: &Bucket,
        leaves: impl Fn(&RawS3TriggeredFunction) -> bool,
        counts: impl Fn(&Requester) -> bool,
    ) {
        let snapshot = cache.snapshot();
        let named = snapshot.by_index(&IndexKey::Bucket(bucket.name.clone()));
        for object in named.filter(|object| leaves(object)) {
            let request = BucketRequest::own(Desired::None, false);
            let requester = Requester::new(Identity::from_object(object.as_ref()), &request);
            if counts(&requester) {
                self.0.insert(requester.id.uid.clone(), requester);
            }
        }
    }

    /// The claims of all existing resources, with or without a request. Forgets requesters that were deleted or moved
    /// to another bucket. A requester for which `counts` is false keeps its entries.
    pub fn claims(
        &mut self,
        cache: &IndexedStore<RawS3TriggeredFunction>,
        bucket: &Bucket,
        foreign: &[Entry],
        counts: impl Fn(&Requester) -> bool,
    ) -> Vec<Claim> {
        let known = self.cached(cache, bucket);
        let counted = self.0.iter_mut().filter(|(_, requester)| counts(requester));
        let requests = counted.map(|(uid, requester)| (uid.clone(), requester.claimed(foreign))).collect();
        let claims = claims(known, &requests);
        let uids: BTreeSet<&str> = claims.iter().map(|claim| claim.uid.as_str()).collect();
        self.0.retain(|uid, _| uids.contains(uid.as_str()));
        claims
    }

    /// The UIDs of the requesters without desired entries for which `counts` is true.
    pub fn removed(&self, counts: impl Fn(&Requester) -> bool) -> BTreeSet<String> {
        let removed = self.0.iter().filter(|(_, it)| it.desired == Desired::None && counts(it));
        removed.map(|(uid, _)| uid.clone()).collect()
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
    let Identity { key, uid, created, .. } = Identity::from_object(object);
    CachedResource { key, created, uid, may_have_entries }
}
