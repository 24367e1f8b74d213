//! The schemas of the fields that every object has. A CRD leaves out these fields.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::schema::StructuralSchemaRewriter;
use schemars::generate::SchemaSettings;
use serde_json::json;

use super::node::Schema;
use crate::api::crd::drop_nullable;

/// `apiVersion`, `kind` and `metadata`.
pub(super) fn fields() -> BTreeMap<String, Schema> {
    let settings = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(StructuralSchemaRewriter);
    let mut metadata = settings.into_generator().into_root_schema_for::<ObjectMeta>().to_value();
    // The fields below depend on the schemas of other objects.
    metadata["properties"]["managedFields"] = json!({"x-kubernetes-preserve-unknown-fields": true});
    let text = json!({"type": "string"});
    let fields = [("apiVersion", text.clone()), ("kind", text), ("metadata", metadata)];
    let schema = |schema| {
        let mut schema: Schema = serde_json::from_value(schema).unwrap_or_default();
        drop_nullable(&mut schema);
        schema
    };
    fields.map(|(name, value)| (name.to_owned(), schema(value))).into()
}
