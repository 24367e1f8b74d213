//! The errors of a reconcile.

use std::error::Error as StdError;
use std::fmt;

use lambda_triggers_core::status::{Component, ErrorClass, Failure, Reason};

use crate::aws::AwsError;

/// The error that ended a reconcile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A component of the object failed. The failure is reported on the object.
    #[error("{failure}")]
    Trigger {
        /// The failure.
        failure: Reported,
        /// The error chain of the failure, if an AWS call failed.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// A failure before the progress deadline of the object's generation.
    #[error(transparent)]
    BeforeDeadline(Box<Error>),
    /// A call to Kubernetes failed.
    #[error("cannot {what}")]
    Kubernetes {
        /// The call, as a verb phrase.
        what: &'static str,
        /// The error of the client.
        #[source]
        source: Box<kube::Error>,
    },
    /// The finalizer could not be added or removed, because the object changed in the meantime.
    #[error("cannot change the finalizer")]
    Finalizer(#[source] Box<kube::runtime::finalizer::Error<Error>>),
    /// The reconcile exceeded the time limit.
    #[error("the reconcile took longer than {0:?}")]
    Timeout(std::time::Duration),
}

/// A failure with its text for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported(pub Failure);

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { component, reason, message } = &self.0;
        write!(f, "{} {}: {message}", component.condition(), reason.as_str())
    }
}

impl Error {
    /// A failure of `component` that the operator detected without an AWS error.
    pub fn found(component: Component, reason: Reason, message: impl Into<String>) -> Self {
        Failure::new(component, reason, message).into()
    }

    /// A failed AWS call for `component`.
    pub fn aws(component: Component) -> impl FnOnce(AwsError) -> Self {
        move |error| Self::Trigger {
            failure: Reported(error.failure(component)),
            source: Some(Box::new(error)),
        }
    }

    /// A failed call to Kubernetes.
    pub fn kubernetes(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |error| Self::Kubernetes { what, source: Box::new(error) }
    }

    /// The failure to report on the object, if any.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Trigger { failure, .. } => Some(&failure.0),
            Self::BeforeDeadline(error) => error.failure(),
            Self::Kubernetes { .. } | Self::Finalizer(_) | Self::Timeout(_) => None,
        }
    }

    /// The same failure, before the progress deadline of the object's generation.
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
