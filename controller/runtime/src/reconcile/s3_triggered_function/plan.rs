//! The intent of an `S3TriggeredFunction`: the valid spec, and the plan from an observed state.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{
    Applied, AppliedFunction, AppliedNotification, DeletionPolicy, KeyFilter, S3TriggeredFunctionSpec,
};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, Owner};
use lambda_triggers_core::plan::bucket::{Desired, Destination, Entry, Filter};
use lambda_triggers_core::plan::permission::{PolicyView, Statement, plan_statement};
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::{Component, Outcome, Reason};

use crate::aws::Bucket;
use crate::objects::{RawS3TriggeredFunction, valid_spec};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::function::region;
use crate::reconcile::permission::Grant;
use crate::reconcile::status::StatusWriter;

/// A valid spec.
pub struct Valid {
    pub spec: S3TriggeredFunctionSpec,
    pub region: String,
}

/// The valid spec of an object.
pub fn validate(
    object: &RawS3TriggeredFunction,
    writer: &StatusWriter<'_, RawS3TriggeredFunction>,
) -> Result<Valid, Error> {
    let invalid = |message| Error::found(Component::Notification, Reason::InvalidSpec, message);
    let spec = valid_spec(object).map_err(invalid)?;
    let region = region(writer.context, spec.region.as_deref(), spec.function.arn.as_deref());
    match spec.check_region(&region) {
        Some(error) => Err(invalid(format!("{error} ({region})"))),
        None => Ok(Valid { spec, region }),
    }
}

impl Valid {
    /// The outcome if AWS matches the spec.
    pub fn outcome(&self) -> Outcome {
        let S3TriggeredFunctionSpec { bucket, filters, suspend, .. } = &self.spec;
        let entries = filters.len().max(1);
        let plural = if entries == 1 { "entry is" } else { "entries are" };
        let message = if *suspend {
            format!("suspended: the entries are removed from bucket {bucket} until suspend is false")
        } else {
            format!("{entries} {plural} in bucket {bucket}")
        };
        Outcome::Applied { suspended: *suspend, message }
    }
}

/// The desired resources of an object.
pub struct Intent {
    pub bucket: Bucket,
    pub function: FunctionArn,
    pub statement: Statement,
    /// The desired entries of the bucket.
    pub desired: Desired,
    pub spec: S3TriggeredFunctionSpec,
    /// The functions that the operator deployed for the object.
    deployed: Vec<AppliedFunction>,
    /// The Ids of the entries, of a suspended object, too.
    ids: BTreeSet<String>,
}

impl Intent {
    /// The intent for a function that exists.
    pub fn new(
        context: &Context,
        writer: &StatusWriter<'_, RawS3TriggeredFunction>,
        valid: &Valid,
        function: FunctionArn,
        deployed: Vec<AppliedFunction>,
    ) -> Self {
        let Valid { spec, region } = valid;
        let owner = spec.bucket_owner.clone().unwrap_or_else(|| function.account.clone());
        let bucket = Bucket { region: region.clone(), name: spec.bucket.clone(), owner };
        let entries = entries(&context.owner, &writer.id.key, spec, &function);
        Self {
            statement: Statement::for_bucket(&context.owner.id, &function, &bucket.name, &bucket.owner),
            bucket,
            function,
            ids: entries.iter().filter_map(|entry| entry.id.clone()).collect(),
            desired: if spec.suspend { Desired::None } else { Desired::Entries(entries) },
            spec: spec.clone(),
            deployed,
        }
    }

    /// The permission of the bucket.
    pub fn grant(&self) -> Grant<'_> {
        Grant {
            function: &self.function,
            statement: &self.statement,
            managed_by: self.spec.function.permission,
            source: format!("bucket {}", self.bucket),
        }
    }

    /// The plan from the observed policy. The bucket's worker plans the document.
    pub fn plan(
        &self,
        writer: &StatusWriter<'_, RawS3TriggeredFunction>,
        policy: &PolicyView,
    ) -> TriggerPlan {
        let before = &writer.status.applied;
        let wanted = self.wanted(before);
        TriggerPlan {
            permission: plan_statement(policy, &self.statement, writer.trusts_others),
            rule: None,
            entries: Some((self.bucket.name.clone(), self.desired.clone())),
            obsolete: before.difference(&wanted),
            wanted,
        }
    }

    /// The identities of all resources that the object needs.
    fn wanted(&self, before: &Applied) -> Applied {
        let Bucket { region, name: bucket, owner: bucket_owner } = self.bucket.clone();
        // Sorted as in `Applied::merge`, so that the same entries give the same status.
        let ids = self.ids.iter().cloned().collect();
        // The records of a bucket and of a permission contain the account already.
        let account = (!self.deployed.is_empty()).then(|| self.function.account.clone());
        Applied {
            account,
            rules: vec![],
            notifications: vec![AppliedNotification { region, bucket, bucket_owner, ids }],
            permissions: self.grant().wanted(before),
            functions: self.deployed.clone(),
        }
    }
}

/// The entries of a resource: an entry for each filter, or a single entry for all keys.
fn entries(
    owner: &Owner,
    key: &ObjectKey,
    spec: &S3TriggeredFunctionSpec,
    function: &FunctionArn,
) -> Vec<Entry> {
    let retained = spec.deletion_policy == DeletionPolicy::Retain;
    let all_keys = [KeyFilter::default()];
    let filters = if spec.filters.is_empty() { &all_keys[..] } else { &spec.filters[..] };
    filters
        .iter()
        .map(|filter| Entry {
            destination: Destination::Function,
            arn: function.to_string(),
            id: Some(key.entry_id(&owner.id, filter, retained)),
            events: spec.events.iter().cloned().collect(),
            filter: Filter::from(filter),
        })
        .collect()
}
