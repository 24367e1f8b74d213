//! The result of a reconcile.

use lambda_triggers_core::status::Outcome;

/// The result of a reconcile without a failure.
pub struct Reconciled {
    /// The outcome to report.
    pub outcome: Outcome,
    /// True if AWS is still changing a resource, for this operator or for another client. The object is requeued soon.
    pub requeue_soon: bool,
}
