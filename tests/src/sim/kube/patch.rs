//! The three types of patches: JSON patch, merge patch, and server-side apply.

use json_patch::{PatchOperation, TestOperation};
use serde_json::{Map, Value};

use super::refused::Refused;

/// Lists that are merged by a key (`x-kubernetes-list-map-keys`). Other lists are replaced as a whole.
const MAP_LISTS: [(&str, &str); 1] = [("conditions", "type")];

/// Applies a JSON patch (<https://www.rfc-editor.org/rfc/rfc6902>) as the API server does. For a `test` operation, a
/// missing field equals `null`.
pub fn json(object: &mut Value, patch: &[u8]) -> Result<(), Refused> {
    let patch: json_patch::Patch =
        serde_json::from_slice(patch).map_err(|error| Refused::bad_request(error.to_string()))?;
    for operation in &patch.0 {
        if let PatchOperation::Test(TestOperation { path, value }) = operation
            && value.is_null()
            && object.pointer(path.as_str()).is_none()
        {
            continue;
        }
        json_patch::patch(object, std::slice::from_ref(operation)).map_err(|_| Refused::failed_patch())?;
    }
    Ok(())
}

/// Applies a merge patch (<https://www.rfc-editor.org/rfc/rfc7386>).
pub fn merge(object: &mut Value, patch: &[u8]) -> Result<(), Refused> {
    let patch: Value =
        serde_json::from_slice(patch).map_err(|error| Refused::bad_request(error.to_string()))?;
    json_patch::merge(object, &patch);
    Ok(())
}

/// Applies the fields of a manager by force, and removes fields that the manager applied before and now omits
/// (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>).
pub fn apply(live: &mut Value, before: Option<&Value>, wanted: &Value) {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            apply_fields(live, before.and_then(Value::as_object), wanted);
        }
        (live, wanted) => *live = wanted.clone(),
    }
}

fn apply_fields(
    live: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
    wanted: &Map<String, Value>,
) {
    for field in before.into_iter().flat_map(Map::keys).filter(|field| !wanted.contains_key(*field)) {
        live.remove(field);
    }
    for (field, value) in wanted {
        let before = before.and_then(|before| before.get(field));
        let list_key = MAP_LISTS.iter().find(|(name, _)| name == field).map(|(_, key)| *key);
        let slot = live.entry(field).or_insert(Value::Null);
        match (list_key, slot.as_array(), value.as_array()) {
            (Some(key), Some(items), Some(value)) => {
                let mine = |item: &Value| has(value, key, item) || has(items_of(before), key, item);
                let others = items.iter().filter(|item| !mine(item)).cloned();
                *slot = value.iter().cloned().chain(others).collect();
            }
            _ => apply(slot, before, value),
        }
    }
}

fn items_of(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn has(items: &[Value], key: &str, item: &Value) -> bool {
    items.iter().any(|other| other[key] == item[key])
}
