//! What a status is to say, whatever happens.

use serde_json::Value;

/// What is wrong with a status by the rules of kstatus
/// (<https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>) and those of conditions
/// (<https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md>).
pub fn against_kstatus(object: &Value) -> Vec<String> {
    let status = &object["status"];
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let of = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    let is_true = |kind: &str| of(kind).is_some_and(|condition| condition["status"] == "True");
    let mut wrong = vec![];
    let mut rule = |holds: bool, text: &str| {
        if !holds {
            wrong.push(text.to_owned());
        }
    };
    let generation = object["metadata"]["generation"].as_i64();
    let observed = |of: &Value| of["observedGeneration"].as_i64() <= generation;
    rule(observed(status), "it speaks of a generation to come");
    rule(conditions.iter().all(observed), "a condition speaks of a generation to come");
    rule(of("Ready").is_some(), "Ready is missing");
    for kind in ["Reconciling", "Stalled"] {
        rule(of(kind).is_none() || is_true(kind), &format!("{kind} is there and not True"));
        rule(!(is_true("Ready") && is_true(kind)), &format!("Ready and {kind} are True"));
    }
    rule(!(is_true("Reconciling") && is_true("Stalled")), "Reconciling and Stalled are True");
    let said =
        |field: &str| conditions.iter().all(|c| c[field].as_str().is_some_and(|text| !text.is_empty()));
    rule(said("reason"), "a condition has no reason");
    rule(said("lastTransitionTime"), "a condition has no lastTransitionTime");
    wrong
}

/// Whether the object says that it is as its spec says now.
pub fn is_ready(object: &Value) -> bool {
    let generation = &object["metadata"]["generation"];
    let conditions = object["status"]["conditions"].as_array();
    object["status"]["observedGeneration"] == *generation
        && conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}
