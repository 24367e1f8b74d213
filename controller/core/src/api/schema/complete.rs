//! The object that an API server stores for a new manifest.

use serde_json::{Number, Value};

use super::node::{Schema, item, member};

/// The stored object: without the nulls of known fields, with the schema's defaults, and with the status of a new
/// object. A manifest cannot set the status, since the status is a subresource.
pub(super) fn new_object(schema: &Schema, mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.remove("status");
    }
    complete(Some(schema), &mut object);
    object
}

fn complete(schema: Option<&Schema>, value: &mut Value) {
    match value {
        Value::Object(members) => {
            // A null without a schema stays: it is a part of a value such as `spec.input`.
            members.retain(|name, value| !value.is_null() || schema.and_then(|s| member(s, name)).is_none());
            for (name, property) in schema.and_then(|schema| schema.properties.as_ref()).into_iter().flatten()
            {
                if let Some(default) = &property.default {
                    members.entry(name.as_str()).or_insert_with(|| default.0.clone());
                }
            }
            for (name, value) in members {
                complete(schema.and_then(|schema| member(schema, name)), value);
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|value| complete(schema.and_then(item), value));
        }
        Value::Number(number) => *number = without_fraction(number),
        _ => {}
    }
}

/// Writes `5.0` as `5`, like Go's encoder of JSON.
fn without_fraction(number: &Number) -> Number {
    /// Above, not every integer has a float of its own.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the float is an integer within the limits of i64"
        )]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= LARGEST => {
            (float as i64).into()
        }
        _ => number.clone(),
    }
}
