//! The requests that reconciles send to the worker of a bucket.

use std::collections::BTreeSet;
use std::sync::Arc;

use lambda_triggers_core::api::PermissionPolicy;
use lambda_triggers_core::plan::bucket::Desired;
use lambda_triggers_core::status::Failure;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use crate::aws::CallContext;
use crate::objects::Identity;
use crate::reconcile::recorded::Recorded;

/// A request to the worker of a bucket.
pub enum Request {
    /// Applies the desired entries of one resource.
    Apply(Box<ApplyRequest>),
    /// Reads the document and removes orphans, with the credentials of this namespace.
    Check { namespace: String, reply: oneshot::Sender<Result<Done, Failure>> },
}

impl Request {
    /// The namespace whose credentials the request needs.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Apply(apply) => &apply.id.key.namespace,
            Self::Check { namespace, reply: _ } => namespace,
        }
    }
}

/// The desired state of one resource in a bucket.
#[derive(Clone, Debug)]
pub struct BucketRequest {
    /// The desired entries.
    pub desired: Desired,
    /// The manager of the permission.
    pub permission: PermissionPolicy,
    /// True if the resource was in sync before: a difference is drift.
    pub was_in_sync: bool,
    /// True if the annotation requests a reconcile: entries that S3 refused are tried at once.
    pub reconcile_requested: bool,
    /// The proof that the status records the entries and the permission; `None` for a removal.
    pub recorded: Option<Recorded>,
    /// A result of a sync that began at or after this instant is accepted.
    pub since: Instant,
}

impl BucketRequest {
    /// A request without new entries.
    pub fn own(desired: Desired, was_in_sync: bool) -> Self {
        let (permission, since) = (PermissionPolicy::Managed, Instant::now());
        Self { desired, permission, was_in_sync, reconcile_requested: false, recorded: None, since }
    }
}

/// The request of one reconcile, with the channel for the answer.
pub struct ApplyRequest {
    pub id: Identity,
    pub request: BucketRequest,
    /// The span of the reconcile.
    pub span: Span,
    pub call_context: Arc<CallContext>,
    pub reply: oneshot::Sender<Result<Done, Failure>>,
}

/// The state of a bucket after a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The ARNs of the functions in the entries of this operator.
    pub functions: BTreeSet<String>,
    /// True if the document was written.
    pub changed: bool,
}
