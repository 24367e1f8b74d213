//! What a reconcile can fail with.

use std::error::Error as StdError;
use std::fmt;

use lambda_triggers_core::status::{Component, ErrorClass, Failure, Reason};

use crate::aws::AwsError;

/// A reconcile that did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A component of the object cannot be made so; reported on the object.
    #[error("{failure}")]
    Trigger {
        /// What is reported.
        failure: Reported,
        /// Where it comes from.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// A failure before the progress deadline of the object's generation.
    #[error(transparent)]
    BeforeDeadline(Box<Error>),
    /// Kubernetes did not do what it was asked.
    #[error("cannot {what}")]
    Kubernetes {
        /// What was asked.
        what: &'static str,
        /// What came back.
        #[source]
        source: Box<kube::Error>,
    },
    /// The finalizer could not be set or removed; the object has changed meanwhile.
    #[error("cannot change the finalizer")]
    Finalizer(#[source] Box<kube::runtime::finalizer::Error<Error>>),
    /// The reconcile took longer than it may.
    #[error("the reconcile took longer than {0:?}")]
    Timeout(std::time::Duration),
    /// The stores will never be complete: the operator is stopping.
    #[error("the operator is stopping")]
    Stopping,
}

/// A failure as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported(pub Failure);

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { component, reason, message } = &self.0;
        write!(f, "{} {}: {message}", component.condition(), reason.as_str())
    }
}

impl Error {
    /// A failure of `part` that this operator found itself.
    pub fn found(component: Component, reason: Reason, message: impl Into<String>) -> Self {
        Failure::new(component, reason, message).into()
    }

    /// A call to AWS that failed for `part`.
    pub fn aws(component: Component) -> impl FnOnce(AwsError) -> Self {
        move |error| Self::Trigger {
            failure: Reported(error.failure(component)),
            source: Some(Box::new(error)),
        }
    }

    /// A call to Kubernetes that failed.
    pub fn kubernetes(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |error| Self::Kubernetes { what, source: Box::new(error) }
    }

    /// The failure to writer on the object, if there is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Trigger { failure, .. } => Some(&failure.0),
            Self::BeforeDeadline(error) => error.failure(),
            Self::Kubernetes { .. } | Self::Finalizer(_) | Self::Timeout(_) | Self::Stopping => None,
        }
    }

    /// The same failure, of an object whose progress deadline has not passed.
    pub fn before_deadline(self) -> Self {
        Self::BeforeDeadline(Box::new(self))
    }

    /// The class of the failure.
    pub fn class(&self) -> ErrorClass {
        let is_overdue = !matches!(self, Self::BeforeDeadline(_));
        self.failure().map_or(ErrorClass::Retryable, |failure| failure.class().at_deadline(is_overdue))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Trigger { failure: Reported(failure), source: None }
    }
}
