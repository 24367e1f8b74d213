//! The resources that the cluster serves.

use std::fmt;

/// A resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// `configmaps`.
    ConfigMaps,
    /// `events.k8s.io/v1 events`.
    Events,
    /// `coordination.k8s.io/v1 leases`.
    Leases,
    /// `namespaces`, the only resource that is not namespaced.
    Namespaces,
    /// `lambda-triggers.dev/v1alpha1 s3triggeredfunctions`.
    S3TriggeredFunctions,
    /// `lambda-triggers.dev/v1alpha1 scheduledfunctions`.
    ScheduledFunctions,
}

impl Resource {
    /// All resource types.
    pub const ALL: [Self; 6] = [
        Self::ConfigMaps,
        Self::Events,
        Self::Leases,
        Self::Namespaces,
        Self::S3TriggeredFunctions,
        Self::ScheduledFunctions,
    ];

    /// The resource type of a manifest's kind.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.kind() == kind)
    }

    /// The plural name, as in a path.
    pub fn plural(self) -> &'static str {
        match self {
            Self::ConfigMaps => "configmaps",
            Self::Events => "events",
            Self::Leases => "leases",
            Self::Namespaces => "namespaces",
            Self::S3TriggeredFunctions => "s3triggeredfunctions",
            Self::ScheduledFunctions => "scheduledfunctions",
        }
    }

    /// The kind, as in a manifest.
    pub fn kind(self) -> &'static str {
        match self {
            Self::ConfigMaps => "ConfigMap",
            Self::Events => "Event",
            Self::Leases => "Lease",
            Self::Namespaces => "Namespace",
            Self::S3TriggeredFunctions => "S3TriggeredFunction",
            Self::ScheduledFunctions => "ScheduledFunction",
        }
    }

    /// The API group, empty for the core group.
    pub fn group(self) -> &'static str {
        match self {
            Self::ConfigMaps | Self::Namespaces => "",
            Self::Events => "events.k8s.io",
            Self::Leases => "coordination.k8s.io",
            Self::S3TriggeredFunctions | Self::ScheduledFunctions => "lambda-triggers.dev",
        }
    }

    /// Group and version, as in a manifest.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::ConfigMaps | Self::Namespaces => "v1",
            Self::Events => "events.k8s.io/v1",
            Self::Leases => "coordination.k8s.io/v1",
            Self::S3TriggeredFunctions | Self::ScheduledFunctions => "lambda-triggers.dev/v1alpha1",
        }
    }

    /// True if the objects are in namespaces.
    pub fn namespaced(self) -> bool {
        self != Self::Namespaces
    }

    /// True for our CRDs, which have a schema, generations and a status subresource.
    pub fn custom(self) -> bool {
        matches!(self, Self::S3TriggeredFunctions | Self::ScheduledFunctions)
    }

    /// True if an update must name the version that the update replaces
    /// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).
    pub fn needs_version(self) -> bool {
        self.custom() || self == Self::Leases
    }

    /// The name in messages of the API server: `scheduledfunctions.lambda-triggers.dev`.
    pub fn qualified(self) -> String {
        Self::qualify(self.plural(), self.group())
    }

    /// The name in messages about invalid objects: `ScheduledFunction.lambda-triggers.dev`.
    pub fn qualified_kind(self) -> String {
        Self::qualify(self.kind(), self.group())
    }

    fn qualify(name: &str, group: &str) -> String {
        if group.is_empty() { name.into() } else { format!("{name}.{group}") }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plural())
    }
}

/// The identity of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The resource type.
    pub resource: Resource,
    /// The namespace. Empty for a resource that is not namespaced.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The key of an object.
    pub fn new(resource: Resource, namespace: &str, name: &str) -> Self {
        let namespace = if resource.namespaced() { namespace } else { "" };
        Self { resource, namespace: namespace.into(), name: name.into() }
    }

    /// The key of a namespace.
    pub fn namespace(name: &str) -> Self {
        Self::new(Resource::Namespaces, "", name)
    }
}

/// Namespace and name, as in the plan of a run.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}
