//! The result of a reconcile.

use std::time::Duration;

use lambda_triggers_core::status::{Failure, Outcome};

/// The result of a reconcile without a failure.
pub struct Reconciled {
    /// The outcome to report.
    pub outcome: Outcome,
    /// True if AWS is still changing a resource, for this operator or for another client. The object is requeued soon.
    pub requeue_soon: bool,
    /// The time until the plan changes without a change of the spec. The object is requeued then.
    pub next_change: Option<Duration>,
}

/// The result for the trigger of an object, beside its function.
pub struct Settled {
    /// The outcome for the trigger.
    pub outcome: Result<Outcome, Failure>,
    /// The time until the plan changes without a change of the spec.
    pub next_change: Option<Duration>,
}

impl Settled {
    /// A trigger that only a change of the spec changes.
    pub fn lasting(outcome: Result<Outcome, Failure>) -> Self {
        Self { outcome, next_change: None }
    }
}
