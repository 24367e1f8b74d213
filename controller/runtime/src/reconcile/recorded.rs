//! The proof of the first promise: a resource is recorded before it is made.

/// Proof that the status in the API server names the resources of a plan. Each call that creates a resource for an
/// object takes this proof. Only [`StatusWriter::record`](super::status::StatusWriter::record) makes one.
#[derive(Clone, Debug)]
pub struct Recorded(());

impl Recorded {
    pub(super) fn new() -> Self {
        Self(())
    }
}
