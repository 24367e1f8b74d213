//! Kubeconfigs of other users.

use std::path::PathBuf;

use kube::config::Kubeconfig;
use lambda_triggers_tests::env::TestEnv;

/// The administrator's kubeconfig with a change.
pub fn kubeconfig(env: &TestEnv, name: &str, change: impl FnOnce(&mut Kubeconfig)) -> PathBuf {
    let mut config = Kubeconfig::read_from(env.operator_kubeconfig()).unwrap();
    change(&mut config);
    let file = env.directory().join(name);
    std::fs::write(&file, serde_json::to_string(&config).unwrap()).unwrap();
    file
}

/// The kubeconfig of a service account with these RBAC rules.
pub async fn account(env: &TestEnv, name: &str, rules: &str) -> PathBuf {
    let namespace = env.namespace();
    env.apply(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules: {rules}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {name}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name}}}\n\
         subjects: [{{kind: ServiceAccount, name: {name}, namespace: {namespace}}}]\n"
    ))
    .await;
    let token = env.kubectl(&["create", "token", name], "").await.expect("kubectl create token");
    kubeconfig(env, name, |config| {
        for user in config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
            *user = serde_json::from_value(serde_json::json!({"token": token.trim()})).unwrap();
        }
    })
}
