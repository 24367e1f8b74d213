//! The schemas of our CRDs: unknown fields are pruned, defaults are set, and invalid specs are refused.

use std::sync::LazyLock;

use lambda_triggers_core::api::{FieldError, S3TriggeredFunctionSpec, ScheduledFunctionSpec, crds};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refused::Refused;
use super::resource::{Key, Resource};

/// The schemas of both kinds, by plural name.
static SCHEMAS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let schema = |crd| {
        let crd = serde_json::to_value(crd).unwrap_or_default();
        let plural = crd["spec"]["names"]["plural"].as_str().unwrap_or_default().to_owned();
        (plural, crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone())
    };
    crds().into_iter().map(schema).collect()
});

/// Prunes unknown fields and sets defaults in spec and status
/// (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning>).
pub fn complete(resource: Resource, object: &mut Value) {
    let Some((_, schema)) = SCHEMAS.iter().find(|(plural, _)| plural == resource.plural()) else { return };
    for part in ["spec", "status"] {
        let schema = &schema["properties"][part];
        if let Some(default) = schema.get("default").filter(|_| object.get(part).is_none_or(Value::is_null)) {
            object[part] = default.clone();
        }
        if let Some(value) = object.get_mut(part) {
            complete_value(schema, value);
        }
    }
}

fn complete_value(schema: &Value, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| complete_value(&schema["items"], item)),
        Value::Object(fields) => complete_fields(schema, fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn complete_fields(schema: &Value, fields: &mut Map<String, Value>) {
    if let Some(properties) = schema["properties"].as_object() {
        // Our schemas have no nullable property, so `null` equals a missing field.
        fields.retain(|field, value| properties.contains_key(field) && !value.is_null());
        for (field, schema) in properties {
            if let Some(default) = schema.get("default") {
                fields.entry(field).or_insert_with(|| default.clone());
            }
            if let Some(value) = fields.get_mut(field) {
                complete_value(schema, value);
            }
        }
    } else if let Some(schema) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
        fields.values_mut().for_each(|value| complete_value(schema, value));
    }
}

/// Refuses a spec that the CRD refuses.
pub fn check(key: &Key, spec: &Value) -> Result<(), Refused> {
    let problems = match key.resource {
        Resource::ScheduledFunctions => problems::<ScheduledFunctionSpec>(spec, ScheduledFunctionSpec::check),
        Resource::S3TriggeredFunctions => {
            problems::<S3TriggeredFunctionSpec>(spec, S3TriggeredFunctionSpec::check)
        }
        Resource::ConfigMaps | Resource::Events | Resource::Leases | Resource::Namespaces => return Ok(()),
    };
    match problems.as_slice() {
        [] => Ok(()),
        [problem] => Err(Refused::invalid(key, problem)),
        several => Err(Refused::invalid(key, &format!("[{}]", several.join(", ")))),
    }
}

fn problems<S: DeserializeOwned>(spec: &Value, check: fn(&S) -> Vec<FieldError>) -> Vec<String> {
    match serde_json::from_value::<S>(spec.clone()) {
        Ok(spec) => check(&spec).iter().map(FieldError::to_string).collect(),
        Err(error) => vec![format!("spec: {error}")],
    }
}
