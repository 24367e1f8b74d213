//! S3: buckets and their notification configurations.

use async_trait::async_trait;
use lambda_triggers::aws::{AwsError, S3Api, S3Reads, Validation};
use lambda_triggers_core::plan::bucket::Bucket;
use sha2::{Digest, Sha256};

use super::super::fault_injector::{Passed, View};
use super::client::SimClient;
use super::errors::Op;
use super::journal::{BaseRead, DocumentWrite, Effect};
use super::state::{Answer, AwsState, Held};
use crate::aws_proxy::arn::FunctionRef;
use crate::aws_proxy::bucket_check::{
    access_denied, check_destination_region, check_destinations, no_such_bucket, other_region, why_broken,
};
use crate::aws_proxy::notification::{Destination, EMPTY, Entry, Notification};
use crate::aws_proxy::notification_rules::{check, invalid};

impl AwsState {
    /// The bucket's document.
    pub fn notification(&self, region: &str, bucket: &Bucket, view: View) -> Answer<String> {
        self.bucket(region, bucket)?;
        Ok(self.documents.seen(&bucket.name, view).map_or(EMPTY, |document| &document.raw).to_owned())
    }

    /// Checks that the account owns the bucket. The caller need not name the owner.
    pub fn notification_of_any_owner(&self, region: &str, bucket: &Bucket) -> Answer<()> {
        let held = self.buckets.get(&bucket.name).ok_or_else(no_such_bucket)?;
        if held.owner != self.account {
            return Err(access_denied());
        }
        self.bucket(region, &Bucket { owner: held.owner.clone(), ..bucket.clone() }).map(drop)
    }

    /// Replaces the whole document of the bucket, or refuses the whole document.
    pub fn put_notification(
        &mut self,
        op: &Op,
        region: &str,
        bucket: &Bucket,
        xml: &str,
        skip_validation: bool,
    ) -> Answer<()> {
        let held = self.bucket(region, bucket)?;
        let document = Notification::parse(xml.as_bytes(), generated_id)?;
        check(&document)?;
        if document.entries.iter().any(|entry| self.refused_prefixes.contains(entry.filter("prefix"))) {
            return Err(invalid("The notification configuration is not supported"));
        }
        for entry in &document.entries {
            check_destination_region(entry, &held.region)?;
        }
        if !skip_validation {
            let broken = document.entries.iter().filter_map(|entry| self.broken(entry, bucket, &held.owner));
            check_destinations(broken.collect())?;
        }
        // A write without a change must not hide the last change from a stale read.
        if self.documents.get(&bucket.name).is_none_or(|present| present.raw != document.raw) {
            self.documents.set(bucket.name.clone(), Some(document));
        }
        self.note(op, None, Effect::Changed);
        Ok(())
    }

    /// Records a write that replaced the document `before`.
    pub fn note_document(&mut self, op: &Op, bucket: &str, before: String, based_on: Option<BaseRead>) {
        let after = self.document(bucket);
        if before != after {
            let (at, bucket) = (self.start.elapsed(), bucket.to_owned());
            self.document_writes.push(DocumentWrite { by: op.by, bucket, at, before, after, based_on });
        }
    }

    /// The current document of the bucket. A missing bucket has the empty document.
    pub fn document(&self, bucket: &str) -> String {
        self.documents.get(&bucket.to_owned()).map_or(EMPTY, |document| &document.raw).to_owned()
    }

    /// The bucket, if owner and Region are as expected.
    fn bucket(&self, region: &str, bucket: &Bucket) -> Answer<&Held> {
        let held = self.buckets.get(&bucket.name).ok_or_else(no_such_bucket)?;
        if held.owner != bucket.owner {
            return Err(access_denied());
        }
        if held.region != region {
            return Err(other_region(&bucket.name, &held.region));
        }
        Ok(held)
    }

    fn broken(&self, entry: &Entry, bucket: &Bucket, owner: &str) -> Option<(String, String)> {
        if self.broken.contains(&entry.arn) {
            return Some((entry.arn.clone(), "The destination does not exist".to_owned()));
        }
        if entry.destination != Destination::Function {
            return None;
        }
        let function = FunctionRef::from_arn(&entry.arn);
        let exists = function.as_ref().is_some_and(|function| self.exists(function, View::Now));
        let source = format!("arn:aws:s3:::{}", bucket.name);
        let policy = function.and_then(|function| self.policies.get(&function));
        let permitted = policy.is_some_and(|policy| policy.permits("s3.amazonaws.com", &source, owner));
        why_broken(&entry.arn, exists, permitted)
    }
}

/// A generated Id for an entry without an Id. Equal entries get equal Ids, so that equal runs end with equal documents.
fn generated_id(entry: &str) -> String {
    let hex: String = Sha256::digest(entry.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

#[async_trait]
impl S3Reads for SimClient {
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError> {
        let op = self.reading("s3:GetBucketNotification", format!("bucket {bucket}"));
        let (region, bucket) = (self.region.clone(), bucket.clone());
        let name = bucket.name.clone();
        let read = move |state: &mut AwsState, view| {
            Ok((state.notification(&region, &bucket, view)?, state.start.elapsed()))
        };
        let passed = match self.pass(&op, read).await {
            // The SDK adapter does not parse the document, so the adapter accepts a truncated document.
            Passed::Truncated(Ok((xml, at))) => {
                Passed::Answer(Ok((xml.chars().take(xml.chars().count() / 2).collect(), at)))
            }
            passed => passed,
        };
        let (xml, read_at) = op.received(passed)?;
        self.record_read(name, xml.clone(), read_at);
        Ok(xml)
    }

    async fn get_of_any_owner(&self, bucket: &Bucket) -> Result<(), AwsError> {
        let op = self.reading("s3:GetBucketNotification", format!("bucket {bucket}"));
        let (region, bucket) = (self.region.clone(), bucket.clone());
        self.call(op, move |state, _| state.notification_of_any_owner(&region, &bucket)).await
    }

    async fn is_own_bucket(&self, bucket: &Bucket) -> Result<bool, AwsError> {
        let op = self.reading("s3:ListAllMyBuckets", "all buckets");
        let name = bucket.name.clone();
        self.call(op, move |state, _| {
            Ok(state.buckets.get(&name).is_some_and(|held| held.owner == state.account))
        })
        .await
    }
}

#[async_trait]
impl S3Api for SimClient {
    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError> {
        let skips = validation == Validation::SkipDestinations;
        let op = self.writing("s3:PutBucketNotification", format!("bucket {bucket}"));
        let based_on = self.last_read(&bucket.name);
        let (region, bucket, call) = (self.region.clone(), bucket.clone(), op.clone());
        self.call(op, move |state, _| {
            let before = state.document(&bucket.name);
            state.put_notification(&call, &region, &bucket, &xml, skips)?;
            state.note_document(&call, &bucket.name, before, based_on.clone());
            Ok(())
        })
        .await
    }
}
