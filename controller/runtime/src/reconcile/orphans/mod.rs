//! Orphans: AWS resources that no Kubernetes object claims. A write that is in flight during a deletion may create an
//! orphan afterwards.
//!
//! A ConfigMap stores the pending checks, so a restart forgets none.

mod queue;
mod store;

pub use queue::{MAX_REQUEST_AGE, OrphanQueue};
