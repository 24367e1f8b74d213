//! The claims of the resources of a cluster.

use std::collections::BTreeSet;

use super::{OwnedResource, Verdict, is_retained, proven};
use crate::api::{Applied, AppliedFunction};
use crate::ownership::{ObjectKey, OwnEntryId, OwnerId};

/// The AWS resources that the resources of a cluster claim. A name is claimed if an existing resource has the name, in
/// every Region and bucket: the operator itself looks after a second one.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The names of rules, schedules and functions, and the base names of entries.
    names: BTreeSet<String>,
    /// The Regions and the names of functions.
    functions: BTreeSet<(String, String)>,
    /// The functions and the Sids of statements.
    statements: BTreeSet<(String, String)>,
    /// The Regions with a schedule.
    schedule_regions: BTreeSet<String>,
    /// The namespaces that were listed; `None` for all namespaces.
    namespaces: Option<BTreeSet<String>>,
}

impl Claims {
    /// No claims. `namespaces` were listed, or all namespaces with `None`.
    pub fn new(namespaces: Option<BTreeSet<String>>) -> Self {
        Self { namespaces, ..Self::default() }
    }

    /// Adds the claims of a resource. `applied` contains the AWS resources that its status records, or that its spec
    /// needs.
    pub fn add(&mut self, owner: &OwnerId, kind: &str, key: &ObjectKey, applied: &Applied) {
        self.names.extend([key.rule_name(owner, kind), key.function_name(owner, kind), key.base_name(owner)]);
        self.functions.extend(applied.functions.iter().map(AppliedFunction::key));
        let statements = applied.permissions.iter();
        let statements = statements.map(|one| (one.function_arn.clone(), one.statement_id.clone()));
        self.statements.extend(statements);
        self.schedule_regions.extend(applied.schedules.iter().map(|schedule| schedule.region.clone()));
    }

    pub(super) fn judge(&self, owner: &OwnerId, found: &OwnedResource) -> Verdict {
        if self.is_claimed(owner, found) {
            return Verdict::Claimed;
        }
        if matches!(found, OwnedResource::Entry { id, .. } if is_retained(owner, id)) {
            return Verdict::Retained;
        }
        let is_listed = |namespaces: &BTreeSet<String>| {
            proven(&found.name(owner)).is_some_and(|resource| namespaces.contains(&resource.namespace))
        };
        if self.namespaces.as_ref().is_none_or(is_listed) { Verdict::Orphan } else { Verdict::Unknown }
    }

    /// True if a resource of the cluster claims `found`.
    pub fn is_claimed(&self, owner: &OwnerId, found: &OwnedResource) -> bool {
        match found {
            OwnedResource::Rule { name, .. } | OwnedResource::Schedule { name, .. } => {
                self.names.contains(name)
            }
            OwnedResource::ScheduleGroup { region } => self.schedule_regions.contains(region),
            OwnedResource::Entry { id, .. } => {
                OwnEntryId::parse(owner, id).is_some_and(|id| self.names.contains(&id.base_name))
            }
            OwnedResource::Function { region, name } => {
                self.names.contains(name) || self.functions.contains(&(region.clone(), name.clone()))
            }
            OwnedResource::Statement { function, id } => {
                self.statements.contains(&(function.to_string(), id.clone()))
            }
        }
    }
}
