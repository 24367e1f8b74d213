//! The orphans: AWS resources of this operator that no resource of the cluster claims.

mod claims;
mod removal;

use std::collections::BTreeSet;

use crate::arn::FunctionArn;
use crate::explain::{Candidate, NamedResource, Proof, Supposition, explain_name};
use crate::ownership::{OwnEntryId, OwnerId, readable_part};
use crate::plan::bucket::Bucket;
pub use claims::Claims;

use super::Check;

/// An AWS resource with a name of this operator. The order is the order of the removal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnedResource {
    /// A rule on the default event bus.
    Rule {
        /// The Region.
        region: String,
        /// The name.
        name: String,
    },
    /// A schedule of EventBridge Scheduler in the operator's group.
    Schedule {
        /// The Region.
        region: String,
        /// The name.
        name: String,
    },
    /// The operator's schedule group.
    ScheduleGroup {
        /// The Region.
        region: String,
    },
    /// An entry in the notification configuration of a bucket.
    Entry {
        /// The bucket.
        bucket: Bucket,
        /// The Id.
        id: String,
    },
    /// A function with the operator's tag.
    Function {
        /// The Region.
        region: String,
        /// The name.
        name: String,
    },
    /// A statement in the policy of a function.
    Statement {
        /// The function, at the qualifier of the policy.
        function: FunctionArn,
        /// The Sid.
        id: String,
    },
}

/// The relation of an AWS resource to the resources of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// A resource of the cluster claims it.
    Claimed,
    /// An entry that `deletionPolicy: Retain` has left.
    Retained,
    /// No resource of the cluster claims it.
    Orphan,
    /// A resource of a namespace that was not listed may claim it.
    Unknown,
}

/// The checks of the AWS resources that were found: a failed check for each orphan, and a check that counts the rest.
pub fn check_orphans(owner: &OwnerId, found: &BTreeSet<OwnedResource>, claims: &Claims) -> Vec<Check> {
    let of = |verdict| found.iter().filter(move |one| claims.judge(owner, one) == verdict);
    let orphans: Vec<&OwnedResource> = of(Verdict::Orphan).collect();
    // The policy of a function goes with the function.
    let goes = |one: &OwnedResource| match one {
        OwnedResource::Statement { function, .. } => {
            let FunctionArn { region, name, .. } = function.clone();
            orphans.contains(&&OwnedResource::Function { region, name })
        }
        _ => false,
    };
    let failed = orphans.iter().filter(|one| !goes(one)).map(|one| one.check(owner));
    let mut checks: Vec<Check> = failed.collect();
    let (claimed, retained) = (of(Verdict::Claimed).count(), of(Verdict::Retained).count());
    let retained = match retained {
        0 => String::new(),
        _ => format!("; entries that deletionPolicy: Retain has left: {retained}"),
    };
    let message = format!("belong to resources of the cluster: {claimed}{retained}");
    checks.push(Check::ok(format!("AWS resources of {owner}"), message));
    let unknown = of(Verdict::Unknown).count();
    if unknown > 0 {
        let message = format!(
            "{unknown} AWS resources are not judged: they may belong to namespaces that could not be listed; allow list of \
             both kinds in all namespaces, or use your own kubeconfig"
        );
        checks.push(Check::skipped("other namespaces", message));
    }
    checks
}

impl OwnedResource {
    /// The name, the Id or the Sid.
    fn name(&self, owner: &OwnerId) -> String {
        match self {
            Self::Rule { name, .. } | Self::Schedule { name, .. } | Self::Function { name, .. } => {
                name.clone()
            }
            Self::ScheduleGroup { .. } => owner.group_name(),
            Self::Entry { id, .. } | Self::Statement { id, .. } => id.clone(),
        }
    }

    /// The failed check of an orphan.
    fn check(&self, owner: &OwnerId) -> Check {
        let name = self.name(owner);
        let what = match self {
            Self::Rule { region, .. } => format!("rule {name} in {region}"),
            Self::Schedule { region, .. } => format!("schedule {name} in {region}"),
            Self::ScheduleGroup { region } => format!("schedule group {name} in {region}"),
            Self::Entry { bucket, .. } => format!("entry {name} in bucket {bucket}"),
            Self::Function { region, .. } => format!("function {name} in {region}"),
            Self::Statement { function, .. } => {
                format!("statement {name} in the policy of {}", function.short())
            }
        };
        let why = match (self, told_resource(&name)) {
            (Self::ScheduleGroup { .. }, _) => {
                "no resource of the cluster has a schedule in it; the command also deletes all its schedules"
                    .into()
            }
            (_, Some(resource)) => format!("its name tells {resource}, which does not exist"),
            (_, None) => "no resource of the cluster needs it".into(),
        };
        let retain = match self {
            Self::ScheduleGroup { .. } | Self::Entry { .. } | Self::Function { .. } => "",
            Self::Rule { .. } | Self::Schedule { .. } | Self::Statement { .. } => {
                "; deletionPolicy: Retain leaves it on purpose"
            }
        };
        Check { commands: self.removal(owner), ..Check::failed(what, format!("is an orphan: {why}{retain}")) }
    }
}

/// The only resource that a name can belong to.
fn proven(name: &str) -> Option<Candidate> {
    let explanation = explain_name(name, &Supposition::default())?;
    match explanation.named {
        NamedResource::Entry { candidates, .. } | NamedResource::RuleScheduleOrFunction { candidates }
            if explanation.proof == Proof::Hash =>
        {
            candidates.into_iter().next()
        }
        _ => None,
    }
}

/// The resource that a name tells: its kind, its namespace and its name, or the text between them in a cut name.
fn told_resource(name: &str) -> Option<String> {
    if let Some(Candidate { kind, namespace, name }) = proven(name) {
        return Some(format!("{} {namespace}/{name}", kind.unwrap_or("resource")));
    }
    let base = OwnEntryId::parse(&OwnerId::from_name(name)?, name).map(|id| id.base_name);
    let readable = readable_part(base.as_deref().unwrap_or(name))?;
    Some(format!("the resource {readable} (namespace and name, cut)"))
}

/// True for a name that the operator gives to rules, schedules and functions. Another tool can use the same prefix, but
/// its name has no such hash.
pub fn is_own_name(owner: &OwnerId, name: &str) -> bool {
    let explanation = explain_name(name, &Supposition::default());
    let is_own_form = |named: &NamedResource| matches!(named, NamedResource::RuleScheduleOrFunction { .. });
    explanation.is_some_and(|found| {
        found.owner_id == owner.to_string() && found.proof != Proof::Mismatch && is_own_form(&found.named)
    })
}

/// True for an Id of a retained entry.
fn is_retained(owner: &OwnerId, id: &str) -> bool {
    OwnEntryId::parse(owner, id).is_some_and(|id| id.retained)
}

#[cfg(test)]
mod tests;
