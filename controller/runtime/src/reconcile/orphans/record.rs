//! The record of AWS resources that an object is about to release. The reader of the records is [`super::released`].

use lambda_triggers_core::api::Applied;
use serde_json::json;
use tracing::warn;

use super::store;
use crate::error_chain;
use crate::objects::Identity;
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;

/// Records `applied` before an object of this kind releases all of `applied` except `kept`. `version` is the resource
/// version of the object. Does nothing with leader election, since no second operator runs then.
pub async fn record_released(
    context: &Context,
    kind: &str,
    id: &Identity,
    version: Option<&str>,
    applied: &Applied,
    kept: &Applied,
) -> Result<(), Error> {
    if context.elected || applied.difference(kept).is_empty() {
        return Ok(());
    }
    let key = format!("{kind}.{}.{}", id.uid, version.unwrap_or_default());
    let released = json!({"namespace": id.key.namespace, "name": id.key.name, "applied": applied});
    match store::insert(context, &key, &released).await {
        // The deletion of thousands of objects can fill the ConfigMap. No deletion waits for free space.
        Err(error) if store::has_code(&error, 422) || store::has_code(&error, 413) => {
            warn!(error = error_chain(&error), "cannot add the resource to the orphan queue; continuing");
            Ok(())
        }
        recorded => recorded.map_err(Error::kubernetes("add the resource to the orphan queue")),
    }
}
