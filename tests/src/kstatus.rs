//! What each status is to say, whatever happens: the rules of kstatus, Flux and the API conventions, as functions of
//! the object's versions. Every test watches the statuses that the operator writes, and judges them by these.
//!
//! - kstatus, by which Flux, Argo CD and `kubectl apply` of kpt tell health:
//!   <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>.
//! - Flux's checks for controllers (FAIL0001 to FAIL0011, WARN0001 to WARN0005):
//!   <https://github.com/fluxcd/pkg/tree/main/runtime/conditions/check>. A status with `Ready` Unknown is what they call
//!   mid-reconciliation.
//! - Conditions: <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties>.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

/// Who writes the statuses that are judged.
const WRITER: &str = "lambda-triggers";
/// There only while they are True, and never together
/// (<https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md#the-reconciling-and-stalled-conditions>).
const ABNORMAL: [&str; 2] = ["Reconciling", "Stalled"];

/// The statuses of objects, as far as they were seen.
#[derive(Debug, Default)]
pub struct StatusCache {
    /// By UID.
    last: HashMap<String, Value>,
}

impl StatusCache {
    /// Looks at the next version of an object, and returns what is wrong with its status where the operator has written
    /// it. What somebody else wrote, as a test by hand, is not judged.
    pub fn see(&mut self, object: &Value) -> Vec<String> {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let before = self.last.insert(uid.to_owned(), object.clone()).unwrap_or_default();
        if object["status"] == before["status"] || others(object) != others(&before) {
            return vec![];
        }
        let mut wrong = against_rules(object);
        wrong.extend(against_history(&before, object));
        wrong
    }
}

/// What others than the operator have written of the status.
fn others(object: &Value) -> Vec<&Value> {
    let fields = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    fields.filter(|entry| entry["subresource"] == "status" && entry["manager"] != WRITER).collect()
}

fn conditions(object: &Value) -> &[Value] {
    object["status"]["conditions"].as_array().map_or(&[], Vec::as_slice)
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    conditions(object).iter().find(|condition| condition["type"] == kind)
}

/// Collects the rules that do not hold.
#[derive(Default)]
struct Broken(Vec<String>);

impl Broken {
    fn unless(&mut self, holds: bool, rule: impl Into<String>) {
        if !holds {
            self.0.push(rule.into());
        }
    }
}

/// What is wrong with a status as it was written.
fn against_rules(object: &Value) -> Vec<String> {
    let mut wrong = Broken::default();
    let all = conditions(object);
    let state = |kind: &str| condition(object, kind).map(|condition| condition["status"].as_str());
    let is = |kind: &str, status: &str| state(kind) == Some(Some(status));
    let there: Vec<&str> = ABNORMAL.into_iter().filter(|kind| state(kind).is_some()).collect();

    wrong.unless(state("Ready").is_some(), "Ready is missing");
    wrong.unless(there.len() < 2, "Reconciling and Stalled are there at once");
    for kind in &there {
        wrong.unless(is(kind, "True"), format!("{kind} is there and not True"));
        wrong.unless(!is("Ready", "True"), format!("{kind} is there and Ready is True"));
        let words = |kind| condition(object, kind).map(|c| (&c["reason"], &c["message"]));
        wrong.unless(words(kind) == words("Ready"), format!("Ready does not say what {kind} says"));
    }
    wrong.unless(
        state("Stalled").is_none() || is("Ready", "False"),
        "Stalled is there and Ready is not False",
    );
    wrong
        .unless(!is("Ready", "Unknown") || is("Reconciling", "True"), "Ready is Unknown without Reconciling");
    wrong.unless(
        !is("Ready", "False") || there.len() == 1,
        "Ready is False, and neither Reconciling nor Stalled says who has to act",
    );

    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    let observed = |of: &Value| of["observedGeneration"].as_i64().unwrap_or_default();
    let root = observed(&object["status"]);
    wrong.unless((1..=generation).contains(&root), format!("it observed {root} of {generation} generations"));
    wrong.unless(!is("Ready", "True") || root == generation, "Ready is True for a generation that is gone");

    let mut types = BTreeSet::new();
    for condition in all {
        let kind = condition["type"].as_str().unwrap_or_default();
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        wrong.unless(types.insert(kind), format!("{kind} is there twice"));
        wrong.unless(
            observed(condition) == root,
            format!("{kind} speaks of generation {}, the status of {root}", observed(condition)),
        );
        wrong.unless(
            ["True", "False", "Unknown"].contains(&text("status")),
            format!("{kind} is {:?}", text("status")),
        );
        wrong.unless(is_camel_case(text("reason")), format!("{kind} has the reason {:?}", text("reason")));
        wrong.unless(text("message").len() <= 32_768, format!("{kind} has a message longer than 32 KiB"));
        wrong.unless(!text("lastTransitionTime").is_empty(), format!("{kind} has no lastTransitionTime"));
        let is_part = kind != "Ready" && !ABNORMAL.contains(&kind);
        wrong.unless(
            !is_part || text("status") == "True" || !is("Ready", "True"),
            format!("Ready is True and {kind} is not"),
        );
        wrong.unless(
            text("status") == "True" || !text("message").is_empty(),
            format!("{kind} is {} and does not say why", text("status")),
        );
    }
    wrong.0
}

/// What is wrong with a status as the one that follows another.
fn against_history(before: &Value, object: &Value) -> Vec<String> {
    let mut wrong = Broken::default();
    let observed = |object: &Value| object["status"]["observedGeneration"].as_i64();
    wrong.unless(observed(before) <= observed(object), "it speaks of an older generation than before");
    for new in conditions(object) {
        let kind = new["type"].as_str().unwrap_or_default();
        let Some(old) = condition(before, kind) else { continue };
        let (was, is) = (&old["lastTransitionTime"], &new["lastTransitionTime"]);
        if old["status"] == new["status"] {
            wrong.unless(was == is, format!("{kind} has not changed, and its lastTransitionTime has"));
        } else {
            // Times of one format and time zone are in the order of their text.
            let order = was.as_str() <= is.as_str();
            wrong.unless(order, format!("the lastTransitionTime of {kind} goes back from {was} to {is}"));
        }
    }
    wrong.0
}

/// A word as the API conventions want a reason: an upper-case letter, then letters and digits.
fn is_camel_case(reason: &str) -> bool {
    reason.starts_with(|first: char| first.is_ascii_uppercase())
        && reason.chars().all(|c| c.is_ascii_alphanumeric())
        && reason.len() <= 1024
}

/// Whether the object says that it is as its spec says now.
pub fn is_ready(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
        && condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
}

#[cfg(test)]
mod tests;
