//! The differences by design between a preview and the operator. All other differences are faults.

use lambda_triggers_core::ownership::{TAG_CLUSTER, TAG_UID};
use lambda_triggers_core::preview::{Preview, Severity};
use serde_json::Value;

use super::KINDS;
use crate::sim::aws::Applied;
use crate::sim::run::Sim;
use crate::sim::workflows::Workflow;

/// True for a workflow that is left out. S3 refuses an entry by a rule of its own, which no read shows.
pub fn is_left_out(workflow: &Workflow) -> bool {
    workflow.name == "s3: an entry that S3 refuses, beside others"
}

/// True if S3 refuses a bucket's entries because a function does not permit S3. No read of the bucket shows that.
pub fn is_refused(sim: &Sim) -> bool {
    let objects = KINDS.into_iter().flat_map(|kind| sim.cluster.objects(kind));
    let mut conditions = objects.flat_map(|object| conditions(&object));
    conditions.any(|condition| condition["reason"] == "DestinationRefused")
}

fn conditions(object: &Value) -> Vec<Value> {
    object["status"]["conditions"].as_array().cloned().unwrap_or_default()
}

/// True for the change of a tag whose value only the cluster knows: the UIDs of the cluster and of the object.
pub fn is_tag_of_cluster(fact: &str) -> bool {
    [TAG_CLUSTER, TAG_UID].iter().any(|key| fact.contains(&format!("tags[{key}]:")))
}

/// True for the update of a schedule as a whole. AWS does not show an update whose only change is the start of a rate.
pub fn may_be_invisible(fact: &str) -> bool {
    fact.starts_with("Schedule Update ") && fact.ends_with(' ')
}

/// True for a write that may set only the tags whose values the cluster knows.
pub fn is_write_of_tags(write: &Applied) -> bool {
    write.action.ends_with(":TagResource")
}

/// The resources with a problem in the preview whose objects are ready. A problem is right for an object that the
/// operator reports as not ready.
pub fn wrong_problems(sim: &Sim, preview: &Preview) -> Vec<String> {
    let is_ready = |object: &Value| {
        let is_true = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        conditions(object).iter().any(is_true)
    };
    let found = preview.resources.iter().filter(|resource| {
        let is_blocked = resource.problems.iter().any(|problem| problem.severity != Severity::Warning);
        let object = sim.cluster.get(&resource.kind, &resource.namespace, &resource.name);
        is_blocked && object.as_ref().is_some_and(is_ready)
    });
    found.map(|resource| format!("{}: {:?}", resource.title(), resource.problems)).collect()
}
