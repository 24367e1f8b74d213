//! The intent of an `S3TriggeredFunction`.

use std::collections::BTreeSet;

use crate::api::{
    Applied, AppliedFunction, AppliedNotification, DeletionPolicy, KeyFilter, S3TriggeredFunctionSpec,
};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, Owner};
use crate::plan::bucket::{Bucket, Desired, Destination, Entry, Filter};
use crate::plan::function::region;
use crate::plan::permission::{Grant, PolicyView, Statement, plan_statement};
use crate::plan::trigger::TriggerPlan;
use crate::status::{Component, Failure, Outcome, Reason};

/// A valid spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Valid {
    /// The spec.
    pub spec: S3TriggeredFunctionSpec,
    /// The Region of the bucket and the function.
    pub region: String,
}

impl Valid {
    /// A checked spec that is valid in its Region. `default_region` is the Region of the operator.
    ///
    /// # Errors
    ///
    /// S3 does not accept the spec in the Region.
    pub fn new(spec: S3TriggeredFunctionSpec, default_region: &str) -> Result<Self, Failure> {
        let region = region(spec.region.as_deref(), spec.function.arn.as_deref(), default_region);
        match spec.check_region(&region) {
            Some(error) => {
                let message = format!("{error} ({region})");
                Err(Failure::new(Component::Notification, Reason::InvalidSpec, message))
            }
            None => Ok(Self { spec, region }),
        }
    }

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
#[derive(Clone, Debug)]
pub struct Intent {
    /// The bucket.
    pub bucket: Bucket,
    /// The function to invoke.
    pub function: FunctionArn,
    /// The operator's statement for the function's policy.
    pub statement: Statement,
    /// The desired entries of the bucket.
    pub desired: Desired,
    /// The spec.
    pub spec: S3TriggeredFunctionSpec,
    /// The functions that the operator deployed for the object.
    deployed: Vec<AppliedFunction>,
    /// The Ids of the entries, of a suspended object, too.
    ids: BTreeSet<String>,
}

impl Intent {
    /// The intent of the object `key` for a function that exists.
    pub fn new(
        owner: &Owner,
        key: &ObjectKey,
        valid: &Valid,
        function: FunctionArn,
        deployed: Vec<AppliedFunction>,
    ) -> Self {
        let Valid { spec, region } = valid;
        let bucket_owner = spec.bucket_owner.clone().unwrap_or_else(|| function.account.clone());
        let bucket = Bucket { region: region.clone(), name: spec.bucket.clone(), owner: bucket_owner };
        let entries = entries(owner, key, spec, &function);
        Self {
            statement: Statement::for_bucket(&owner.id, &function, &bucket.name, &bucket.owner),
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

    /// The plan from the observed policy. The bucket's worker plans the document. `recorded` contains the resources in
    /// the status. With `trusts_others`, an equivalent foreign statement is enough.
    pub fn plan(&self, recorded: &Applied, trusts_others: bool, policy: &PolicyView) -> TriggerPlan {
        let wanted = self.wanted(recorded);
        TriggerPlan {
            permission: plan_statement(policy, &self.statement, trusts_others),
            rule: None,
            schedule: None,
            entries: Some((self.bucket.name.clone(), self.desired.clone())),
            obsolete: recorded.difference(&wanted),
            wanted,
        }
    }

    /// The identities of all resources that the object needs.
    fn wanted(&self, recorded: &Applied) -> Applied {
        let Bucket { region, name: bucket, owner: bucket_owner } = self.bucket.clone();
        // Sorted as in `Applied::merge`, so that the same entries give the same status.
        let ids = self.ids.iter().cloned().collect();
        // The records of a bucket and of a permission contain the account already.
        let account = (!self.deployed.is_empty()).then(|| self.function.account.clone());
        Applied {
            account,
            rules: vec![],
            schedules: vec![],
            notifications: vec![AppliedNotification { region, bucket, bucket_owner, ids }],
            permissions: self.grant().wanted(recorded),
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
