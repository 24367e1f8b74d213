//! Keeps the tests off clusters that are not for tests.
//!
//! Many developers export `KUBECONFIG`, possibly for a production cluster. The tests apply CRDs, which are
//! cluster-wide. The tests use a given cluster only if
//!
//! - its API server has a loopback address, or its context has a name as from kind, k3d, minikube, Docker Desktop,
//!   Rancher Desktop, OrbStack or Colima, or
//! - `LAMBDA_TRIGGERS_TEST_CONTEXT` names its context.
//!
//! A tunnel to production also ends on a loopback address. Without the variable, the cluster may therefore contain a
//! `ScheduledFunction` or an `S3TriggeredFunction` only in namespaces of tests.

use kube::config::Kubeconfig;

/// The variable with the name of a context for tests.
pub(super) const CONTEXT: &str = "LAMBDA_TRIGGERS_TEST_CONTEXT";

const LOCAL_PREFIXES: [&str; 3] = ["kind-", "k3d-", "colima"];
const LOCAL_NAMES: [&str; 4] = ["minikube", "docker-desktop", "rancher-desktop", "orbstack"];
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Refuses a kubeconfig whose current context does not look like a cluster for tests.
pub(super) fn check(kubeconfig: &Kubeconfig, allowed: Option<&str>) -> Result<(), String> {
    let context = kubeconfig.current_context.as_deref().unwrap_or_default();
    let server = server(kubeconfig, context).unwrap_or_default();
    let host = host(server);
    let local = LOOPBACK.contains(&host)
        || LOCAL_PREFIXES.iter().any(|prefix| context.starts_with(prefix))
        || LOCAL_NAMES.contains(&context);
    if local || allowed == Some(context) {
        return Ok(());
    }
    Err(format!(
        "KUBECONFIG leads to the context {context:?} ({server}), which does not look like a cluster for tests: \
         they apply CRDs to it. Unset KUBECONFIG to use a control plane of our own, \
         or set {CONTEXT}={context} if this cluster is for tests."
    ))
}

fn server<'a>(kubeconfig: &'a Kubeconfig, context: &str) -> Option<&'a str> {
    let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
    let cluster = &named.context.as_ref()?.cluster;
    let named = kubeconfig.clusters.iter().find(|named| named.name == *cluster)?;
    named.cluster.as_ref()?.server.as_deref()
}

/// The host of a URL, without scheme, port and path.
fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rfind(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubeconfig(context: &str, server: &str) -> Kubeconfig {
        serde_json::from_value(serde_json::json!({
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
        }))
        .expect("a kubeconfig")
    }

    #[test]
    fn local_clusters_are_used() {
        for (context, server) in [
            ("kind-dev", "https://127.0.0.1:43211"),
            ("anything", "https://127.0.0.1:6443"),
            ("anything", "https://localhost:6443/path"),
            ("anything", "https://[::1]:6443"),
            ("minikube", "https://192.168.49.2:8443"),
            ("k3d-dev", "https://0.0.0.0:6550"),
        ] {
            assert_eq!(Ok(()), check(&kubeconfig(context, server), None), "{context} {server}");
        }
    }

    #[test]
    fn a_remote_cluster_needs_its_context_in_the_variable() {
        let production = kubeconfig("prod", "https://127.0.0.1.example.com:6443");
        let refusal = check(&production, None).unwrap_err();
        assert!(refusal.contains("\"prod\" (https://127.0.0.1.example.com:6443)"), "{refusal}");
        assert!(refusal.contains("LAMBDA_TRIGGERS_TEST_CONTEXT=prod"), "{refusal}");
        assert!(check(&production, Some("staging")).is_err());
        assert_eq!(Ok(()), check(&production, Some("prod")));
    }

    #[test]
    fn a_kubeconfig_without_a_context_is_refused() {
        assert!(check(&Kubeconfig::default(), None).is_err());
    }
}
