//! The input of an imported schedule.

use serde_json::Value;

/// The fields `input` and `inputJson` of a spec, for the input of a target.
///
/// A value that YAML, the API server and `kubectl apply` keep as it is becomes `input`, which is easy to read. Any other
/// text becomes `inputJson`: `kubectl apply` drops nulls, and a number such as 1.0 may change its form.
pub(super) fn input_fields(text: Option<&str>) -> (Option<Value>, Option<String>) {
    match text.map(|text| (text, serde_json::from_str::<Value>(text))) {
        None => (None, None),
        Some((_, Ok(value))) if is_kept(&value) => (Some(value), None),
        Some((text, _)) => (None, Some(text.to_owned())),
    }
}

/// True if the value has no nulls and no fractions.
fn is_kept(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.is_i64(),
        Value::Array(values) => values.iter().all(is_kept),
        Value::Object(fields) => fields.values().all(is_kept),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_input_is_a_value_unless_the_value_would_change() {
        for (text, expected) in [
            (None, (None, None)),
            (Some("{\"a\": [1, \"x\", true]}"), (Some(json!({"a": [1, "x", true]})), None)),
            (Some("\"text\""), (Some(json!("text")), None)),
            (Some("{\"a\":null}"), (None, Some("{\"a\":null}".into()))),
            (Some("null"), (None, Some("null".into()))),
            (Some("{\"a\":1.0}"), (None, Some("{\"a\":1.0}".into()))),
            (Some("18446744073709551615"), (None, Some("18446744073709551615".into()))),
            (Some("no JSON"), (None, Some("no JSON".into()))),
        ] {
            assert_eq!(input_fields(text), expected, "{text:?}");
        }
    }
}
