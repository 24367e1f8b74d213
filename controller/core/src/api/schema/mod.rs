//! Checks a manifest without a cluster, with the answers that an API server gives to `kubectl apply --dry-run=server`.
//!
//! The steps have the order of the API server: unknown fields, nulls and defaults, the schemas of [`crds`], the
//! metadata, and the rules of the CRDs. The rules are the checks in Rust, which have the same messages as the CEL rules.
//! `tests/e2e/refused.rs` compares the answers with those of a real API server.
//!
//! The answers differ from the API server's in these points:
//!
//! - An unknown field has a suggestion.
//! - The error "some validation rules were not checked" is left out.
//! - The errors have the order of the schema. The order of an API server changes from call to call.
//! - The rules of a schedule's text end at the first error, and the rules that combine fields of `spec.cron` need valid
//!   fields. The rules need integers within their format.
//! - A value of `spec.inputJson` is left out, since an event may hold secrets.
//! - The checks that CEL cannot compute refuse more, such as an input that is too long.
//! - Time zones are those of the operator's binary.
//!
//! [`crds`]: super::crds

mod check_values;
mod complete;
mod findings;
mod go_text;
mod manifest_error;
mod metadata;
mod node;
mod object_meta;
mod rules;
#[cfg(test)]
mod tests;
mod unknown_fields;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use serde_json::Value;

use super::crds;
use node::Schema;

pub use manifest_error::{ManifestError, ManifestErrors};

/// A manifest of one of both kinds after the checks of the API server.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedManifest {
    /// The object that the API server would store: with the schema's defaults, without the nulls of known fields, and
    /// with the status of a new object.
    pub object: Value,
}

/// The served version of a kind.
struct Kind {
    api_version: String,
    /// The schema of the CRD, with the fields that every object has.
    schema: Schema,
}

/// Both kinds by name.
static KINDS: LazyLock<BTreeMap<String, Kind>> = LazyLock::new(|| {
    let kind = |crd: CustomResourceDefinition| {
        let version = crd.spec.versions.into_iter().next()?;
        let mut schema = version.schema?.open_api_v3_schema?;
        schema.properties.get_or_insert_default().extend(object_meta::fields());
        let api_version = format!("{}/{}", crd.spec.group, version.name);
        Some((crd.spec.names.kind, Kind { api_version, schema }))
    };
    crds().into_iter().filter_map(kind).collect()
});

/// The fields of a spec that an API server with this schema of the spec drops. The CRDs of a cluster may be older.
pub fn dropped_fields(served: &JSONSchemaProps, spec: &Value) -> Vec<String> {
    let unknown = unknown_fields::find(served, spec);
    unknown.into_iter().map(|error| format!("spec.{}", error.field)).collect()
}

/// Checks a manifest as an API server checks a new object.
///
/// A duplicate key cannot be seen here: the parser of the manifest must refuse it, as kubectl's parser does.
///
/// # Errors
///
/// All errors of the first step that finds any. The rules run beside the schema's range and duplicate errors, as in an
/// API server.
pub fn check_manifest(object: Value) -> Result<CheckedManifest, ManifestErrors> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let known = KINDS.get(&kind).filter(|known| known.api_version == api_version);
    let Some(Kind { schema, .. }) = known else {
        return Err(ManifestErrors::of_kind(&api_version, &kind));
    };
    let unknown = unknown_fields::find(schema, &object);
    if !unknown.is_empty() {
        return Err(ManifestErrors::of_decoding(unknown));
    }
    let object = complete::new_object(schema, object);
    let mut findings = findings::Findings::default();
    metadata::check(&mut findings, &object);
    check_values::check(&mut findings, "", schema, &object);
    if !findings.block_rules() {
        rules::check(&mut findings, schema, &kind, &object);
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    match findings.into_errors() {
        errors if errors.is_empty() => Ok(CheckedManifest { object }),
        errors => Err(ManifestErrors::of_validation(kind, name, errors)),
    }
}
