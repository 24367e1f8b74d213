//! Orphans: AWS resources that no Kubernetes object claims any more. A write that was in flight when its object went may create
//! an orphan after the deletion.
//!
//! A ConfigMap stores the pending checks, so a restart forgets none.

mod queue;
mod record;
mod released;
mod store;

pub use queue::{MAX_REQUEST_AGE, OrphanQueue};
pub use record::record_released;
pub use released::check_released;
