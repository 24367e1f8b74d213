//! A resource with everything that it has in AWS, as a tree.
//!
//! `names` computes the names in AWS from the spec. A caller reads these names, and `parts` compares the observation with
//! the spec. `history` adds the runs of the last day. Nothing in the tree shows `input`, `environment` or code.

mod history;
mod names;
mod parts;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;

use super::schedule::{NextRuns, next_runs};
use crate::api::TriggerStatus;
use crate::ownership::{ObjectKey, OwnerId};
use crate::plan::bucket::Document;
use crate::plan::intent::ValidSpec;
use crate::plan::permission::Policy;
use crate::plan::rule::ObservedRule;
use crate::plan::schedule::ObservedSchedule;
use crate::status::Component;
pub use history::{Count, HISTORY, History, Metric, metrics};
pub use names::{Names, TriggerName};

/// The number of next runs.
const NEXT_RUNS: usize = 3;

/// An object to explain.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The kind.
    pub kind: &'static str,
    /// The namespace and the name.
    pub key: ObjectKey,
    /// The owner id of the operator.
    pub owner: OwnerId,
    /// The account of the credentials.
    pub account: String,
    /// The valid spec.
    pub spec: ValidSpec,
    /// The status. Empty for a manifest, which the operator has not seen.
    pub status: TriggerStatus,
}

/// The result of a read, or the reason of the failure.
pub type Read<T> = Result<T, String>;

/// The observed resources of an object.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The function: the reason for the state `Failed`, if any. `None` if not found.
    pub function: Read<Option<Option<String>>>,
    /// The policy of the function.
    pub policy: Read<Policy>,
    /// The trigger.
    pub trigger: ObservedTrigger,
    /// The counts of [`metrics`] in the last day. `None` if the caller does not ask for the history.
    pub counts: Option<Read<Vec<Count>>>,
}

/// The observed trigger of an object.
#[derive(Clone, Debug)]
pub enum ObservedTrigger {
    /// A rule of EventBridge.
    Rule {
        /// The rule; `None` if not found.
        rule: Read<Option<ObservedRule>>,
        /// The names of this operator's rules with the same function.
        sharing: Read<Vec<String>>,
    },
    /// A schedule of EventBridge Scheduler; `None` if not found.
    Schedule(Read<Option<ObservedSchedule>>),
    /// The notification configuration of the bucket.
    Entries(Read<Document>),
}

/// A resource with its parts in AWS.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceExplanation {
    /// The kind of the resource.
    pub resource_kind: &'static str,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The owner id of the operator.
    pub owner_id: String,
    /// The condition `Ready`. `None` until the operator has seen the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<ShownCondition>,
    /// The parts in AWS.
    pub parts: Vec<Part>,
    /// When the function runs, in words. `None` for events of a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The next runs, in UTC. `None` for events of a bucket, and for a suspended schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_runs: Option<NextRuns>,
    /// The last day. `None` if the caller does not ask for the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

/// A condition of the resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownCondition {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The reason.
    pub reason: String,
    /// The message.
    pub message: String,
    /// The time of the last change of `status`.
    #[serde(serialize_with = "as_text")]
    pub since: Timestamp,
}

/// A part of a resource in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The kind of the part.
    pub part: PartKind,
    /// The name in AWS.
    pub name: String,
    /// The state.
    pub state: PartState,
    /// Facts about the part.
    pub facts: Vec<String>,
    /// The condition of the part, unless its status is `True`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<ShownCondition>,
    /// The parts of the part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// The kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum PartKind {
    /// A Lambda function.
    Function,
    /// A statement in the policy of the function.
    Permission,
    /// A rule of EventBridge.
    Rule,
    /// The target of a rule or a schedule.
    Target,
    /// A schedule of EventBridge Scheduler.
    Schedule,
    /// The notification configuration of a bucket.
    Bucket,
    /// An entry of a bucket.
    Entry,
}

/// The state of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum PartState {
    /// The part is as in the spec.
    InPlace,
    /// The part does not exist.
    Missing,
    /// The part differs from the spec, or does not work.
    Wrong,
    /// The part could not be read.
    Unread,
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Explains a resource from its observation.
pub fn explain_resource(
    subject: &Subject,
    names: &Names,
    observed: &Observed,
    now: Timestamp,
) -> ResourceExplanation {
    let (schedule, runs) = match &subject.spec {
        ValidSpec::S3(_) => (None, None),
        ValidSpec::Scheduled(valid) => {
            let runs = (!valid.spec.suspend).then(|| next_runs(&valid.schedule, None, now, NEXT_RUNS));
            (Some(valid.schedule.in_words()), runs)
        }
    };
    ResourceExplanation {
        resource_kind: subject.kind,
        namespace: subject.key.namespace.clone(),
        name: subject.key.name.clone(),
        owner_id: subject.owner.to_string(),
        ready: condition(&subject.status, "Ready"),
        parts: parts::parts(subject, names, observed, now),
        schedule,
        next_runs: runs,
        history: observed.counts.as_ref().map(|counts| history::history(subject, names, counts, now)),
    }
}

fn condition(status: &TriggerStatus, type_: &str) -> Option<ShownCondition> {
    let Condition { status, reason, message, last_transition_time, .. } =
        status.conditions.iter().find(|condition| condition.type_ == type_)?.clone();
    Some(ShownCondition { status, reason, message, since: last_transition_time.0 })
}

/// The condition of a component, unless its status is `True`.
fn problem(status: &TriggerStatus, component: Component) -> Option<ShownCondition> {
    condition(status, component.condition()).filter(|condition| condition.status != "True")
}

#[cfg(test)]
mod tests;
