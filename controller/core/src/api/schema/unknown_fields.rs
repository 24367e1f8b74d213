//! Strict decoding: the fields of a manifest that no schema names, each with the name that was probably meant.

use serde_json::Value;

use super::manifest_error::ManifestError;
use super::node::{Schema, item, join, member};

/// Largest edit distance of a suggestion.
const MAX_DISTANCE: usize = 2;

/// The errors of all unknown fields, first those of the metadata, then by path.
pub(super) fn find(schema: &Schema, object: &Value) -> Vec<ManifestError> {
    let mut errors = Vec::new();
    search(&mut errors, "", Some(schema), object);
    errors.sort_by_cached_key(|error| (!error.field.starts_with("metadata."), error.field.clone()));
    errors
}

fn search(errors: &mut Vec<ManifestError>, path: &str, schema: Option<&Schema>, value: &Value) {
    if schema.is_some_and(|schema| schema.x_kubernetes_preserve_unknown_fields == Some(true)) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = join(path, name);
                match schema.and_then(|schema| member(schema, name)) {
                    Some(schema) => search(errors, &path, Some(schema), value),
                    None => errors.push(unknown(path, schema, name)),
                }
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                search(errors, &format!("{path}[{i}]"), schema.and_then(item), value);
            }
        }
        _ => {}
    }
}

/// The error of one unknown field. `schema` is the schema of the object that has the field.
fn unknown(path: String, schema: Option<&Schema>, name: &str) -> ManifestError {
    let mut message = format!("unknown field \"{path}\"");
    let siblings =
        schema.and_then(|schema| schema.properties.as_ref()).into_iter().flat_map(|all| all.keys());
    if let Some(meant) = closest(name, siblings) {
        let parent = &path[..path.len() - name.len()];
        message += &format!(" (did you mean \"{parent}{meant}\"?)");
    }
    ManifestError { field: path, message }
}

/// The known name within [`MAX_DISTANCE`], without regard to case. More than half of the letters must be right, since
/// every name of two letters is that close to `arn`.
fn closest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let distance = |known: &String| strsim::levenshtein(&name.to_lowercase(), &known.to_lowercase());
    known
        .map(|known| (distance(known), known))
        .filter(|(distance, known)| *distance <= MAX_DISTANCE && 2 * distance < known.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_close_name_is_suggested() {
        let known = ["arn", "definition", "name", "names", "rate"].map(str::to_owned);
        let suggested = |name: &str| closest(name, known.iter()).map(String::as_str);
        let cases = [
            ("nam", Some("name")),
            ("nmaes", Some("names")),
            ("NAME", Some("name")),
            ("names2", Some("names")),
            ("an", Some("arn")),
            ("a", None),
            ("nxxe", None),
            ("definitiones", Some("definition")),
            ("definitionses", None),
        ];
        for (name, expected) in cases {
            assert_eq!(suggested(name), expected, "{name}");
        }
    }
}
