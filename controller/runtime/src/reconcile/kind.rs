//! The behavior that differs between the kinds of triggers.

use super::error::Error;
use super::reconciled::Reconciled;
use super::reconciler::Reconciler;
use super::status::StatusWriter;
use crate::objects::Trigger;

/// A kind that the operator reconciles.
pub trait ReconcileKind: Trigger {
    /// Creates and updates the AWS resources of the spec.
    fn apply(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> impl Future<Output = Result<Reconciled, Error>> + Send;

    /// Removes the AWS resources of a deleted object.
    fn cleanup(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes sure that the AWS resources stay after the object is deleted, for `deletionPolicy: Retain`.
    fn retain(
        &self,
        reconciler: &Reconciler,
        writer: &mut StatusWriter<'_, Self>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}
