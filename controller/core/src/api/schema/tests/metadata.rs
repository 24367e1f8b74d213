//! The metadata of a manifest.

use serde_json::{Value, json};

use super::{answer, errors, with_metadata};
use crate::api::schema::metadata::{LABEL, NAME_PART, SUBDOMAIN};

#[test]
fn every_field_of_the_metadata_is_known() {
    let object = with_metadata(json!({
        "name": "x", "generateName": "x-", "namespace": "team-a", "labels": {"a.b/c": "D_1.e"}, "annotations": {"A": "b c"},
        "finalizers": ["a/b"], "uid": "1", "generation": 1, "resourceVersion": "1", "selfLink": "x",
        "creationTimestamp": null, "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 1,
        "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1", "controller": true}],
        "managedFields": [{"manager": "a", "fieldsV1": {"f:spec": {}}}],
    }));
    assert_eq!(answer(object), "accepted");
}

#[test]
fn a_name_is_required_and_is_a_dns_subdomain() {
    let required = "The ScheduledFunction \"\" is invalid: metadata.name: Required value: name or generateName is required";
    assert_eq!(answer(with_metadata(json!({}))), required);
    assert_eq!(answer(with_metadata(Value::Null)), required);
    assert_eq!(answer(with_metadata(json!({"name": ""}))), required);
    for accepted in [
        json!({"name": "a"}),
        json!({"name": "x.y-1"}),
        json!({"generateName": "x-"}),
        json!({"name": "a".repeat(253)}),
    ] {
        assert_eq!(answer(with_metadata(accepted)), "accepted");
    }
    for (field, text) in [("name", "A_b"), ("name", "x-"), ("generateName", "A-")] {
        let expected = format!("metadata.{field}: Invalid value: \"{text}\": {SUBDOMAIN}");
        assert_eq!(
            errors(with_metadata(json!({field: text, "name": if field == "name" { text } else { "x" }}))),
            [expected]
        );
    }
    let long = "a".repeat(254);
    assert_eq!(
        errors(with_metadata(json!({"name": long}))),
        [format!("metadata.name: Invalid value: \"{long}\": must be no more than 253 characters")]
    );
    let wrong = "metadata.name: Invalid value: \"integer\": metadata.name in body must be of type string: \"integer\"";
    let found = errors(with_metadata(json!({"name": 5, "generateName": "x"})));
    assert_eq!(found, [wrong]);
}

#[test]
fn labels_and_annotations_have_the_form_of_kubernetes() {
    let labels = |key: &str, value: &str| {
        let errors = errors(with_metadata(json!({"name": "x", "labels": {key: value}})));
        errors.iter().map(|error| error.replace("metadata.labels: Invalid value: ", "")).collect::<Vec<_>>()
    };
    let annotations = |key: &str| errors(with_metadata(json!({"name": "x", "annotations": {key: "a b"}})));
    let (long, subdomain) = ("a".repeat(64), SUBDOMAIN);
    let (name, label) = (NAME_PART, LABEL);
    for (key, value) in [("a", ""), ("A.b_c-1", "1"), ("a.b/c", "x.y"), (&long[1..], &long[1..])] {
        assert_eq!(labels(key, value), Vec::<String>::new(), "{key}");
    }
    let cases = [
        ("", "a", vec!["\"\": name part must be non-empty".to_owned(), format!("\"\": name part {name}")]),
        ("/a", "a", vec!["\"/a\": prefix part must be non-empty".into()]),
        ("A/a", "a", vec![format!("\"A/a\": prefix part {subdomain}")]),
        ("a b", "a", vec![format!("\"a b\": name part {name}")]),
        ("-a", "a", vec![format!("\"-a\": name part {name}")]),
        (&long, "a", vec![format!("\"{long}\": name part must be no more than 63 bytes")]),
        ("a", "c d", vec![format!("\"c d\": {label}")]),
        ("a", "c.", vec![format!("\"c.\": {label}")]),
        ("a", &long, vec![format!("\"{long}\": must be no more than 63 bytes")]),
        (
            "a/b/c",
            "a",
            vec![format!(
                "\"a/b/c\": a valid label key {name} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )],
        ),
    ];
    for (key, value, expected) in cases {
        assert_eq!(labels(key, value), expected);
    }
    assert_eq!(annotations("A.b/C"), Vec::<String>::new());
    assert_eq!(
        annotations("a b"),
        [format!("metadata.annotations: Invalid value: \"a b\": name part {name}")]
    );
}
