//! The preview is one value with all changes that the operator would make in AWS for a set of manifests.
//!
//! A preview has no decision of its own. `changes` translates the plans of [`crate::plan`], and `bucket` plans the
//! documents of buckets. The serialized form is API: docs/plan.md has the rules for its versions.

mod bucket;
mod changes;
mod conflicts;
mod fields;
mod problem;
mod quota;
mod renames;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::ownership::ObjectKey;
pub use bucket::{
    BucketPreview, Creation, EntryAction, EntryOwner, EntryPreview, Member, Members, preview_bucket,
};
pub use changes::{
    function_changes, group_change, permission_change, removed, rule_changes, schedule_change,
};
pub use conflicts::{Deployed, same_function};
pub use fields::{FieldChange, Secrets};
pub use problem::{Problem, Severity};
pub use quota::{bucket_nearly_full, policy_nearly_full, rules_nearly_full};
pub use renames::{WithSpec, join_renames};

/// What the operator would change.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// What the manifests are compared with.
    pub against: Against,
    /// The result.
    pub result: PlanResult,
    /// The numbers of resources.
    pub summary: Summary,
    /// The resources, in the order of namespace, name and kind.
    pub resources: Vec<ResourcePreview>,
    /// The buckets of the resources, with all entries.
    pub buckets: Vec<BucketPreview>,
}

/// What the manifests are compared with.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Against {
    /// True if AWS was read.
    pub aws: bool,
    /// True if the manifests of the target branch are known.
    pub base: bool,
    /// True if the objects of the cluster are known.
    pub cluster: bool,
    /// The owner id of the operator.
    pub owner_id: String,
    /// The account of the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The Region for resources without a Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// The result of a plan.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanResult {
    /// AWS matches the manifests.
    NoChanges,
    /// There are changes, and nothing is in their way.
    Changes,
    /// A resource has a problem.
    Problems,
    /// Something could not be read, and nothing else is wrong.
    Incomplete,
}

/// The numbers of resources, by action.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// All resources.
    pub resources: usize,
    /// New resources.
    pub create: usize,
    /// Changed resources.
    pub update: usize,
    /// Deleted resources.
    pub delete: usize,
    /// Foreign entries that are taken over.
    pub take_over: usize,
    /// Entries of this operator that no resource has, and that are removed.
    pub orphans: usize,
    /// Resources that AWS matches, and with `--offline` the valid resources.
    pub unchanged: usize,
    /// Changed resources whose manifests are as in the base.
    pub drift: usize,
    /// Problems.
    pub problems: usize,
    /// Resources with something that could not be read.
    pub unknown: usize,
}

/// The place of a manifest.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The file; `-` for standard input, and `(cluster)` for an object of the cluster.
    pub file: String,
    /// The line of the manifest in the file, from 1.
    pub line: u64,
}

impl Source {
    /// The file of the objects of a cluster.
    pub const CLUSTER: &str = "(cluster)";
}

/// A resource with its changes.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ResourcePreview {
    /// The kind.
    pub kind: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The place of the manifest.
    pub source: Source,
    /// The action for the whole resource.
    pub action: Action,
    /// The earlier name as `namespace/name`, of a resource that replaces a deleted one with the same spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// True if the manifest is as in the base, so that AWS has changed.
    pub drift: bool,
    /// When the function runs, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The next runs, in UTC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next_runs: Vec<String>,
    /// The changes, in the order of the operator.
    pub changes: Vec<PlannedChange>,
    /// Facts that need no action.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The problems.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// The action for a whole resource.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A problem blocks the resource.
    Blocked,
    /// Something could not be read.
    Unknown,
    /// The resource is gone from the manifests.
    Delete,
    /// The resource is new in AWS.
    Create,
    /// Something in AWS changes.
    Update,
    /// AWS matches.
    Unchanged,
}

/// A change in AWS.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// What changes.
    pub part: Part,
    /// How it changes.
    pub action: ChangeAction,
    /// The name in AWS: of a rule, a schedule or a function, the Sid of a statement, the Id of an entry.
    pub id: String,
    /// The Region.
    pub region: String,
    /// The part in words, such as `the rules lt-1a2b3c4d-* may invoke report`.
    pub words: String,
    /// The changed settings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

/// A part of AWS that a resource needs.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A Lambda function.
    Function,
    /// A statement in the policy of a function.
    Permission,
    /// A rule of EventBridge.
    Rule,
    /// The target of a rule.
    Target,
    /// The tags of a rule or a function.
    Tags,
    /// The group of all schedules.
    ScheduleGroup,
    /// A schedule of EventBridge Scheduler.
    Schedule,
    /// An entry in the notification configuration of a bucket.
    Entry,
}

/// The kind of a change.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeAction {
    /// A new part.
    Create,
    /// A changed part.
    Update,
    /// A removed part.
    Delete,
    /// A foreign part that becomes the operator's.
    TakeOver,
}

impl Preview {
    /// The JSON Schema of the serialized form.
    pub fn schema() -> Schema {
        schema_for!(Self)
    }

    /// The preview of these resources and buckets, in a stable order.
    pub fn new(against: Against, mut resources: Vec<ResourcePreview>, buckets: Vec<BucketPreview>) -> Self {
        resources.sort_by(|a, b| a.order().cmp(&b.order()));
        keep_first_group_changes(&mut resources);
        let summary = Summary::of(&resources, &buckets);
        let result = match summary {
            Summary { problems: 1.., .. } => PlanResult::Problems,
            Summary { unknown: 1.., .. } => PlanResult::Incomplete,
            Summary { create: 0, update: 0, delete: 0, orphans: 0, .. } => PlanResult::NoChanges,
            Summary { .. } => PlanResult::Changes,
        };
        Self { against, result, summary, resources, buckets }
    }
}

/// Keeps the change of a schedule group at the first resource that needs the group.
fn keep_first_group_changes(resources: &mut [ResourcePreview]) {
    let mut seen = BTreeSet::new();
    for resource in resources {
        resource.changes.retain(|change| {
            change.part != Part::ScheduleGroup || seen.insert((change.region.clone(), change.id.clone()))
        });
    }
}

impl Summary {
    fn of(resources: &[ResourcePreview], buckets: &[BucketPreview]) -> Self {
        let count = |action| resources.iter().filter(|resource| resource.action == action).count();
        let all = || resources.iter().flat_map(|resource| &resource.problems);
        let taken = |change: &&PlannedChange| change.action == ChangeAction::TakeOver;
        let orphaned = |entry: &&EntryPreview| {
            (entry.owner, entry.action) == (EntryOwner::Operator, EntryAction::Delete)
                && entry.resource.is_none()
        };
        Self {
            resources: resources.len(),
            create: count(Action::Create),
            update: count(Action::Update),
            delete: count(Action::Delete),
            take_over: resources.iter().flat_map(|resource| &resource.changes).filter(taken).count(),
            orphans: buckets.iter().flat_map(|bucket| &bucket.entries).filter(orphaned).count(),
            unchanged: count(Action::Unchanged),
            drift: resources.iter().filter(|resource| resource.drift).count(),
            problems: all().filter(|problem| problem.severity == Severity::Error).count(),
            unknown: count(Action::Unknown),
        }
    }
}

impl ResourcePreview {
    /// A resource without a change.
    pub fn new(kind: impl Into<String>, key: &ObjectKey, source: Source) -> Self {
        Self {
            kind: kind.into(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            source,
            action: Action::Unchanged,
            renamed_from: None,
            drift: false,
            schedule: None,
            next_runs: vec![],
            changes: vec![],
            notes: vec![],
            problems: vec![],
        }
    }

    /// Kind, namespace and name for messages.
    pub fn title(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    /// Sets the action from the changes, the problems and the entries in `buckets`. `is_gone` is true for a resource of
    /// the base alone, and `is_as_before` for a manifest that is as in the base.
    pub fn decide(&mut self, is_gone: bool, is_as_before: bool, buckets: &[BucketPreview]) {
        let has = |severity| self.problems.iter().any(|problem| problem.severity == severity);
        // The trigger decides: a new trigger may use a function and a permission that exist.
        let triggers = |actions: &[ChangeAction]| {
            let is_trigger = |part| matches!(part, Part::Rule | Part::Schedule | Part::Entry);
            self.changes.iter().any(|change| is_trigger(change.part) && actions.contains(&change.action))
        };
        self.action = if has(Severity::Error) {
            Action::Blocked
        } else if has(Severity::Unknown) {
            Action::Unknown
        } else if is_gone {
            Action::Delete
        } else if self.changes.is_empty() {
            Action::Unchanged
        } else if triggers(&[ChangeAction::Create])
            && !triggers(&[ChangeAction::Update, ChangeAction::Delete])
            && !self.keeps_entry(buckets)
        {
            Action::Create
        } else {
            Action::Update
        };
        self.drift = is_as_before && !is_gone && !self.changes.is_empty();
    }

    /// True if an entry of this resource stays as it is.
    fn keeps_entry(&self, buckets: &[BucketPreview]) -> bool {
        let key = format!("{}/{}", self.namespace, self.name);
        let is_kept =
            |entry: &EntryPreview| entry.action == EntryAction::None && entry.resource.as_ref() == Some(&key);
        // A ScheduledFunction can have the same name, and has no entries.
        self.changes.iter().any(|change| change.part == Part::Entry)
            && buckets.iter().flat_map(|bucket| &bucket.entries).any(is_kept)
    }

    fn order(&self) -> (&str, &str, &str, &Source) {
        (&self.namespace, &self.name, &self.kind, &self.source)
    }
}
