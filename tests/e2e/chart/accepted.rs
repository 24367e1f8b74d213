//! The real API server accepts all rendered objects without a warning.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::{NAMESPACE, matrix, objects, template};
use crate::support::LIMIT;

/// From the oldest version that the chart allows to the newest version that Helm knows.
const KUBERNETES: [&str; 4] = ["1.29.0", "1.32.5", "1.35.0", "1.37.1"];

/// The arguments of an apply by Helm 4.
const DRY_RUN: [&str; 7] = [
    "apply",
    "--server-side",
    "--force-conflicts",
    "--dry-run=server",
    "--validate=strict",
    "--filename",
    "-",
];

/// Creates a namespace that accepts only pods of the restricted Pod Security Standard.
async fn create_restricted_namespace(env: &TestEnv) {
    env.apply(&format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}, labels: \
         {{pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}}}}"
    ))
    .await;
    env.apply("{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: gvisor}, handler: runsc}")
        .await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "existing"}});
    env.kubectl(&["apply", "--namespace", NAMESPACE, "--filename", "-"], &account.to_string())
        .await
        .expect("kubectl apply");
}

/// Installs the CRDs of the Prometheus operator.
pub async fn install_prometheus_crds(env: &TestEnv) {
    let folder = env::tools().await.join("crds");
    let arguments = ["apply", "--server-side", "--filename", folder.to_str().unwrap()];
    env.kubectl(&arguments, "").await.expect("kubectl apply");
    let kinds = ["podmonitors", "prometheusrules", "servicemonitors"]
        .map(|plural| format!("crd/{plural}.monitoring.coreos.com"));
    let arguments = ["wait", &kinds[0], &kinds[1], &kinds[2], "--for=condition=Established", "--timeout=60s"];
    env.kubectl(&arguments, "").await.expect("kubectl wait");
}

/// The pod that the Deployment controller would create.
fn pod_of_deployment(deployment: &Value) -> Value {
    let template = &deployment["spec"]["template"];
    let mut pod_of_deployment = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    pod_of_deployment["metadata"]["name"] = "pod".into();
    pod_of_deployment["metadata"]["namespace"] = NAMESPACE.into();
    // The service account of the release does not exist in a dry run.
    pod_of_deployment["spec"]["serviceAccountName"] = "existing".into();
    pod_of_deployment
}

#[test]
fn the_api_server_accepts_all_rendered_objects() {
    env::test_on_own_cluster("chart-accepted", async |env| {
        create_restricted_namespace(&env).await;
        install_prometheus_crds(&env).await;
        for (name, values) in matrix() {
            let mut previous: Option<String> = None;
            for version in KUBERNETES {
                let yaml = template(&values, &["--kube-version", version]).await.unwrap();
                if previous.as_ref() == Some(&yaml) {
                    continue;
                }
                let mut all = objects(&yaml);
                let pods: Vec<Value> = all
                    .iter()
                    .filter(|object| object["kind"] == "Deployment")
                    .map(pod_of_deployment)
                    .collect();
                assert_eq!(pods.len(), 1);
                // The service account of the release does not exist in a dry run.
                for pod in all.iter_mut().filter(|object| object["kind"] == "Pod") {
                    pod["spec"]["serviceAccountName"] = "existing".into();
                }
                let all: Vec<String> = all.iter().chain(&pods).map(Value::to_string).collect();
                let all = all.join("\n---\n");
                // The API server may not serve a new kind at first.
                env.until(LIMIT, &format!("{name} for {version} to be accepted"), async || {
                    let output = env.kubectl_anywhere(&DRY_RUN, &all).await;
                    let quiet = output.success && output.stderr.is_empty();
                    if quiet { Ok(()) } else { Err(output.stderr) }
                })
                .await;
                previous = Some(yaml);
            }
        }
    });
}

/// Each object has the names, labels and annotations of the release.
#[test]
fn every_object_has_the_labels_of_the_release() {
    env::block_on(async {
        let (_, values) = matrix().into_iter().find(|(name, _)| name == "everything-values").unwrap();
        for object in objects(&template(&values, &[]).await.unwrap()) {
            let metadata = &object["metadata"];
            if metadata["name"] == "further" || metadata["name"] == "release-triggers-extra" {
                continue;
            }
            let labels = &metadata["labels"];
            let name = if object["kind"] == "Pod" { "triggers-doctor" } else { "triggers" };
            let expected = json!({
                "app.kubernetes.io/name": name,
                "app.kubernetes.io/instance": "release",
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/part-of": "lambda-triggers",
                "team": "platform",
            });
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&labels[key], value, "{object}");
            }
            assert_eq!(metadata["annotations"]["example.com/contact"], "platform@example.com", "{object}");
        }
    });
}

/// No rule has a wildcard or grants access to Secrets.
#[test]
fn roles_have_no_wildcards_and_no_secrets() {
    env::block_on(async {
        for (name, values) in matrix() {
            let kinds = ["Role", "ClusterRole"];
            let yaml = template(&values, &[]).await.unwrap();
            for role in
                objects(&yaml).iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind))
            {
                for rule in role["rules"].as_array().unwrap() {
                    let words = ["apiGroups", "resources", "verbs"]
                        .map(|field| rule[field].as_array().unwrap().clone())
                        .concat();
                    let bad = words.iter().any(|word| word == "*" || word == "secrets");
                    assert!(!bad, "{name}: {rule}");
                }
            }
        }
    });
}
