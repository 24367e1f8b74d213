//! The rules of the CRDs, from the checks in Rust, with the values that the API server inserts.

use serde_json::Value;

use super::findings::Findings;
use super::go_text;
use super::node::{Node, Schema, find};
use crate::api::validation::messages;
use crate::api::{FieldError, S3TriggeredFunctionSpec, ScheduledFunctionSpec, time_zone};

/// The fields whose values no error shows, since an event may hold secrets.
const HIDDEN: [&str; 2] = ["spec.input", "spec.inputJson"];

/// Checks the rules of an object whose values have the types of the schema.
pub(super) fn check(findings: &mut Findings, schema: &Schema, kind: &str, object: &Value) {
    let errors = match kind {
        "ScheduledFunction" => {
            serde_json::from_value(object["spec"].clone()).map(|spec: ScheduledFunctionSpec| spec.check())
        }
        _ => serde_json::from_value(object["spec"].clone()).map(|spec: S3TriggeredFunctionSpec| spec.check()),
    };
    match errors {
        Ok(errors) => errors.iter().for_each(|error| report(findings, schema, object, error)),
        // The operator could not read the object either. The schema has reported an integer above its format.
        Err(error) if findings.is_empty() => findings.invalid("spec", None, &error.to_string()),
        Err(_) => {}
    }
    if let Some(name) = object["spec"]["timeZone"].as_str() {
        let field = "spec.timeZone";
        if time_zone::find(name).is_none() && !findings.contain(field, messages::TIME_ZONE) {
            let message = format!("unknown time zone {name} evaluating rule: {}", messages::TIME_ZONE);
            findings.invalid(field, Some("\"string\""), &message);
        }
    }
}

fn report(findings: &mut Findings, schema: &Schema, object: &Value, error: &FieldError) {
    let FieldError { field, message } = error;
    // The schema has the limits of numbers, too.
    if findings.contain(field, message) {
        return;
    }
    let node = find(schema, object, field).filter(|node| shows_value(node, error));
    findings.invalid(field, node.map(|node| go_text::value(node.value)).as_deref(), message);
}

/// True if the error shows the value. The API server leaves out objects and lists, and the value of a field that a rule
/// of its parent refuses.
fn shows_value(node: &Node, error: &FieldError) -> bool {
    let is_scalar = !node.value.is_object() && !node.value.is_array();
    let rules_of_parent = node.parent.x_kubernetes_validations.iter().flatten();
    let by_parent = rules_of_parent.into_iter().any(|rule| {
        let names_field = rule.field_path.as_ref().is_some_and(|path| error.field.ends_with(path.as_str()));
        names_field && rule.message.as_ref() == Some(&error.message)
    });
    is_scalar && !by_parent && !HIDDEN.contains(&error.field.as_str())
}
