//! The function of a trigger, as far as the other components need the function.

use lambda_triggers_core::api::AppliedFunction;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::status::{Failure, Outcome};

use crate::reconcile::error::Error;
use crate::reconcile::reconciled::{Reconciled, Settled};

/// The function of a resource.
pub struct Resolved {
    /// The function with its qualifier; `None` while Lambda creates the function.
    pub arn: Option<FunctionArn>,
    /// The functions that the operator deployed for the resource.
    pub applied: Vec<AppliedFunction>,
    /// True while Lambda applies a change.
    pub in_progress: bool,
    /// True if another client changes the function, so that the object is requeued soon.
    pub requeue_soon: bool,
    /// The failure of the function, if triggers can still reference the function.
    pub failed: Option<Failure>,
}

impl Resolved {
    /// The result of the reconcile while Lambda creates the function.
    pub fn creating(&self) -> Reconciled {
        Reconciled { outcome: updating("creating"), requeue_soon: self.requeue_soon, next_change: None }
    }

    /// The result of the reconcile, after all other components.
    pub fn reconciled(self, trigger: Settled) -> Result<Reconciled, Error> {
        let outcome = match self.failed {
            Some(failure) => return Err(failure.into()),
            None if self.in_progress => updating("updating"),
            None => trigger.outcome?,
        };
        Ok(Reconciled { outcome, requeue_soon: self.requeue_soon, next_change: trigger.next_change })
    }
}

/// The outcome while Lambda changes the function.
fn updating(what: &str) -> Outcome {
    Outcome::Progressing { message: format!("Lambda is {what} the function") }
}
