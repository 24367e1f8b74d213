//! The form in which a client gets objects.

use serde_json::{Value, json};

use super::resource::Resource;

/// Whole objects, or only their metadata
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Whole objects.
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
}

impl Form {
    /// The form that an `Accept` header asks for.
    pub fn accepted(header: Option<&str>) -> Self {
        match header {
            Some(accept) if accept.contains("as=PartialObjectMetadata") => Self::Metadata,
            _ => Self::Whole,
        }
    }

    /// An object in this form. A `Status` is always whole.
    pub fn of(self, object: &Value) -> Value {
        match self {
            Self::Metadata if object["kind"] != "Status" => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            }),
            Self::Metadata | Self::Whole => object.clone(),
        }
    }

    /// A list in this form, as one page.
    pub fn list<'a>(
        self,
        resource: Resource,
        version: u64,
        objects: impl Iterator<Item = &'a Value>,
    ) -> Value {
        let (kind, api_version) = match self {
            Self::Whole => (format!("{}List", resource.kind()), resource.api_version()),
            Self::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1"),
        };
        let items: Vec<Value> = objects.map(|object| self.of(object)).collect();
        json!({
            "kind": kind, "apiVersion": api_version,
            "metadata": {"resourceVersion": version.to_string()}, "items": items,
        })
    }
}
