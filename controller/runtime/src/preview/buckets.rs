//! The documents of the buckets.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use lambda_triggers_core::ownership::Owner;
use lambda_triggers_core::plan::bucket::{Bucket, Desired, Document, failure};
use lambda_triggers_core::plan::intent::s3_triggered_function::Intent;
use lambda_triggers_core::preview::{BucketPreview, Member, preview_bucket};
use lambda_triggers_core::status::Failure;

use super::declared::Spec;
use super::item::Item;
use super::options::{Options, PARALLEL};
use crate::aws::AwsReads;
use crate::reconcile::failed_call;

/// The configuration of a bucket without entries.
const EMPTY: &str = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>"#;

/// Plans the documents of all buckets.
pub async fn buckets(
    items: &mut [Item],
    options: &Options,
    account: &str,
    aws: Option<&AwsReads>,
) -> Vec<BucketPreview> {
    let mut members: BTreeMap<Bucket, Vec<(usize, Member)>> = BTreeMap::new();
    let mut touched: BTreeSet<Bucket> = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let mut claim = |bucket: Bucket, desired, is_touched: bool| {
            if is_touched {
                touched.insert(bucket.clone());
            }
            members
                .entry(bucket)
                .or_default()
                .push((index, Member { key: item.declared.key.clone(), desired }));
        };
        let changed = options.all || item.is_gone || !item.is_as_before;
        let mut current = None;
        if let Spec::S3(valid) = &item.declared.spec {
            let owner = Owner { id: options.owner.clone(), cluster: String::new() };
            let function = item.declared.function_arn(&options.owner, account);
            let intent = Intent::new(&owner, &item.declared.key, valid, function, vec![]);
            current = Some(intent.bucket.name.clone());
            let desired = match () {
                () if item.is_gone && item.declared.is_retained() => Desired::Retain,
                () if item.is_gone => Desired::None,
                // S3 would refuse all writes of a bucket with an entry for a missing function.
                () if item.lacks_function() => Desired::None,
                () if item.is_refused() => Desired::KeepCurrent,
                () => intent.desired,
            };
            claim(intent.bucket, desired, changed);
        }
        for old in item.recorded.notifications.iter().filter(|old| Some(&old.bucket) != current.as_ref()) {
            let bucket = Bucket {
                region: old.region.clone(),
                name: old.bucket.clone(),
                owner: old.bucket_owner.clone(),
            };
            claim(bucket, Desired::None, true);
        }
    }
    let touched = members.into_iter().filter(|(bucket, _)| touched.contains(bucket));
    let read = touched.map(async |(bucket, members)| {
        let document = document(aws, &bucket).await;
        (bucket, members, document)
    });
    let read: Vec<_> = stream::iter(read).buffered(PARALLEL).collect().await;
    let mut previews = vec![];
    for (bucket, members, document) in read {
        let (indexes, members): (Vec<usize>, Vec<Member>) = members.into_iter().unzip();
        match document {
            Ok(document) => {
                let (preview, mut changes, failures) =
                    preview_bucket(&bucket, &document, &options.owner, &members);
                for (index, member) in indexes.iter().zip(&members) {
                    if aws.is_some() {
                        items[*index].preview.changes.extend(changes.remove(&member.key).unwrap_or_default());
                    }
                    if let Some(failure) = failures.get(&member.key) {
                        items[*index].fail(failure);
                    }
                }
                if aws.is_some() {
                    previews.push(preview);
                }
            }
            Err(failure) => indexes.iter().for_each(|index| items[*index].fail(&failure)),
        }
    }
    previews
}

/// The notification configuration of a bucket; an empty one without AWS.
async fn document(aws: Option<&AwsReads>, bucket: &Bucket) -> Result<Document, Failure> {
    let xml = match aws {
        None => EMPTY.to_owned(),
        Some(aws) => aws.s3(&bucket.region).get(bucket).await.map_err(|error| failed_call(bucket, &error))?,
    };
    Document::parse(&xml).map_err(|error| failure::unreadable(bucket, &error))
}
