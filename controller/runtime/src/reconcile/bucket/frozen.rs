//! The resources whose bucket entries stay as they are, because the tenancy file no longer permits the resources.

use std::collections::HashSet;

use parking_lot::Mutex;

/// The UIDs of the frozen resources.
#[derive(Default)]
pub struct FrozenResources(Mutex<HashSet<String>>);

impl FrozenResources {
    /// Freezes the entries of the resource with this UID.
    pub fn insert(&self, uid: &str) {
        self.0.lock().insert(uid.into());
    }

    /// Ends the freeze of a resource that sends a request again, or is deleted.
    pub fn remove(&self, uid: &str) {
        self.0.lock().remove(uid);
    }

    /// True if the entries of the resource are frozen.
    pub fn contains(&self, uid: &str) -> bool {
        self.0.lock().contains(uid)
    }
}
