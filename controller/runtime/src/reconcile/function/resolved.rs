//! The function of a trigger, as far as the other components need the function.

use lambda_triggers_core::api::AppliedFunction;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::status::{Failure, Outcome};

use crate::reconcile::error::Error;

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
    /// The outcome of the reconcile, after all other components.
    pub fn outcome(self, applied: Outcome) -> Result<Outcome, Error> {
        match self.failed {
            Some(failure) => Err(failure.into()),
            None if self.in_progress => Ok(updating("updating")),
            None => Ok(applied),
        }
    }
}

/// The outcome while Lambda changes the function.
pub fn updating(what: &str) -> Outcome {
    Outcome::Progressing { message: format!("Lambda is {what} the function") }
}
