//! Validation of values against a schema. The keywords are those that the CRDs use; a test finds any other keyword.

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSON;
use serde_json::{Map, Value};

use super::findings::Findings;
use super::node::{Schema, item, join, member};
use crate::api::FieldError;

/// Checks a value and everything below.
pub(super) fn check(findings: &mut Findings, path: &str, schema: &Schema, value: &Value) {
    check_type(findings, path, schema, value);
    match value {
        Value::String(text) => check_text(findings, path, schema, text),
        Value::Number(_) => check_number(findings, path, schema, value),
        Value::Array(items) => check_items(findings, path, schema, items),
        Value::Object(members) => check_members(findings, path, schema, members),
        Value::Null | Value::Bool(_) => {}
    }
    let supported = schema.enum_.as_deref().unwrap_or_default();
    if !supported.is_empty() && !supported.iter().any(|JSON(one)| one == value) {
        let names: Vec<String> =
            supported.iter().filter_map(|JSON(one)| one.as_str().map(ToOwned::to_owned)).collect();
        findings.unsupported(path, value, &names);
    }
}

/// Compares types. The API server names the format in place of the type if the field has a format and the value is
/// neither a string nor a list.
fn check_type(findings: &mut Findings, path: &str, schema: &Schema, value: &Value) {
    let Some(expected) = schema.type_.as_deref() else { return };
    let (found, found_format) = match value {
        Value::Null => ("null", None),
        Value::Bool(_) => ("boolean", Some("")),
        Value::Number(number) if number.is_i64() => ("integer", Some("int64")),
        Value::Number(_) => ("number", Some("float64")),
        Value::String(_) => ("string", None),
        Value::Array(_) => ("array", None),
        Value::Object(_) => ("object", Some("")),
    };
    match schema.format.as_deref().zip(found_format) {
        _ if found == expected => {}
        Some((expected, found)) => findings.wrong_type(path, expected, found),
        None => findings.wrong_type(path, expected, found),
    }
}

fn check_text(findings: &mut Findings, path: &str, schema: &Schema, text: &str) {
    if let Some(limit) = exceeded(schema.max_length, text.chars().count()) {
        findings.too_long(path, limit);
    }
    if schema.format.as_deref() == Some("date-time") && !is_date_time(text) {
        findings.wrong_type(path, "date-time", text);
    }
}

/// True for a time of RFC 3339 as the API server reads it. jiff alone would accept more, such as a leap second.
fn is_date_time(text: &str) -> bool {
    const TIME: &str = "0000-00-00T00:00:00";
    let has_shape = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                _ => byte.eq_ignore_ascii_case(&shape),
            })
    };
    let Some((time, rest)) = text.split_at_checked(TIME.len()) else { return false };
    let zone =
        rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let has_zone = ["Z", "+00:00", "-00:00"].into_iter().any(|shape| has_shape(zone, shape));
    has_shape(time, TIME) && !time.ends_with(":60") && has_zone && text.parse::<Timestamp>().is_ok()
}

fn check_number(findings: &mut Findings, path: &str, schema: &Schema, value: &Value) {
    let number = value.as_i64();
    let format = schema.format.as_deref().unwrap_or_default();
    let fits = match format {
        "int32" => number.is_some_and(|number| i32::try_from(number).is_ok()),
        "int64" => number.is_some(),
        _ => true,
    };
    if !fits {
        let message = format!("Checked value must be of type integer with format {format} in {path}");
        findings.invalid("", Some("\"\""), &message);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the limits of the CRDs are integers")]
    let limit = |limit: Option<f64>| limit.map(|limit| limit as i64);
    let (min, max) = (limit(schema.minimum).unwrap_or(i64::MIN), limit(schema.maximum).unwrap_or(i64::MAX));
    if let Some(error) = number.and_then(|number| FieldError::of_range(path, number, min, max)) {
        findings.invalid(path, Some(&value.to_string()), &error.message);
    }
}

fn check_items(findings: &mut Findings, path: &str, schema: &Schema, items: &[Value]) {
    let at = |i: usize| format!("{path}[{i}]");
    for (i, value) in items.iter().enumerate() {
        if let Some(schema) = item(schema) {
            check(findings, &at(i), schema, value);
        }
    }
    if let Some(limit) = exceeded(schema.max_items, items.len()) {
        findings.too_many(path, items.len(), limit);
    }
    if schema.x_kubernetes_list_type.as_deref() == Some("set") {
        for (i, value) in items.iter().enumerate() {
            // The API server reports each value once, at its second place.
            if items[..i].iter().filter(|earlier| *earlier == value).count() == 1 {
                findings.duplicate(&at(i), value);
            }
        }
    }
}

fn check_members(findings: &mut Findings, path: &str, schema: &Schema, members: &Map<String, Value>) {
    if let Some(limit) = exceeded(schema.max_properties, members.len()) {
        findings.too_many(path, members.len(), limit);
    }
    for (name, value) in members {
        if let Some(schema) = member(schema, name) {
            check(findings, &join(path, name), schema, value);
        }
    }
    for name in schema.required.iter().flatten().filter(|name| !members.contains_key(*name)) {
        findings.required(&join(path, name), "");
    }
}

/// The limit, if the size is above it.
fn exceeded(limit: Option<i64>, size: usize) -> Option<usize> {
    limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| size > *limit)
}
