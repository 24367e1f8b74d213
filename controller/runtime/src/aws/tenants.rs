//! AWS by namespace: whose credentials a call is made with.

use std::sync::Arc;

use super::Aws;

/// AWS by namespace.
pub struct Tenants {
    own: Arc<dyn Aws>,
}

impl Tenants {
    /// All namespaces act with the operator's own credentials.
    pub fn single(own: Arc<dyn Aws>) -> Self {
        Self { own }
    }

    /// AWS with the operator's own credentials.
    pub fn own(&self) -> &Arc<dyn Aws> {
        &self.own
    }

    /// AWS for what the resources of a namespace ask for.
    pub fn aws(&self, _namespace: &str) -> Arc<dyn Aws> {
        self.own.clone()
    }

    /// AWS for taking away what was made for the resources of a namespace.
    pub fn aws_for_removal(&self, _namespace: &str) -> Arc<dyn Aws> {
        self.own.clone()
    }
}
