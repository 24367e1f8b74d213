//! The role that EventBridge Scheduler assumes to invoke functions.

use lambda_triggers_core::status::Failure;
use lambda_triggers_core::tenancy::scheduler_role;

use crate::reconcile::context::Context;

/// The role for the schedules of a namespace.
pub fn role(context: &Context, namespace: &str) -> Result<String, Failure> {
    let tenancy = context.credentials.tenancy();
    let own = context.settings.scheduler_role.as_deref();
    scheduler_role(tenancy.as_deref(), namespace, own).map(ToOwned::to_owned)
}
