//! The CustomResourceDefinitions, as values and as YAML.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::json;

use super::{S3TriggeredFunction, ScheduledFunction};

/// The CRDs of both resources.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![ScheduledFunction::crd(), S3TriggeredFunction::crd()];
    let versions = crds.iter_mut().flat_map(|crd| &mut crd.spec.versions);
    for schema in versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut()) {
        drop_nullable(schema);
        describe(schema);
        default_status(schema);
    }
    crds
}

/// Completes the descriptions for `kubectl explain`, which wraps lines itself and shows no defaults.
fn describe(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        let paragraphs: Vec<String> = description.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
        if let Some(JSON(default)) = &schema.default {
            let default = default.as_str().map_or_else(|| default.to_string(), ToOwned::to_owned);
            *description += &format!(" Default: `{default}`.");
        }
    }
    schema.properties.iter_mut().flat_map(BTreeMap::values_mut).for_each(describe);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        describe(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        describe(values);
    }
}

/// Gives a new object the generation -1 in its status, as Flux's CRDs do. kstatus takes an object without a status for
/// ready, and an object with an older generation in its status for in progress
/// (<https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>).
fn default_status(schema: &mut JSONSchemaProps) {
    if let Some(status) = schema.properties.as_mut().and_then(|all| all.get_mut("status")) {
        status.default = Some(JSON(json!({"observedGeneration": -1})));
    }
}

/// Gives `field: null` the meaning of an absent field, like the resources of Kubernetes. An API server drops a null
/// unless the field is `nullable`. A kept null would make `has(self.field)` true in CEL rules.
pub(super) fn drop_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    // schemars adds null to the values of an optional enumeration.
    schema.enum_.iter_mut().for_each(|values| values.retain(|value| !value.0.is_null()));
    schema.properties.iter_mut().flat_map(BTreeMap::values_mut).for_each(drop_nullable);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        drop_nullable(items);
    }
}

/// File name of a CRD by kubebuilder's convention: `<group>_<plural>.yaml`.
pub fn crd_file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

/// A CRD as a YAML document for `kubectl apply -f`.
///
/// # Errors
///
/// Fails if the CRD has no YAML form. The tests exclude this error for [`crds`].
pub fn crd_yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser_error::Error> {
    Ok(format!("---\n{}", serde_saphyr::to_string(crd)?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Each chart needs its own copy, since Helm reads no files outside of a chart.
    #[test]
    fn the_committed_crds_are_up_to_date() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in ["crds", "charts/lambda-triggers/files/crds", "charts/lambda-triggers-crds/files/crds"]
        {
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

    /// The schema of a field of both kinds, such as `spec.function`.
    fn fields(path: &str) -> Vec<JSONSchemaProps> {
        let schemas = crds().into_iter().map(|crd| crd.spec.versions[0].schema.clone().unwrap());
        let field = |schema: JSONSchemaProps, name: &str| schema.properties.unwrap()[name].clone();
        schemas.map(|schema| path.split('.').fold(schema.open_api_v3_schema.unwrap(), field)).collect()
    }

    #[test]
    fn a_description_has_no_line_breaks_and_names_the_default() {
        for timeout in fields("spec.function.definition.timeoutSeconds") {
            let description = timeout.description.unwrap();
            assert!(description.ends_with(" Default: `60`."), "{description}");
        }
        for policy in fields("spec.deletionPolicy") {
            let description = policy.description.unwrap();
            assert!(
                !description.contains('\n') && description.ends_with(" Default: `Delete`."),
                "{description}"
            );
        }
    }

    #[test]
    fn a_new_object_has_an_older_generation_in_its_status() {
        let default = Some(JSON(json!({"observedGeneration": -1})));
        let defaults: Vec<Option<JSON>> = fields("status").into_iter().map(|status| status.default).collect();
        assert_eq!(defaults, [default.clone(), default]);
    }
}
