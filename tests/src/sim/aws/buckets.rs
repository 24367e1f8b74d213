//! S3: buckets and their notification configurations.

use async_trait::async_trait;
use lambda_triggers::aws::{AwsError, Bucket, S3Api, Validation};
use sha2::{Digest, Sha256};

use super::super::fault_injector::{Passed, View};
use super::client::SimClient;
use super::errors::Op;
use super::journal::{DocumentWrite, Effect, Look};
use super::state::{Answer, AwsState, Held};
use crate::aws_proxy::arn::FunctionRef;
use crate::aws_proxy::bucket_check::{
    access_denied, check_destination_region, check_destinations, no_such_bucket, other_region, why_broken,
};
use crate::aws_proxy::notification::{Destination, EMPTY, Entry, Notification};
use crate::aws_proxy::notification_rules::check;

impl AwsState {
    /// The bucket's document.
    pub fn notification(&self, region: &str, bucket: &Bucket, view: View) -> Answer<String> {
        self.bucket(region, bucket)?;
        Ok(self.documents.seen(&bucket.name, view).map_or(EMPTY, |document| &document.raw).to_owned())
    }

    /// Refuses the account a bucket of another owner, expected or not.
    pub fn notification_of_any_owner(&self, region: &str, bucket: &Bucket) -> Answer<()> {
        let held = self.buckets.get(&bucket.name).ok_or_else(no_such_bucket)?;
        if held.owner != self.account {
            return Err(access_denied());
        }
        self.bucket(region, &Bucket { owner: held.owner.clone(), ..bucket.clone() }).map(drop)
    }

    /// Replaces the bucket's document as a whole, or refuses it as a whole.
    pub fn put_notification(
        &mut self,
        op: &Op,
        region: &str,
        bucket: &Bucket,
        xml: &str,
        skip_validation: bool,
    ) -> Answer<()> {
        let held = self.bucket(region, bucket)?;
        let document = Notification::parse(xml.as_bytes(), made_up_id)?;
        check(&document)?;
        for entry in &document.entries {
            check_destination_region(entry, &held.region)?;
        }
        if !skip_validation {
            let broken = document.entries.iter().filter_map(|entry| self.broken(entry, bucket, &held.owner));
            check_destinations(broken.collect())?;
        }
        // The same again is no change that a stale read could miss.
        if self.documents.get(&bucket.name).is_none_or(|present| present.raw != document.raw) {
            self.documents.set(bucket.name.clone(), Some(document));
        }
        self.note(op, None, Effect::Changed);
        Ok(())
    }

    /// Writes down what a write made of the bucket's document, which was `before`.
    pub fn note_document(&mut self, op: &Op, bucket: &str, before: String, based_on: Option<Look>) {
        let after = self.document(bucket);
        if before != after {
            let (at, bucket) = (self.start.elapsed(), bucket.to_owned());
            self.document_writes.push(DocumentWrite { by: op.by, bucket, at, before, after, based_on });
        }
    }

    /// The bucket's document as it is; that of one without notifications, if there is no such bucket.
    pub fn document(&self, bucket: &str) -> String {
        self.documents.get(&bucket.to_owned()).map_or(EMPTY, |document| &document.raw).to_owned()
    }

    /// The bucket, if it is the expected owner's and in this Region.
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

/// The Id of an entry that came without one: the same for the same entry, so that two runs end alike.
fn made_up_id(entry: &str) -> String {
    let hex: String = Sha256::digest(entry.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

#[async_trait]
impl S3Api for SimClient {
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError> {
        let op = self.reading("s3:GetBucketNotification", format!("bucket {bucket}"));
        let (region, bucket) = (self.region.clone(), bucket.clone());
        let name = bucket.name.clone();
        let told = move |state: &mut AwsState, view| {
            Ok((state.notification(&region, &bucket, view)?, state.start.elapsed()))
        };
        let passed = match self.pass(&op, told).await {
            // The adapter does not read the document, so it does not notice.
            Passed::Truncated(Ok((xml, at))) => {
                Passed::Answer(Ok((xml.chars().take(xml.chars().count() / 2).collect(), at)))
            }
            passed => passed,
        };
        let (xml, told) = op.received(passed)?;
        self.looked(name, xml.clone(), told);
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

    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError> {
        let skips = validation == Validation::SkipDestinations;
        let op = self.writing("s3:PutBucketNotification", format!("bucket {bucket}"));
        let based_on = self.last_look(&bucket.name);
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
