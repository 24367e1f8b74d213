//! The check of a bucket's destinations: the functions must exist and permit the bucket. S3 makes the same check at
//! each PUT.

use std::collections::BTreeSet;

use lambda_triggers_core::api::PermissionPolicy;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::bucket::{Bucket, Desired, failure};
use lambda_triggers_core::plan::permission::{Grant, Statement};
use tokio::time::Instant;

use super::requesters::Requesters;
use crate::objects::Identity;
use crate::reconcile::context::Context;
use crate::reconcile::function;
use crate::reconcile::permission::{Permissions, Refused};

/// Makes sure that the functions of all resources exist and permit the bucket; true on success. A resource is excluded
/// if the function is gone, or if an external permission is missing. The other resources are written. A paused resource
/// keeps its entries and its function as they are. `refused` are the destinations in S3's last refusal.
pub async fn are_ready(
    context: &Context,
    permissions: &Permissions,
    bucket: &Bucket,
    requesters: &mut Requesters,
    refused: &[String],
) -> bool {
    let Bucket { region: _, name, owner } = bucket;
    let mut fine = true;
    for requester in requesters.0.values_mut() {
        let (Desired::Entries(entries), Some(recorded)) = (&requester.desired, &requester.recorded) else {
            continue;
        };
        if requester.set_aside.is_some() || context.stores.is_s3_paused(&requester.id.key) {
            continue;
        }
        let arns: BTreeSet<&str> = entries.iter().map(|entry| entry.arn.as_str()).collect();
        let functions: Vec<FunctionArn> = arns.into_iter().filter_map(FunctionArn::parse).collect();
        for function in functions {
            let statement = Statement::for_bucket(&context.owner.id, &function, name, owner);
            if requester.permission == PermissionPolicy::External {
                if !has_external_permission(context, &requester.id, &function, &statement, refused).await {
                    requester.exclude(failure::not_permitted_by_others(bucket, &function));
                    break;
                }
                continue;
            }
            let grant = Grant {
                function: &function,
                statement: &statement,
                managed_by: requester.permission,
                source: format!("bucket {bucket}"),
            };
            let ensured = permissions.ensure(context, &requester.id, &grant, recorded).await;
            let Err(Refused { error, changed: _ }) = ensured else { continue };
            if function::is_not_found(&error) {
                requester.exclude(failure::function_gone());
                break;
            }
            fine = false;
        }
    }
    fine
}

/// True if an external permission exists: S3's refusal names the destinations, or else the policy is read.
async fn has_external_permission(
    context: &Context,
    id: &Identity,
    function: &FunctionArn,
    statement: &Statement,
    refused: &[String],
) -> bool {
    if !refused.is_empty() {
        return !refused.contains(&function.to_string());
    }
    let policy = context.aws(&id.key).lambda(&function.region).policy(function, Instant::now()).await;
    policy.is_ok_and(|policy| policy.is_some_and(|policy| policy.permitted_by(statement).is_some()))
}
