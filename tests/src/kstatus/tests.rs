//! Each rule, with a valid status and with a status that violates only the rule.

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

/// Violations of an object after changes at these paths.
fn violations(mut object: Value, changes: &[(&str, Value)]) -> Vec<String> {
    for (path, value) in changes {
        *object.pointer_mut(path).unwrap_or_else(|| panic!("there is no {path}")) = value.clone();
    }
    StatusCache::default().see(&object)
}

#[test]
fn valid_statuses_have_no_violations() {
    for object in [ready(), failed("Stalled"), failed("Reconciling"), progressing()] {
        assert_eq!(Vec::<String>::new(), StatusCache::default().see(&object), "{object}");
    }
}

#[test]
fn each_violated_rule_is_reported() {
    let first = |field: &str| format!("/status/conditions/0/{field}");
    let second = |field: &str| format!("/status/conditions/1/{field}");
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (violations(ready(), &[("/status/conditions", json!([]))]), &["Ready is missing"]),
        (
            violations(ready(), &[("/status/observedGeneration", json!(3))]),
            &[
                "observedGeneration is 3, the generation is 2",
                "Ready is True for a different generation",
                "Ready observed generation 2, the status 3",
                "RuleReady observed generation 2, the status 3",
            ],
        ),
        (
            violations(ready(), &[("/metadata/generation", json!(3))]),
            &["Ready is True for a different generation"],
        ),
        (
            violations(ready(), &[(&second("observedGeneration"), json!(1))]),
            &["RuleReady observed generation 1, the status 2"],
        ),
        (
            violations(ready(), &[(&second("status"), json!("False")), (&second("message"), json!("why"))]),
            &["Ready is True and RuleReady is not"],
        ),
        (violations(ready(), &[(&second("type"), json!("Ready"))]), &["Ready exists twice"]),
        (
            violations(ready(), &[(&second("type"), json!("Stalled"))]),
            &[
                "Stalled exists while Ready is True",
                "Ready and Stalled differ in reason or message",
                "Stalled exists and Ready is not False",
            ],
        ),
        (
            violations(failed("Stalled"), &[(&second("status"), json!("False"))]),
            &["Stalled exists and is not True"],
        ),
        (
            violations(failed("Stalled"), &[(&second("message"), json!("something else"))]),
            &["Ready and Stalled differ in reason or message"],
        ),
        (
            violations(failed("Stalled"), &[(&second("type"), json!("FunctionReady"))]),
            &["Ready is False without Reconciling or Stalled"],
        ),
        (
            violations(failed("Stalled"), &[("/status/conditions/2/type", json!("Reconciling"))]),
            &[
                "Reconciling and Stalled exist together",
                "Reconciling exists and is not True",
                "Ready is False without Reconciling or Stalled",
            ],
        ),
        (
            violations(progressing(), &[(&second("type"), json!("FunctionReady"))]),
            &["Ready is Unknown without Reconciling"],
        ),
        (
            violations(progressing(), &[(&second("type"), json!("Stalled"))]),
            &["Stalled exists and Ready is not False", "Ready is Unknown without Reconciling"],
        ),
        (
            violations(ready(), &[(&first("reason"), json!("all is well"))]),
            &["Ready has the reason \"all is well\""],
        ),
        (violations(ready(), &[(&first("reason"), json!(""))]), &["Ready has the reason \"\""]),
        (
            violations(ready(), &[(&second("status"), json!("true"))]),
            &[
                "RuleReady is \"true\"",
                "Ready is True and RuleReady is not",
                "RuleReady is true without a message",
            ],
        ),
        (
            violations(ready(), &[(&first("lastTransitionTime"), json!(null))]),
            &["Ready has no lastTransitionTime"],
        ),
        (
            violations(failed("Stalled"), &[("/status/conditions/2/message", json!(""))]),
            &["RuleReady is False without a message"],
        ),
        (
            violations(ready(), &[(&first("message"), json!("x".repeat(32_769)))]),
            &["Ready has a message longer than 32 KiB"],
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn last_transition_time_changes_only_with_the_status() {
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
        ["Ready", "RuleReady"]
            .map(|kind| format!("the lastTransitionTime of {kind} changed without a transition"))
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
    assert!(found.contains(&"the observed generation decreased".to_owned()), "{found:?}");
}

#[test]
fn only_statuses_of_the_operator_are_checked() {
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
