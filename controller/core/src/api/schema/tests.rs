//! Whole answers for manifests. The end-to-end tests compare the answers with those of a real API server.

mod decoding;
mod metadata;
mod values;

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn scheduled(spec: Value) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": "ScheduledFunction",
        "metadata": {"name": "nightly"}, "spec": spec,
    })
}

fn triggered(spec: Value) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": "S3TriggeredFunction",
        "metadata": {"name": "images"}, "spec": spec,
    })
}

/// A valid spec with other fields. A null removes a field.
fn with(fields: Value) -> Value {
    let mut spec = json!({"function": {"name": "f"}, "schedule": "rate(1 hour)"});
    merge(&mut spec, fields);
    scheduled(spec)
}

fn merge(object: &mut Value, fields: Value) {
    object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
}

fn with_metadata(metadata: Value) -> Value {
    let mut object = with(json!({}));
    merge(&mut object, json!({"metadata": metadata}));
    object
}

fn with_definition(fields: Value) -> Value {
    let mut definition = json!({
        "runtime": "python3.13", "handler": "app.handler", "roleArn": "arn:aws:iam::123456789012:role/r",
        "code": {"configMap": {"name": "code"}},
    });
    merge(&mut definition, fields);
    triggered(json!({"function": {"definition": definition}, "bucket": "my-bucket"}))
}

fn answer(object: Value) -> String {
    check_manifest(object).map_or_else(|errors| errors.to_string(), |_| "accepted".into())
}

/// The lines after `The ... is invalid: `.
fn errors(object: Value) -> Vec<String> {
    let errors = check_manifest(object).map_or_else(|errors| errors.errors, |_| vec![]);
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_applied_and_nulls_are_dropped() {
    let object = with(json!({
        "suspend": null, "timeZone": null, "tags": {"team": null, "stage": "dev"}, "flexibleTimeWindowMinutes": 5.0,
        "input": {"limit": null, "share": 0.5, "count": 1e3, "list": [null, -2.0, 9007199254740992.0, 9007199254740994.0]}, "retryPolicy": {},
    }));
    let expected = scheduled(json!({
        "function": {"name": "f", "permission": "Managed"}, "schedule": "rate(1 hour)", "deletionPolicy": "Delete",
        "suspend": false, "tags": {"stage": "dev"}, "flexibleTimeWindowMinutes": 5,
        "input": {"limit": null, "share": 0.5, "count": 1000, "list": [null, -2, 9007199254740992_i64, 9007199254740994.0]}, "retryPolicy": {},
    }));
    let mut expected = CheckedManifest { object: expected };
    merge(&mut expected.object, json!({"status": {"observedGeneration": -1}}));
    assert_eq!(check_manifest(object), Ok(expected));
}

#[test]
fn defaults_reach_every_level_and_replace_no_value() {
    let object = with_definition(json!({"timeoutSeconds": 5, "logging": {"format": null}}));
    let expected = json!({
        "bucket": "my-bucket", "events": ["s3:ObjectCreated:*"], "deletionPolicy": "Delete", "suspend": false,
        "function": {"permission": "Managed", "definition": {
            "runtime": "python3.13", "handler": "app.handler", "roleArn": "arn:aws:iam::123456789012:role/r",
            "code": {"configMap": {"name": "code"}}, "timeoutSeconds": 5, "memorySizeMB": 128,
            "ephemeralStorageMB": 512, "architecture": "x86_64", "tracing": "PassThrough", "snapStart": "None",
            "adoptionPolicy": "IfOwned", "logging": {"format": "Text"},
        }},
    });
    assert_eq!(check_manifest(object).unwrap().object["spec"], expected);
}

/// The status is a subresource, so an API server ignores the status of a new object.
#[test]
fn a_status_in_the_manifest_is_replaced() {
    let mut object = with(json!({}));
    merge(&mut object, json!({"status": {"observedGeneration": "x", "schedule": "rate(2 hours)"}}));
    assert_eq!(check_manifest(object).unwrap().object["status"], json!({"observedGeneration": -1}));
}

#[test]
fn one_error_is_on_the_line_of_the_object() {
    let found = check_manifest(with(json!({"schedule": "rate(1 hours)"}))).unwrap_err();
    let error = ManifestError {
        field: "spec.schedule".into(),
        message: "Invalid value: \"rate(1 hours)\": write rate(1 hour)".into(),
    };
    assert_eq!(found.errors, [error]);
    assert_eq!(
        found.to_string(),
        "The ScheduledFunction \"nightly\" is invalid: spec.schedule: Invalid value: \"rate(1 hours)\": write rate(1 hour)"
    );
}

#[test]
fn several_errors_have_a_line_each() {
    let expected = "The ScheduledFunction \"nightly\" is invalid: \n\
        * spec.backend: Unsupported value: \"Cron\": supported values: \"Rule\", \"Scheduler\"\n\
        * spec.description: Too long: may not be more than 512 bytes\n\
        * spec.function: Required value";
    let object = with(json!({"backend": "Cron", "description": "é".repeat(513), "function": null}));
    assert_eq!(answer(object), expected);
}

/// The API server evaluates rules beside an error of a range, and not beside an error of a type.
#[test]
fn rules_are_checked_unless_a_value_is_missing_or_malformed() {
    let region = "spec.region: Invalid value: \"z\": write the name of an AWS Region, such as eu-west-1";
    let field = "spec.flexibleTimeWindowMinutes";
    let range = format!("{field}: Invalid value: 0: {field} in body should be greater than or equal to 1");
    assert_eq!(errors(with(json!({"region": "z", "flexibleTimeWindowMinutes": 0}))), [range, region.into()]);
    for (name, value) in [
        ("description", json!("x".repeat(513))),
        ("function", json!(null)),
        ("backend", json!("x")),
        ("suspend", json!(1)),
    ] {
        let found = errors(with(json!({"region": "z", name: value})));
        assert!(found.len() == 1 && found[0].starts_with(&format!("spec.{name}: ")), "{found:?}");
    }
}

#[test]
fn an_error_shows_the_value_of_its_own_field_alone() {
    let cases = [
        (
            json!({"region": "z\n"}),
            "spec.region: Invalid value: \"z\\n\": write the name of an AWS Region, such as eu-west-1",
        ),
        (
            json!({"rate": {"value": 1, "unit": "Days"}}),
            "spec: Invalid value: set exactly one of schedule, rate and cron",
        ),
        (
            json!({"timeZone": "UTC"}),
            "spec.timeZone: Invalid value: remove timeZone, or write cron(...): an interval counts minutes, and no clock change affects it",
        ),
        (json!({"tags": {"": "x"}}), "spec.tags: Invalid value: write keys of 1 to 128 characters"),
        (
            json!({"inputJson": "secret"}),
            "spec.inputJson: Invalid value: write JSON, such as '{\"report\": \"daily\", \"limit\": null}', with double quotes around names and strings",
        ),
        (
            json!({"input": "x".repeat(9000)}),
            "spec.input: Invalid value: write at most 8192 characters of JSON, the limit of EventBridge: the input has 9002",
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(errors(with(fields)), [expected]);
    }
    let filter = errors(triggered(
        json!({"function": {"name": "f"}, "bucket": "my-bucket", "filters": [{"prefix": "a"}, {"prefix": "b*%20"}]}),
    ));
    assert_eq!(
        filter,
        [
            "spec.filters[1].prefix: Invalid value: \"b*%20\": remove *: S3 compares * literally, so write images/ for images/*, and .jpg for *.jpg",
            "spec.filters[1].prefix: Invalid value: write keys without encoding, such as dt=2026/ for dt%3D2026/, and a space for + or %20: the operator encodes keys for S3; if the keys themselves contain a percent sign before two hex digits, set literalPercent: true in this filter",
        ]
    );
}

#[test]
fn an_unknown_time_zone_is_refused_with_the_words_of_cel() {
    let of = |zone: &str| errors(with(json!({"schedule": "@daily", "timeZone": zone})));
    let message = "write the IANA name of a time zone, such as Europe/Berlin or UTC";
    assert_eq!(of("Europe/Berlin"), Vec::<String>::new());
    let unknown = |zone| {
        format!(
            "spec.timeZone: Invalid value: \"string\": unknown time zone {zone} evaluating rule: {message}"
        )
    };
    assert_eq!(of("Mars/Phobos"), [unknown("Mars/Phobos")]);
    assert_eq!(of("mars"), [format!("spec.timeZone: Invalid value: \"mars\": {message}")]);
}

/// The keywords that the walker handles. Another keyword in a CRD needs code.
#[test]
fn every_keyword_of_the_schemas_is_handled() {
    fn keywords(found: &mut BTreeSet<String>, schema: &Value) {
        for (keyword, value) in schema.as_object().unwrap() {
            let word = match keyword.as_str() {
                "type" | "format" | "x-kubernetes-list-type" => {
                    format!("{keyword}: {}", value.as_str().unwrap())
                }
                _ => keyword.clone(),
            };
            found.insert(word);
            match keyword.as_str() {
                "properties" => {
                    value.as_object().unwrap().values().for_each(|schema| keywords(found, schema))
                }
                "items" | "additionalProperties" => keywords(found, value),
                _ => {}
            }
        }
    }
    let mut found = BTreeSet::new();
    for Kind { schema, .. } in KINDS.values() {
        let mut schema = serde_json::to_value(schema).unwrap();
        // An API server validates no status of a new object.
        schema["properties"].as_object_mut().unwrap().remove("status");
        keywords(&mut found, &schema);
    }
    let handled = [
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format: date-time",
        "format: int32",
        "format: int64",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minimum",
        "properties",
        "required",
        "title",
        "type: array",
        "type: boolean",
        "type: integer",
        "type: object",
        "type: string",
        "x-kubernetes-list-type: atomic",
        "x-kubernetes-list-type: set",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];
    assert_eq!(found, handled.map(str::to_owned).into());
}

#[test]
fn an_older_schema_drops_the_fields_that_it_does_not_have() {
    let mut served = KINDS["ScheduledFunction"].schema.properties.as_ref().unwrap()["spec"].clone();
    let spec = json!({"schedule": "rate(1 hour)", "timeZone": "Europe/Berlin", "function": {"name": "f"}});
    assert_eq!(dropped_fields(&served, &spec), [] as [&str; 0]);
    let fields = served.properties.as_mut().unwrap();
    fields.remove("timeZone");
    fields.get_mut("function").unwrap().properties.as_mut().unwrap().remove("name");
    assert_eq!(dropped_fields(&served, &spec), ["spec.function.name", "spec.timeZone"]);
}
