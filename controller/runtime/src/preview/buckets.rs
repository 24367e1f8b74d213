//! The documents of the buckets.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use lambda_triggers_core::ownership::Owner;
use lambda_triggers_core::plan::bucket::failure::is_nowhere;
use lambda_triggers_core::plan::bucket::{Bucket, Desired, Document, failure};
use lambda_triggers_core::plan::intent::ValidSpec;
use lambda_triggers_core::plan::intent::s3_triggered_function::Intent;
use lambda_triggers_core::preview::{
    BucketPreview, ChangeAction, Member, Members, bucket_nearly_full, preview_bucket,
};
use lambda_triggers_core::status::Failure;

use super::cluster::{Existing, Other, has_entries};
use super::declared::Declared;
use super::item::Item;
use super::options::{Options, PARALLEL};
use crate::aws::{AwsReads, NamespaceReads};
use crate::reconcile::failed_call;

/// The configuration of a bucket without entries.
const EMPTY: &str = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>"#;

/// A bucket with its claims and its document.
pub struct ReadBucket {
    bucket: Bucket,
    claims: Vec<Claim>,
    document: Document,
}

/// The claim of a manifest on a bucket.
struct Claim {
    bucket: Bucket,
    /// The index of the item.
    index: usize,
    member: Member,
    /// True if the manifest no longer names the bucket.
    is_old: bool,
    /// True if the manifest changes what the bucket has.
    is_touched: bool,
}

/// Reads the documents of all buckets that the manifests change. A resource whose bucket cannot be read is blocked.
pub async fn read_buckets(
    items: &mut [Item],
    options: &Options,
    aws: Option<&NamespaceReads>,
) -> Vec<ReadBucket> {
    let claims = claims(items, options);
    let touched: BTreeSet<Bucket> =
        claims.iter().filter(|claim| claim.is_touched).map(|claim| claim.bucket.clone()).collect();
    let mut of_bucket: BTreeMap<Bucket, Vec<Claim>> = BTreeMap::new();
    for claim in claims.into_iter().filter(|claim| touched.contains(&claim.bucket)) {
        of_bucket.entry(claim.bucket.clone()).or_default().push(claim);
    }
    let read = of_bucket.into_iter().map(async |(bucket, claims)| {
        // A claim on the bucket has the right to read it.
        let reads = claims.first().zip(aws).map(|(claim, aws)| aws.of(&claim.member.key, claim.is_old));
        let document = document(reads.as_ref(), &bucket).await;
        (bucket, claims, document)
    });
    let read: Vec<_> = stream::iter(read).buffered(PARALLEL).collect().await;
    let mut buckets = vec![];
    for (bucket, claims, document) in read {
        match document {
            Ok(document) => buckets.push(ReadBucket { bucket, claims, document }),
            Err(failure) => {
                // Nothing is left to remove in a bucket that does not exist.
                for claim in claims.iter().filter(|claim| !claim.is_old || !is_nowhere(&failure)) {
                    items[claim.index].fail(&failure);
                    if !claim.is_old {
                        items[claim.index].block();
                    }
                }
            }
        }
    }
    buckets
}

/// Plans the documents. `others` are the objects of the cluster without a manifest; `None` if the cluster is not known.
pub fn plan_buckets(
    items: &mut [Item],
    buckets: &[ReadBucket],
    others: Option<&[Other<'_>]>,
    options: &Options,
) -> Vec<BucketPreview> {
    let plan = |items: &[Item]| {
        let plan = |read: &ReadBucket| {
            let members = members(items, read, others, options);
            preview_bucket(&read.bucket, &read.document, &options.owner, &members)
        };
        buckets.iter().map(plan).collect::<Vec<_>>()
    };
    // A resource that fails in one bucket keeps the entries in all other buckets.
    loop {
        let planned = plan(items);
        let mut is_final = true;
        for (read, (_, _, failures)) in buckets.iter().zip(&planned) {
            for claim in &read.claims {
                let failure = failures.get(&claim.member.key);
                if let Some(failure) = failure.filter(|_| !claim.is_old && !items[claim.index].is_rejected) {
                    items[claim.index].fail(failure);
                    items[claim.index].reject();
                    is_final = false;
                }
            }
        }
        if !is_final {
            continue;
        }
        let mut previews = vec![];
        for (read, (preview, mut changes, _)) in buckets.iter().zip(planned) {
            for claim in &read.claims {
                let changes = changes.remove(&claim.member.key).unwrap_or_default();
                let item = &mut items[claim.index].preview;
                if changes.iter().any(|change| change.action == ChangeAction::Create) {
                    item.problems.extend(bucket_nearly_full(&preview));
                }
                item.changes.extend(changes);
            }
            previews.push(preview);
        }
        return previews;
    }
}

/// The members of a bucket.
fn members(items: &[Item], read: &ReadBucket, others: Option<&[Other<'_>]>, options: &Options) -> Members {
    let of_claim = |claim: &Claim| {
        let item = &items[claim.index];
        let desired = match () {
            () if item.is_paused() => Desired::KeepCurrent,
            () if item.is_gone && item.declared.spec.is_retained() => Desired::Retain,
            () if item.is_gone && item.check_reach(options).is_err() => Desired::KeepCurrent,
            () if item.is_gone => Desired::None,
            // S3 would refuse all writes of a bucket with an entry for a missing function.
            () if item.lacks_function() && has_entries(&item.recorded, &claim.bucket) => Desired::None,
            () if item.lacks_function() => Desired::KeepCurrent,
            () if item.is_blocked || item.is_rejected && claim.is_old => Desired::KeepCurrent,
            () => claim.member.desired.clone(),
        };
        Member { desired, ..claim.member.clone() }
    };
    let of_claims = read.claims.iter().map(of_claim);
    match others {
        None => Members::Some(of_claims.collect()),
        Some(others) => {
            let others = others.iter().filter_map(|other| member(other, &read.bucket, options));
            Members::All(of_claims.chain(others).collect())
        }
    }
}

/// The claims of all manifests, also on buckets that the manifests no longer name.
fn claims(items: &[Item], options: &Options) -> Vec<Claim> {
    let mut claims = vec![];
    for (index, item) in items.iter().enumerate() {
        let created = item.existing.as_ref().map(|existing| existing.creation.clone());
        let mut claim = |bucket, desired, is_old, is_touched| {
            let member = Member { key: item.declared.key.clone(), desired, created: created.clone() };
            claims.push(Claim { bucket, index, member, is_old, is_touched });
        };
        let mut current = None;
        if let Some(intent) = intent(&item.declared, options) {
            current = Some(intent.bucket.name.clone());
            claim(intent.bucket, intent.desired, item.is_gone, item.is_looked_at(options));
        }
        for old in item.recorded.notifications.iter().filter(|old| Some(&old.bucket) != current.as_ref()) {
            claim(Bucket::from(old), Desired::None, true, true);
        }
    }
    claims
}

/// An object without a manifest as a member of a bucket; `None` if the object has no entries there.
fn member(other: &Other<'_>, bucket: &Bucket, options: &Options) -> Option<Member> {
    let (_, key, existing) = other;
    let Existing { manifest, creation, is_deleted, is_retained, is_paused, .. } = existing;
    if !has_entries(&existing.status.applied, bucket) {
        return None;
    }
    let declared = || Declared::new(manifest.clone(), options).ok();
    let desired = match () {
        () if *is_paused => Desired::KeepCurrent,
        () if *is_deleted && *is_retained => Desired::Retain,
        () if *is_deleted => Desired::None,
        // The entries of all other objects are in doubt, and stay.
        () if !existing.is_ready() => Desired::KeepCurrent,
        () => match declared().and_then(|declared| intent(&declared, options)) {
            Some(intent) if intent.bucket == *bucket => intent.desired,
            _ => Desired::KeepCurrent,
        },
    };
    Some(Member { key: (*key).clone(), desired, created: Some(creation.clone()) })
}

/// The intent of an `S3TriggeredFunction`.
fn intent(declared: &Declared, options: &Options) -> Option<Intent> {
    let ValidSpec::S3(valid) = &declared.spec else { return None };
    let owner = Owner { id: options.owner.clone(), cluster: String::new() };
    let function = declared.function_arn(options);
    Some(Intent::new(&owner, &declared.key, valid, function, vec![]))
}

/// The notification configuration of a bucket; an empty one without AWS.
async fn document(aws: Option<&AwsReads>, bucket: &Bucket) -> Result<Document, Failure> {
    let xml = match aws {
        None => EMPTY.to_owned(),
        Some(aws) => aws.s3(&bucket.region).get(bucket).await.map_err(|error| failed_call(bucket, &error))?,
    };
    Document::parse(&xml).map_err(|error| failure::unreadable(bucket, &error))
}
