//! Code in the cluster as an archive: inline code, or the files of a ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::archive::{Archive, archive};
use super::handler::{MissingHandler, missing_handler};
use crate::api::FunctionDefinition;
use crate::error_chain;
use crate::status::{Component, Failure, Reason};

/// The files of a ConfigMap by key, text and binary.
pub fn files_of_config_map(config_map: ConfigMap) -> BTreeMap<String, Vec<u8>> {
    let ConfigMap { data, binary_data, .. } = config_map;
    let text = data.into_iter().flatten().map(|(name, text)| (name, text.into_bytes()));
    let binary = binary_data.into_iter().flatten().map(|(name, bytes)| (name, bytes.0));
    text.chain(binary).collect()
}

/// The name of the ConfigMap with the code; `None` for code from another place.
pub fn config_map_of_code(definition: &FunctionDefinition) -> Option<&str> {
    let code = &definition.code;
    code.config_map.as_ref().filter(|_| code.inline.is_none()).map(|code| code.name.as_str())
}

/// Code as a ZIP archive for Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterCode {
    /// The files as a ZIP archive.
    pub archive: Archive,
    /// A warning if the files have no handler, so only a layer can provide the handler.
    pub warning: Option<String>,
}

/// Packs inline code, or `files` of the definition's ConfigMap. `None` for code in S3 or in an image.
///
/// # Errors
///
/// The files have no handler, or do not fit into an archive.
pub fn pack(
    definition: &FunctionDefinition,
    files: Option<BTreeMap<String, Vec<u8>>>,
) -> Result<Option<ClusterCode>, Failure> {
    let inline = definition.code.inline.as_ref();
    let inline =
        inline.map(|files| files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())));
    let Some(files) = inline.map(Iterator::collect).or(files) else { return Ok(None) };
    let config_map = definition.code.config_map.as_ref().map(|code| code.name.as_str());
    let warning = match missing_handler(definition, config_map, &files) {
        Some(MissingHandler::Nowhere(message)) => return Err(code_not_found(message)),
        Some(MissingHandler::UnlessInLayer(message)) => Some(message),
        None => None,
    };
    let archive = archive(&files)
        .map_err(|error| Failure::new(Component::Function, Reason::InvalidSpec, error_chain(&error)))?;
    Ok(Some(ClusterCode { archive, warning }))
}

/// The failure if the cluster has no ConfigMap with files.
pub fn no_config_map(name: &str, namespace: &str) -> Failure {
    code_not_found(format!(
        "there is no ConfigMap {name} with files in the namespace {namespace}: create it, or name another one in \
         spec.function.definition.code.configMap"
    ))
}

/// The failure if the code in the cluster is missing.
pub fn code_not_found(message: impl Into<String>) -> Failure {
    Failure::new(Component::Function, Reason::CodeNotFound, message)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;
    use crate::api::{Code, ConfigMapCode};

    #[test]
    fn a_config_map_has_files_of_text_and_of_bytes() {
        let config_map = ConfigMap {
            data: Some(BTreeMap::from([("app.py".into(), "pass".into())])),
            binary_data: Some(BTreeMap::from([("model.bin".into(), ByteString(vec![0, 255]))])),
            ..ConfigMap::default()
        };
        let expected =
            BTreeMap::from([("app.py".to_owned(), b"pass".to_vec()), ("model.bin".to_owned(), vec![0, 255])]);
        assert_eq!(files_of_config_map(config_map), expected);
        assert_eq!(files_of_config_map(ConfigMap::default()), BTreeMap::new());
    }

    #[test]
    fn inline_code_comes_before_a_config_map() {
        let map = Some(ConfigMapCode { name: "app".into() });
        let inline = Some(BTreeMap::from([("app.py".to_owned(), "pass".to_owned())]));
        for (config_map, inline, name) in [
            (map.clone(), None, Some("app")),
            (map, inline.clone(), None),
            (None, inline, None),
            (None, None, None),
        ] {
            let code = Code { config_map, inline, ..Code::default() };
            let definition = FunctionDefinition { code, ..FunctionDefinition::default() };
            assert_eq!(config_map_of_code(&definition), name);
        }
    }
}
