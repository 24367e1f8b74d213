//! Access to the parts of a schema, and to a value by its path.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

/// The schema of a value.
pub(super) type Schema = JSONSchemaProps;

/// The schema of a member of an object: a property, or an entry of a map.
pub(super) fn member<'a>(schema: &'a Schema, name: &str) -> Option<&'a Schema> {
    let entry = || match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(entry)) => Some(&**entry),
        _ => None,
    };
    schema.properties.as_ref().and_then(|all| all.get(name)).or_else(entry)
}

/// The schema of the items of a list.
pub(super) fn item(schema: &Schema) -> Option<&Schema> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => Some(item),
        _ => None,
    }
}

/// The path of a member.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A field of an object, with the schemas of the field and of its parent.
pub(super) struct Node<'a> {
    pub parent: &'a Schema,
    pub schema: &'a Schema,
    pub value: &'a Value,
}

/// Finds a field by a path such as `spec.filters[0].prefix`. `None` for a field that is not set.
pub(super) fn find<'a>(root: &'a Schema, object: &'a Value, path: &str) -> Option<Node<'a>> {
    let mut node = Node { parent: root, schema: root, value: object };
    for part in path.split(['.', '[']) {
        let (schema, value) = match part.strip_suffix(']') {
            Some(index) => (item(node.schema)?, node.value.get(index.parse::<usize>().ok()?)?),
            None => (member(node.schema, part)?, node.value.get(part)?),
        };
        node = Node { parent: node.schema, schema, value };
    }
    Some(node)
}
