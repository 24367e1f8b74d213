//! Code in the cluster: inline in the definition, or in a ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use lambda_triggers_core::api::FunctionDefinition;
use lambda_triggers_core::plan::function::{Archive, MissingHandler, archive, missing_handler};
use lambda_triggers_core::status::{Component, Reason};

use crate::error_chain;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;

/// Code as a ZIP archive for Lambda.
pub struct ClusterCode {
    /// The files as a ZIP archive.
    pub archive: Archive,
    /// A warning if the files have no handler, so only a layer can provide the handler.
    pub warning: Option<String>,
}

/// The code in the cluster; `None` for code in S3 or in an image.
pub async fn cluster_code(
    context: &Context,
    namespace: &str,
    definition: &FunctionDefinition,
) -> Result<Option<ClusterCode>, Error> {
    let config_map = definition.code.config_map.as_ref().map(|code| code.name.as_str());
    let files: BTreeMap<String, Vec<u8>> = match (&definition.code.inline, config_map) {
        (Some(files), _) => {
            files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect()
        }
        (None, Some(name)) => files_of_config_map(context, namespace, name).await?,
        (None, None) => return Ok(None),
    };
    let warning = match missing_handler(definition, config_map, &files) {
        Some(MissingHandler::Nowhere(message)) => return Err(not_found(message)),
        Some(MissingHandler::UnlessInLayer(message)) => Some(message),
        None => None,
    };
    let archive = archive(&files)
        .map_err(|error| Error::found(Component::Function, Reason::InvalidSpec, error_chain(&error)))?;
    Ok(Some(ClusterCode { archive, warning }))
}

async fn files_of_config_map(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), namespace);
    let found = api.get_opt(name).await.map_err(Error::kubernetes("read the ConfigMap with the code"))?;
    let ConfigMap { data, binary_data, .. } = found.unwrap_or_default();
    let text = data.into_iter().flatten().map(|(name, text)| (name, text.into_bytes()));
    let binary = binary_data.into_iter().flatten().map(|(name, bytes)| (name, bytes.0));
    let files: BTreeMap<String, Vec<u8>> = text.chain(binary).collect();
    if files.is_empty() {
        return Err(not_found(format!(
            "there is no ConfigMap {name} with files in the namespace {namespace}: create it, or name another one in \
             spec.function.definition.code.configMap"
        )));
    }
    Ok(files)
}

fn not_found(message: String) -> Error {
    Error::found(Component::Function, Reason::CodeNotFound, message)
}
