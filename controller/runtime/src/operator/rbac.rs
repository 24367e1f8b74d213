//! The RBAC rules of the operator, and so the rules for the operator's roles. `lambda-triggers doctor` checks each
//! rule at the API server.

/// The scope of an RBAC rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RbacScope {
    /// Every watched namespace: all namespaces, or the namespaces of the list.
    Watched,
    /// The operator's own namespace, with the ConfigMap and the Lease of the operator.
    OwnNamespace,
    /// The namespace whose UID identifies the operator: kube-system, or the operator's own namespace if the operator
    /// watches only some namespaces.
    Identity,
}

/// The verbs on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RbacRule {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource, with its subresource: `scheduledfunctions/status`.
    pub resource: &'static str,
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// The scope.
    pub place: RbacScope,
    /// The purpose, for the output of the doctor.
    pub why: &'static str,
}

const OURS: &str = "lambda-triggers.dev";

/// All RBAC rules of the operator.
pub const RBAC_RULES: [RbacRule; 9] = [
    RbacRule {
        group: OURS,
        resource: "scheduledfunctions",
        verbs: &["get", "list", "watch", "patch"],
        place: RbacScope::Watched,
        why: "to watch them, and to set their finalizers",
    },
    RbacRule {
        group: OURS,
        resource: "s3triggeredfunctions",
        verbs: &["get", "list", "watch", "patch"],
        place: RbacScope::Watched,
        why: "to watch them, and to set their finalizers",
    },
    RbacRule {
        group: OURS,
        resource: "scheduledfunctions/status",
        verbs: &["patch"],
        place: RbacScope::Watched,
        why: "to record the AWS resources, and to set the conditions",
    },
    RbacRule {
        group: OURS,
        resource: "s3triggeredfunctions/status",
        verbs: &["patch"],
        place: RbacScope::Watched,
        why: "to record the AWS resources, and to set the conditions",
    },
    RbacRule {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
        place: RbacScope::Watched,
        why: "to emit events",
    },
    RbacRule {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list", "watch"],
        place: RbacScope::Watched,
        why: "to deploy code from them, and to notice changed code",
    },
    RbacRule {
        group: "",
        resource: "configmaps",
        verbs: &["get", "create", "patch"],
        place: RbacScope::OwnNamespace,
        why: "to keep the orphan queue",
    },
    RbacRule {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "create", "update"],
        place: RbacScope::OwnNamespace,
        why: "to elect a leader",
    },
    RbacRule {
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        place: RbacScope::Identity,
        why: "to identify the operator by the namespace's UID",
    },
];
