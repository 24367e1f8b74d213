//! Rules for the status of each resource, from kstatus, Flux and the API conventions. The rules are functions of an
//! object's versions. Every test watches the statuses that the operator writes, and checks them by the rules.
//!
//! - kstatus, the source of health for Flux, Argo CD and `kubectl apply` of kpt:
//!   <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>.
//! - Flux's checks for controllers (FAIL0001 to FAIL0011, WARN0001 to WARN0005):
//!   <https://github.com/fluxcd/pkg/tree/main/runtime/conditions/check>. Flux calls a status with `Ready` Unknown
//!   mid-reconciliation.
//! - Conditions:
//!   <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties>.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

/// Field manager whose statuses are checked.
const WRITER: &str = "lambda-triggers";
/// Conditions that exist only while True, and never together
/// (<https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md#the-reconciling-and-stalled-conditions>).
const ABNORMAL: [&str; 2] = ["Reconciling", "Stalled"];

/// The last version of each object.
#[derive(Debug, Default)]
pub struct StatusCache {
    /// By UID.
    last: HashMap<String, Value>,
}

impl StatusCache {
    /// Checks the next version of an object. Returns the violations in a status that the operator wrote. Statuses of
    /// other writers, such as manual edits in a test, are ignored.
    pub fn see(&mut self, object: &Value) -> Vec<String> {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let before = self.last.insert(uid.to_owned(), object.clone()).unwrap_or_default();
        // The API server sets the default status, and kstatus takes the object for in progress.
        let is_unseen = object["status"] == json!({"observedGeneration": -1});
        if is_unseen
            || object["status"] == before["status"]
            || entries_of_other_managers(object) != entries_of_other_managers(&before)
        {
            return vec![];
        }
        let mut wrong = against_rules(object);
        wrong.extend(against_history(&before, object));
        wrong
    }
}

/// Status entries of other field managers.
fn entries_of_other_managers(object: &Value) -> Vec<&Value> {
    let fields = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    fields.filter(|entry| entry["subresource"] == "status" && entry["manager"] != WRITER).collect()
}

fn conditions(object: &Value) -> &[Value] {
    object["status"]["conditions"].as_array().map_or(&[], Vec::as_slice)
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    conditions(object).iter().find(|condition| condition["type"] == kind)
}

/// Collects the violated rules.
#[derive(Default)]
struct Broken(Vec<String>);

impl Broken {
    fn unless(&mut self, holds: bool, rule: impl Into<String>) {
        if !holds {
            self.0.push(rule.into());
        }
    }
}

/// Violations in a single status.
fn against_rules(object: &Value) -> Vec<String> {
    let mut wrong = Broken::default();
    let all = conditions(object);
    let state = |kind: &str| condition(object, kind).map(|condition| condition["status"].as_str());
    let is = |kind: &str, status: &str| state(kind) == Some(Some(status));
    let abnormal: Vec<&str> = ABNORMAL.into_iter().filter(|kind| state(kind).is_some()).collect();

    wrong.unless(state("Ready").is_some(), "Ready is missing");
    wrong.unless(abnormal.len() < 2, "Reconciling and Stalled exist together");
    for kind in &abnormal {
        wrong.unless(is(kind, "True"), format!("{kind} exists and is not True"));
        wrong.unless(!is("Ready", "True"), format!("{kind} exists while Ready is True"));
        let words = |kind| condition(object, kind).map(|c| (&c["reason"], &c["message"]));
        wrong.unless(words(kind) == words("Ready"), format!("Ready and {kind} differ in reason or message"));
    }
    wrong.unless(state("Stalled").is_none() || is("Ready", "False"), "Stalled exists and Ready is not False");
    wrong
        .unless(!is("Ready", "Unknown") || is("Reconciling", "True"), "Ready is Unknown without Reconciling");
    wrong.unless(
        !is("Ready", "False") || abnormal.len() == 1,
        "Ready is False without Reconciling or Stalled",
    );

    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    let observed = |of: &Value| of["observedGeneration"].as_i64().unwrap_or_default();
    let root = observed(&object["status"]);
    wrong.unless(
        (1..=generation).contains(&root),
        format!("observedGeneration is {root}, the generation is {generation}"),
    );
    wrong.unless(!is("Ready", "True") || root == generation, "Ready is True for a different generation");

    let mut types = BTreeSet::new();
    for condition in all {
        let kind = condition["type"].as_str().unwrap_or_default();
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        wrong.unless(types.insert(kind), format!("{kind} exists twice"));
        wrong.unless(
            observed(condition) == root,
            format!("{kind} observed generation {}, the status {root}", observed(condition)),
        );
        wrong.unless(
            ["True", "False", "Unknown"].contains(&text("status")),
            format!("{kind} is {:?}", text("status")),
        );
        wrong.unless(is_camel_case(text("reason")), format!("{kind} has the reason {:?}", text("reason")));
        wrong.unless(text("message").len() <= 32_768, format!("{kind} has a message longer than 32 KiB"));
        wrong.unless(!text("lastTransitionTime").is_empty(), format!("{kind} has no lastTransitionTime"));
        let is_component = kind != "Ready" && !ABNORMAL.contains(&kind);
        wrong.unless(
            !is_component || text("status") == "True" || !is("Ready", "True"),
            format!("Ready is True and {kind} is not"),
        );
        wrong.unless(
            text("status") == "True" || !text("message").is_empty(),
            format!("{kind} is {} without a message", text("status")),
        );
    }
    wrong.0
}

/// Violations in a status compared with the status before.
fn against_history(before: &Value, object: &Value) -> Vec<String> {
    let mut wrong = Broken::default();
    let observed = |object: &Value| object["status"]["observedGeneration"].as_i64();
    wrong.unless(observed(before) <= observed(object), "the observed generation decreased");
    for new in conditions(object) {
        let kind = new["type"].as_str().unwrap_or_default();
        let Some(old) = condition(before, kind) else { continue };
        let (was, is) = (&old["lastTransitionTime"], &new["lastTransitionTime"]);
        if old["status"] == new["status"] {
            wrong.unless(was == is, format!("the lastTransitionTime of {kind} changed without a transition"));
        } else {
            // Times of one format and time zone sort as text.
            let order = was.as_str() <= is.as_str();
            wrong.unless(order, format!("the lastTransitionTime of {kind} goes back from {was} to {is}"));
        }
    }
    wrong.0
}

/// True if the reason has the form of the API conventions: an upper-case letter, then letters and digits.
fn is_camel_case(reason: &str) -> bool {
    reason.starts_with(|first: char| first.is_ascii_uppercase())
        && reason.chars().all(|c| c.is_ascii_alphanumeric())
        && reason.len() <= 1024
}

/// True if the object is `Ready` for its current generation.
pub fn is_ready(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
        && condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
}

#[cfg(test)]
mod tests;
