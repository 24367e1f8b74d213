//! The kind and the fields of a manifest.

use serde_json::{Value, json};

use super::{answer, merge, triggered, with};
use crate::api::{ManifestError, check_manifest};

#[test]
fn unknown_fields_are_errors_of_decoding_with_a_suggestion() {
    let mut object = with(json!({"timezone": "UTC", "backend": {"a": 1}}));
    merge(
        &mut object,
        json!({"data": {}, "metadata": {"name": "x", "label": {}}, "status": {"shedule": "x"}}),
    );
    let found = check_manifest(object).unwrap_err();
    let error = |field: &str, suggestion: &str| ManifestError {
        field: field.into(),
        message: format!("unknown field \"{field}\"{suggestion}"),
    };
    assert_eq!(
        found.errors,
        [
            error("metadata.label", " (did you mean \"metadata.labels\"?)"),
            error("data", ""),
            error("spec.backend.a", ""),
            error("spec.timezone", " (did you mean \"spec.timeZone\"?)"),
            error("status.shedule", " (did you mean \"status.schedule\"?)"),
        ]
    );
    let object =
        triggered(json!({"function": {"name": "f"}, "bucket": "b", "filters": [{}, {"prefixx": 1, "a": 1}]}));
    assert_eq!(
        answer(object),
        "strict decoding error: unknown field \"spec.filters[1].a\", unknown field \"spec.filters[1].prefixx\" (did you mean \"spec.filters[1].prefix\"?)"
    );
}

#[test]
fn a_manifest_of_another_kind_or_version_is_refused() {
    let of = |api_version: Value, kind: Value| {
        answer(json!({"apiVersion": api_version, "kind": kind, "spec": {}}))
    };
    let group = "lambda-triggers.dev";
    assert_eq!(
        of(json!(format!("{group}/v1beta1")), json!("ScheduledFunction")),
        "no matches for kind \"ScheduledFunction\" in version \"lambda-triggers.dev/v1beta1\""
    );
    assert_eq!(
        of(json!(format!("{group}/v1alpha1")), json!("Deployment")),
        "no matches for kind \"Deployment\" in version \"lambda-triggers.dev/v1alpha1\""
    );
    assert_eq!(of(Value::Null, json!("ScheduledFunction")), "apiVersion not set");
    assert_eq!(of(json!(1), Value::Null), "apiVersion not set, kind not set");
    assert_eq!(answer(json!([])), "apiVersion not set, kind not set");
}
