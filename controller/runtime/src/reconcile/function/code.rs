//! Code in the cluster: inline in the definition, or in a ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use lambda_triggers_core::api::FunctionDefinition;
use lambda_triggers_core::plan::function::{
    ClusterCode, config_map_of_code, files_of_config_map, no_config_map, pack,
};

use crate::reconcile::context::Context;
use crate::reconcile::error::Error;

/// The code in the cluster; `None` for code in S3 or in an image.
pub async fn cluster_code(
    context: &Context,
    namespace: &str,
    definition: &FunctionDefinition,
) -> Result<Option<ClusterCode>, Error> {
    let files = match config_map_of_code(definition) {
        Some(name) => Some(read_files(context, namespace, name).await?),
        None => None,
    };
    Ok(pack(definition, files)?)
}

async fn read_files(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), namespace);
    let found = api.get_opt(name).await.map_err(Error::kubernetes("read the ConfigMap with the code"))?;
    let files = files_of_config_map(found.unwrap_or_default());
    if files.is_empty() {
        return Err(no_config_map(name, namespace).into());
    }
    Ok(files)
}
