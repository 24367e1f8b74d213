//! The role that EventBridge Scheduler assumes to invoke functions.

use lambda_triggers_core::status::{Component, Reason};
use lambda_triggers_core::tenancy::scheduler_role;

use crate::reconcile::context::Context;
use crate::reconcile::error::Error;

/// The role for the schedules of a namespace.
pub fn role(context: &Context, namespace: &str) -> Result<String, Error> {
    let tenancy = context.credentials.tenancy();
    let own = context.settings.scheduler_role.as_deref();
    match scheduler_role(tenancy.as_deref(), namespace, own) {
        Ok(role) => Ok(role.to_owned()),
        Err(refusal) => {
            Err(Error::found(Component::Schedule, Reason::SchedulerRoleMissing, refusal.to_string()))
        }
    }
}
