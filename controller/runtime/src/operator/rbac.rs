//! What the operator does in Kubernetes, and so all that its roles are to allow. `lambda-triggers doctor` asks the API
//! server for each.

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RbacScope {
    /// In every namespace that is watched: all of them, or those of the list.
    Watched,
    /// In the namespace that the operator keeps its own references in.
    ImplicitGrants,
    /// On the namespace whose UID tells operators apart: kube-system, or the operator's own one where it watches only some.
    Identity,
}

/// Verbs on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RbacRule {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource, with its subresource: `scheduledfunctions/status`.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
    /// Where.
    pub place: RbacScope,
    /// What for.
    pub why: &'static str,
}

const OURS: &str = "lambda-triggers.dev";

/// All rights.
pub const RBAC_RULES: [RbacRule; 9] = [
    RbacRule {
        group: OURS,
        resource: "scheduledfunctions",
        verbs: &["get", "list", "watch", "patch"],
        place: RbacScope::Watched,
        why: "to follow them, and to set their finalizers",
    },
    RbacRule {
        group: OURS,
        resource: "s3triggeredfunctions",
        verbs: &["get", "list", "watch", "patch"],
        place: RbacScope::Watched,
        why: "to follow them, and to set their finalizers",
    },
    RbacRule {
        group: OURS,
        resource: "scheduledfunctions/status",
        verbs: &["patch"],
        place: RbacScope::Watched,
        why: "to record what is made in AWS, and to say how it went",
    },
    RbacRule {
        group: OURS,
        resource: "s3triggeredfunctions/status",
        verbs: &["patch"],
        place: RbacScope::Watched,
        why: "to record what is made in AWS, and to say how it went",
    },
    RbacRule {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
        place: RbacScope::Watched,
        why: "to tell of what happens to a resource",
    },
    RbacRule {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list", "watch"],
        place: RbacScope::Watched,
        why: "to deploy code from them, and to notice when it changes",
    },
    RbacRule {
        group: "",
        resource: "configmaps",
        verbs: &["get", "create", "patch"],
        place: RbacScope::ImplicitGrants,
        why: "to keep the list of buckets to look at again",
    },
    RbacRule {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "create", "update"],
        place: RbacScope::ImplicitGrants,
        why: "to elect a leader",
    },
    RbacRule {
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        place: RbacScope::Identity,
        why: "to tell operators apart by its UID",
    },
];
