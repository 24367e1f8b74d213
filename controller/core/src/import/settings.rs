//! The settings of an import.

use super::selection::Selection;
use crate::api::DeletionPolicy;

/// The settings of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportSettings {
    /// The Kubernetes namespace of the manifests.
    pub namespace: String,
    /// The operator's account, 12 digits.
    pub account: String,
    /// The operator's Region. A manifest of this Region has no `spec.region`.
    pub region: String,
    /// The deletion policy of the manifests.
    pub deletion_policy: DeletionPolicy,
    /// The parts that are imported.
    pub selection: Selection,
}

impl ImportSettings {
    /// The value of `spec.region` for a resource in `region`.
    pub(super) fn region_field(&self, region: &str) -> Option<String> {
        (region != self.region).then(|| region.to_owned())
    }
}
