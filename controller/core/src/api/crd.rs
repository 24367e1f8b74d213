//! The CustomResourceDefinitions, as values and as YAML.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

use super::{S3TriggeredFunction, ScheduledFunction};

/// The definitions of both resources.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![ScheduledFunction::crd(), S3TriggeredFunction::crd()];
    let versions = crds.iter_mut().flat_map(|crd| &mut crd.spec.versions);
    versions
        .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
        .for_each(drop_nullable);
    crds
}

/// Makes `field: null` the same as no field, as in Kubernetes's own resources: an API server drops a null where it is
/// not `nullable`, and keeps it otherwise, so that `has(self.field)` in a rule would be true.
fn drop_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    // An optional enumeration lists it as well.
    schema.enum_.iter_mut().for_each(|values| values.retain(|value| !value.0.is_null()));
    schema.properties.iter_mut().flat_map(BTreeMap::values_mut).for_each(drop_nullable);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        drop_nullable(items);
    }
}

/// The name of a definition's file, by the convention of kubebuilder: `<group>_<plural>.yaml`.
pub fn crd_file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

/// A definition as a YAML document, such as `kubectl apply -f` takes.
///
/// # Errors
/// Where the definition cannot be written as YAML, which the tests rule out for those of [`crds`].
pub fn crd_yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser_error::Error> {
    Ok(format!("---\n{}", serde_saphyr::to_string(crd)?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// In `crds/`, and in the chart, which can read no file outside of itself.
    #[test]
    fn the_committed_definitions_are_the_generated_ones() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in ["crds", "charts/lambda-triggers/files/crds"] {
            for crd in crds() {
                let file = repository.join(folder).join(crd_file_name(&crd));
                let committed = std::fs::read_to_string(&file).unwrap_or_default();
                let path = file.display();
                assert!(
                    committed == crd_yaml(&crd).unwrap(),
                    "{path} is out of date: run `make crds` and commit it"
                );
            }
        }
    }
}
