//! What the operator does in Kubernetes, and so all that its roles are to allow. `lambda-triggers doctor` asks the API
//! server for each.

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In every namespace that is watched: all of them, or those of the list.
    Watched,
    /// In the namespace that the operator keeps its own things in.
    Own,
    /// On the namespace whose UID tells operators apart: kube-system, or the operator's own one where it watches only some.
    Identity,
}

/// Verbs on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource, with its subresource: `scheduledfunctions/status`.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
    /// Where.
    pub place: Place,
    /// What for.
    pub why: &'static str,
}

const OURS: &str = "lambda-triggers.dev";

/// All rights.
pub const RIGHTS: [Right; 9] = [
    Right {
        group: OURS,
        resource: "scheduledfunctions",
        verbs: &["get", "list", "watch", "patch"],
        place: Place::Watched,
        why: "to follow them, and to set their finalizers",
    },
    Right {
        group: OURS,
        resource: "s3triggeredfunctions",
        verbs: &["get", "list", "watch", "patch"],
        place: Place::Watched,
        why: "to follow them, and to set their finalizers",
    },
    Right {
        group: OURS,
        resource: "scheduledfunctions/status",
        verbs: &["patch"],
        place: Place::Watched,
        why: "to record what is made in AWS, and to say how it went",
    },
    Right {
        group: OURS,
        resource: "s3triggeredfunctions/status",
        verbs: &["patch"],
        place: Place::Watched,
        why: "to record what is made in AWS, and to say how it went",
    },
    Right {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
        place: Place::Watched,
        why: "to tell of what happens to a resource",
    },
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list", "watch"],
        place: Place::Watched,
        why: "to deploy code from them, and to notice when it changes",
    },
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["get", "create", "patch"],
        place: Place::Own,
        why: "to keep the list of buckets to look at again",
    },
    Right {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "create", "update"],
        place: Place::Own,
        why: "to elect a leader",
    },
    Right {
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        place: Place::Identity,
        why: "to tell operators apart by its UID",
    },
];
