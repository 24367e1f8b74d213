//! The values of a manifest.

use serde_json::{Map, Value, json};

use super::{answer, errors, scheduled, triggered, with, with_definition};
use crate::api::schema::go_text;

#[test]
fn a_value_of_another_type_is_refused_with_its_type() {
    let of = |field: &str, value: Value| errors(with(json!({field: value})));
    let wrong = |field: &str, expected: &str, found: &str| {
        format!(
            "spec.{field}: Invalid value: \"{found}\": spec.{field} in body must be of type {expected}: \"{found}\""
        )
    };
    for (value, found) in
        [(json!(5), "integer"), (json!(1.5), "number"), (json!(true), "boolean"), (json!(["a"]), "array")]
    {
        assert_eq!(of("schedule", value), [wrong("schedule", "string", found)]);
    }
    let minutes = "flexibleTimeWindowMinutes";
    for (value, expected, found) in [
        (json!("5"), "integer", "string"),
        (json!([]), "integer", "array"),
        (json!(true), "int32", ""),
        (json!({}), "int32", ""),
    ] {
        assert_eq!(of(minutes, value), [wrong(minutes, expected, found)]);
    }
    let checked = |format: &str, field: &str| {
        format!(
            "Invalid value: \"\": Checked value must be of type integer with format {format} in spec.{field}"
        )
    };
    assert_eq!(of(minutes, json!(1.5)), [wrong(minutes, "int32", "float64"), checked("int32", minutes)]);
    let rate = errors(with(json!({"schedule": null, "rate": {"value": 0.5, "unit": "Days"}})));
    assert_eq!(rate, [wrong("rate.value", "int64", "float64"), checked("int64", "rate.value")]);
    assert_eq!(of("tags", json!("a")), [wrong("tags", "object", "string")]);
    assert_eq!(of("function", json!([])), [wrong("function", "object", "array")]);
    assert_eq!(
        of("backend", json!(5)),
        [
            wrong("backend", "string", "integer"),
            "spec.backend: Unsupported value: 5: supported values: \"Rule\", \"Scheduler\"".into()
        ]
    );
    let null =
        errors(triggered(json!({"function": {"name": "f"}, "bucket": "my-bucket", "filters": [null]})));
    assert_eq!(null, [wrong("filters[0]", "object", "null")]);
    let spec = "spec: Invalid value: \"string\": spec in body must be of type object: \"string\"";
    assert_eq!(errors(scheduled(json!("x"))), [spec]);
}

#[test]
fn a_missing_field_is_required() {
    assert_eq!(errors(scheduled(Value::Null)), ["spec: Required value"]);
    assert_eq!(
        errors(triggered(json!({}))),
        ["spec.bucket: Required value", "spec.function: Required value"]
    );
    let found = errors(with_definition(json!({"code": {"s3": {"bucket": "b"}}, "roleArn": null})));
    assert_eq!(
        found,
        [
            "spec.function.definition.code.s3.key: Required value",
            "spec.function.definition.roleArn: Required value"
        ]
    );
}

#[test]
fn only_times_of_rfc_3339_are_dates() {
    for valid in [
        "2027-01-01T00:00:00Z",
        "2027-01-01t23:59:59z",
        "2028-02-29T20:00:00.123456789+05:30",
        "2027-12-31T23:00:00-01:00",
    ] {
        assert_eq!(answer(with(json!({"startDate": valid}))), "accepted", "{valid}");
    }
    for invalid in [
        "",
        "2027-01-01",
        "2027-01-01T00:00:00",
        "2027-01-01 00:00:00Z",
        "2027-01-01T00:00Z",
        "2027-01-01T00:00:00.Z",
        "2027-01-01T00:00:00+0100",
        "2027-01-01T00:00:00+01",
        "2027-01-01T00:00:00+01:0x",
        "2027-01-01T00:00:00ZZ",
        "2027-01-01T23:59:60Z",
        "2027-01-01T24:00:00Z",
        "2027-02-31T20:00:00Z",
        "+027-02-01T20:00:00Z",
        "2027-01-0éT00:00:00Z",
    ] {
        let text = go_text::quoted(invalid);
        let expected = format!(
            "spec.startDate: Invalid value: {text}: spec.startDate in body must be of type date-time: {text}"
        );
        assert_eq!(errors(with(json!({"startDate": invalid}))), [expected]);
    }
}

#[test]
fn limits_include_their_value() {
    let minutes = |value: i64| errors(with(json!({"flexibleTimeWindowMinutes": value})));
    let field = "spec.flexibleTimeWindowMinutes";
    assert_eq!((minutes(1), minutes(1440)), (vec![], vec![]));
    assert_eq!(
        minutes(0),
        [format!("{field}: Invalid value: 0: {field} in body should be greater than or equal to 1")]
    );
    assert_eq!(
        minutes(1441),
        [format!("{field}: Invalid value: 1441: {field} in body should be less than or equal to 1440")]
    );
    let concurrency = |value: i64| errors(with_definition(json!({"reservedConcurrency": value})));
    assert_eq!(concurrency(i64::from(i32::MAX)), Vec::<String>::new());
    let field = "spec.function.definition.reservedConcurrency";
    assert_eq!(
        concurrency(i64::from(i32::MAX) + 1),
        [format!("Invalid value: \"\": Checked value must be of type integer with format int32 in {field}")]
    );

    let length = |count: usize| errors(with(json!({"description": "é".repeat(count)})));
    assert_eq!(
        (length(512), length(513)),
        (vec![], vec!["spec.description: Too long: may not be more than 512 bytes".into()])
    );
    let arn = |i| format!("arn:aws:lambda:eu-west-1:123456789012:layer:l:{i}");
    let layers =
        |count: usize| errors(with_definition(json!({"layers": (0..count).map(arn).collect::<Vec<_>>()})));
    let many = "spec.function.definition.layers: Too many: 6: must have at most 5 items";
    assert_eq!((layers(5), layers(6)), (vec![], vec![many.into()]));
    let tags = |count: usize| {
        let tags: Map<String, Value> = (0..count).map(|i| (format!("t{i}"), json!("x"))).collect();
        errors(with(json!({"tags": tags})))
    };
    assert_eq!(
        (tags(40), tags(41)),
        (vec![], vec!["spec.tags: Too many: 41: must have at most 40 items".into()])
    );
    let value = errors(with(json!({"tags": {"a.b": "x".repeat(257)}})));
    assert_eq!(value, ["spec.tags.a.b: Too long: may not be more than 256 bytes"]);
}

#[test]
fn a_repeated_item_of_a_set_is_reported_once() {
    let put = "s3:ObjectCreated:Put";
    let events = json!([put, "s3:ObjectRemoved:*", put, put]);
    let found =
        errors(triggered(json!({"function": {"name": "f"}, "bucket": "my-bucket", "events": events})));
    assert_eq!(
        found,
        [
            "spec.events[2]: Duplicate value: \"s3:ObjectCreated:Put\"",
            "spec.events: Invalid value: write each event once: a name that ends in * includes all names with the same beginning, so s3:ObjectCreated:* includes s3:ObjectCreated:Put",
        ]
    );
    let layer = "arn:aws:lambda:eu-west-1:123456789012:layer:l:1";
    assert_eq!(errors(with_definition(json!({"layers": [layer, layer]}))), Vec::<String>::new());
}
