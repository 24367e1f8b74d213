//! Each rule, by a status that keeps all of them and one that breaks it alone.

use serde_json::{Value, json};

use super::*;

fn condition_of(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 2,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

fn object(conditions: &[Value]) -> Value {
    json!({
        "metadata": {"uid": "1", "generation": 2},
        "status": {"observedGeneration": 2, "conditions": conditions},
    })
}

fn ready() -> Value {
    object(&[
        condition_of("Ready", "True", "Applied", "it is there"),
        condition_of("RuleReady", "True", "Applied", ""),
    ])
}

fn failed(state: &str) -> Value {
    object(&[
        condition_of("Ready", "False", "AccessDenied", "allow it"),
        condition_of(state, "True", "AccessDenied", "allow it"),
        condition_of("RuleReady", "False", "AccessDenied", "allow it"),
    ])
}

fn progressing() -> Value {
    object(&[
        condition_of("Ready", "Unknown", "Progressing", "at work"),
        condition_of("Reconciling", "True", "Progressing", "at work"),
    ])
}

/// What is wrong with an object that was changed at these paths.
fn wrong(mut object: Value, changes: &[(&str, Value)]) -> Vec<String> {
    for (path, value) in changes {
        *object.pointer_mut(path).unwrap_or_else(|| panic!("there is no {path}")) = value.clone();
    }
    StatusCache::default().see(&object)
}

#[test]
fn what_the_operator_writes_keeps_to_the_rules() {
    for object in [ready(), failed("Stalled"), failed("Reconciling"), progressing()] {
        assert_eq!(Vec::<String>::new(), StatusCache::default().see(&object), "{object}");
    }
}

#[test]
fn each_rule_is_told_when_it_is_broken() {
    let first = |field: &str| format!("/status/conditions/0/{field}");
    let second = |field: &str| format!("/status/conditions/1/{field}");
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (wrong(ready(), &[("/status/conditions", json!([]))]), &["Ready is missing"]),
        (
            wrong(ready(), &[("/status/observedGeneration", json!(3))]),
            &[
                "it observed 3 of 2 generations",
                "Ready is True for a generation that is gone",
                "Ready speaks of generation 2, the status of 3",
                "RuleReady speaks of generation 2, the status of 3",
            ],
        ),
        (
            wrong(ready(), &[("/metadata/generation", json!(3))]),
            &["Ready is True for a generation that is gone"],
        ),
        (
            wrong(ready(), &[(&second("observedGeneration"), json!(1))]),
            &["RuleReady speaks of generation 1, the status of 2"],
        ),
        (
            wrong(ready(), &[(&second("status"), json!("False")), (&second("message"), json!("why"))]),
            &["Ready is True and RuleReady is not"],
        ),
        (wrong(ready(), &[(&second("type"), json!("Ready"))]), &["Ready is there twice"]),
        (
            wrong(ready(), &[(&second("type"), json!("Stalled"))]),
            &[
                "Stalled is there and Ready is True",
                "Ready does not say what Stalled says",
                "Stalled is there and Ready is not False",
            ],
        ),
        (
            wrong(failed("Stalled"), &[(&second("status"), json!("False"))]),
            &["Stalled is there and not True"],
        ),
        (
            wrong(failed("Stalled"), &[(&second("message"), json!("something else"))]),
            &["Ready does not say what Stalled says"],
        ),
        (
            wrong(failed("Stalled"), &[(&second("type"), json!("FunctionReady"))]),
            &["Ready is False, and neither Reconciling nor Stalled says who has to act"],
        ),
        (
            wrong(failed("Stalled"), &[("/status/conditions/2/type", json!("Reconciling"))]),
            &[
                "Reconciling and Stalled are there at once",
                "Reconciling is there and not True",
                "Ready is False, and neither Reconciling nor Stalled says who has to act",
            ],
        ),
        (
            wrong(progressing(), &[(&second("type"), json!("FunctionReady"))]),
            &["Ready is Unknown without Reconciling"],
        ),
        (
            wrong(progressing(), &[(&second("type"), json!("Stalled"))]),
            &["Stalled is there and Ready is not False", "Ready is Unknown without Reconciling"],
        ),
        (
            wrong(ready(), &[(&first("reason"), json!("all is well"))]),
            &["Ready has the reason \"all is well\""],
        ),
        (wrong(ready(), &[(&first("reason"), json!(""))]), &["Ready has the reason \"\""]),
        (
            wrong(ready(), &[(&second("status"), json!("true"))]),
            &[
                "RuleReady is \"true\"",
                "Ready is True and RuleReady is not",
                "RuleReady is true and does not say why",
            ],
        ),
        (
            wrong(ready(), &[(&first("lastTransitionTime"), json!(null))]),
            &["Ready has no lastTransitionTime"],
        ),
        (
            wrong(failed("Stalled"), &[("/status/conditions/2/message", json!(""))]),
            &["RuleReady is False and does not say why"],
        ),
        (
            wrong(ready(), &[(&first("message"), json!("x".repeat(32_769)))]),
            &["Ready has a message longer than 32 KiB"],
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_transition_has_its_time_and_nothing_else_has() {
    let at = |mut object: Value, time: &str| {
        for condition in object["status"]["conditions"].as_array_mut().expect("conditions") {
            condition["lastTransitionTime"] = time.into();
        }
        object
    };
    let seen_after = |before: Value, after: Value| {
        let mut statuses = StatusCache::default();
        statuses.see(&before);
        statuses.see(&after)
    };
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z");
    assert_eq!(
        seen_after(at(ready(), early), at(ready(), late)),
        ["Ready", "RuleReady"].map(|kind| format!("{kind} has not changed, and its lastTransitionTime has"))
    );
    assert_eq!(seen_after(at(ready(), early), at(failed("Stalled"), late)), [""; 0]);
    assert_eq!(
        seen_after(at(ready(), late), at(failed("Stalled"), early)),
        ["Ready", "RuleReady"]
            .map(|kind| format!("the lastTransitionTime of {kind} goes back from \"{late}\" to \"{early}\""))
    );
    let mut older = ready();
    older["status"]["observedGeneration"] = json!(1);
    for condition in older["status"]["conditions"].as_array_mut().expect("conditions") {
        condition["observedGeneration"] = json!(1);
        condition["status"] = json!("False");
        condition["message"] = json!("why");
    }
    let found = seen_after(failed("Stalled"), older);
    assert!(found.contains(&"it speaks of an older generation than before".to_owned()), "{found:?}");
}

#[test]
fn only_what_the_operator_writes_is_judged() {
    let mut statuses = StatusCache::default();
    let mut by_hand = object(&[]);
    by_hand["metadata"]["managedFields"] = json!([{"manager": "kubectl-edit", "subresource": "status"}]);
    assert_eq!(statuses.see(&by_hand), [""; 0]);
    let mut edited = by_hand.clone();
    edited["metadata"]["generation"] = json!(3);
    assert_eq!(statuses.see(&edited), [""; 0], "an edit of the spec is no write to the status");
    let mut ours = by_hand;
    ours["status"] = json!({"observedGeneration": 2});
    assert_eq!(statuses.see(&ours), ["Ready is missing"]);
}
