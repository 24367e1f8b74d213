//! Conflicts among the manifests.

use std::collections::BTreeMap;

use crate::ownership::ObjectKey;
use crate::status::{Component, Failure, Reason};

/// A function that a resource deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The Region.
    pub region: String,
    /// The name of the function.
    pub name: String,
    /// The kind of the resource.
    pub kind: &'static str,
    /// The namespace and the name of the resource.
    pub key: ObjectKey,
}

/// The failures of resources that deploy the same function, by their index in `deployed`.
pub fn same_function(deployed: &[Deployed]) -> BTreeMap<usize, Failure> {
    let conflict = |(index, one): (usize, &Deployed)| {
        let Deployed { region, name, .. } = one;
        let is_same = |other: &Deployed| other.region == *region && other.name == *name;
        let (_, other) = deployed.iter().enumerate().find(|(at, other)| *at != index && is_same(other))?;
        let message = format!(
            "the function {name} in {region} is also defined by the {} {}; choose another functionName, or remove \
             the definition there",
            other.kind, other.key
        );
        Some((index, Failure::new(Component::Function, Reason::ConflictingFunction, message)))
    };
    deployed.iter().enumerate().filter_map(conflict).collect()
}
