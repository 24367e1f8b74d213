//! The effect of one write on one object: the write changes one component, and the system's metadata stays.

use serde_json::{Value, json};

use super::refused::Refused;
use super::resource::Key;
use super::schema;

/// The component of an object that a write changes. The other component stays
/// (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#status-subresource>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// All fields except the status.
    Main,
    /// The status.
    Status,
}

/// The validation of an object against its CRD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The API server validates the object.
    Strict,
    /// No validation, as if an older CRD had accepted the object.
    Skip,
}

/// Refuses values that are not objects with metadata.
pub fn well_formed(object: &Value) -> Result<(), Refused> {
    if object.is_object() && (object["metadata"].is_object() || object["metadata"].is_null()) {
        return Ok(());
    }
    Err(Refused::bad_request("this is no object with metadata"))
}

/// Makes sure that a patch does not change the UID. For a patch of the status, the API server ignores the UID, since
/// the live metadata replaces the metadata of the patch first.
pub fn keep_uid(key: &Key, part: Component, object: &mut Value, live: &Value) -> Result<(), Refused> {
    let (wanted, uid) = (&object["metadata"]["uid"], &live["metadata"]["uid"]);
    if part == Component::Main && wanted.as_str().is_some_and(|wanted| uid != wanted) {
        let why = format!("metadata.uid: Invalid value: {wanted}: field is immutable");
        return Err(Refused::invalid(key, &why));
    }
    if object["metadata"].is_object() {
        object["metadata"]["uid"] = uid.clone();
    }
    Ok(())
}

/// The live object with all fields of `new` except the status.
pub fn main_part(key: &Key, new: Value, live: &Value, check: Check) -> Result<Value, Refused> {
    let mut object = with_identity(key, new, live);
    if key.resource.custom() {
        set(&mut object, "status", live.get("status").cloned());
        schema::complete(key.resource, &mut object);
    }
    if object["spec"] != live["spec"] {
        if check == Check::Strict {
            schema::check(key, &object["spec"])?;
        }
        if key.resource.custom() {
            let generation = live["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
            object["metadata"]["generation"] = generation.into();
        }
    }
    let finalizers =
        |object: &Value| object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let before = finalizers(live);
    let added = finalizers(&object).into_iter().any(|finalizer| !before.contains(&finalizer));
    if added && !live["metadata"]["deletionTimestamp"].is_null() {
        let why =
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted";
        return Err(Refused::invalid(key, why));
    }
    Ok(object)
}

/// The live object with the status of `new`.
pub fn status_part(key: &Key, new: Value, live: &Value) -> Value {
    let mut object = live.clone();
    set(&mut object, "status", new.get("status").cloned());
    schema::complete(key.resource, &mut object);
    object
}

/// The fields of a manifest that server-side apply owns.
pub fn applied_fields(wanted: &Value, part: Component) -> Value {
    let mut fields = json!({});
    for (field, value) in wanted.as_object().into_iter().flatten() {
        let of_part = match part {
            Component::Main => !matches!(field.as_str(), "apiVersion" | "kind" | "metadata" | "status"),
            Component::Status => field == "status",
        };
        if of_part {
            fields[field] = value.clone();
        }
    }
    if part == Component::Main {
        for field in ["labels", "annotations", "finalizers"] {
            if let Some(value) = wanted["metadata"].get(field) {
                fields["metadata"][field] = value.clone();
            }
        }
    }
    fields
}

/// The metadata fields that no client can set.
const SYSTEM: [&str; 6] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
];

/// The object with its key, and with the system's metadata of `live`.
pub fn with_identity(key: &Key, mut object: Value, live: &Value) -> Value {
    object["apiVersion"] = key.resource.api_version().into();
    object["kind"] = key.resource.kind().into();
    let meta = &mut object["metadata"];
    meta["name"] = key.name.clone().into();
    set(meta, "namespace", key.resource.namespaced().then(|| key.namespace.clone().into()));
    for field in SYSTEM {
        set(meta, field, live["metadata"].get(field).cloned());
    }
    set(meta, "managedFields", None);
    if let Some(meta) = meta.as_object_mut() {
        let empty = |value: &Value| {
            value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(|fields| fields.is_empty())
        };
        meta.retain(|_, value| !empty(value));
    }
    object
}

/// Sets or removes a field.
pub fn set(object: &mut Value, field: &str, value: Option<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => fields.insert(field.into(), value),
        None => fields.remove(field),
    };
}

/// The text of a value, or an empty text.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
