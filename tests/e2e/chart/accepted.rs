//! What the chart renders is taken by the real API server, without a warning.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::{NAMESPACE, matrix, objects, template};
use crate::support::LIMIT;

/// From the oldest that the chart allows, to the newest that Helm knows.
const KUBERNETES: [&str; 4] = ["1.29.0", "1.32.5", "1.35.0", "1.37.1"];

/// As Helm applies it, from its version 4 on.
const DRY_RUN: [&str; 7] = [
    "apply",
    "--server-side",
    "--force-conflicts",
    "--dry-run=server",
    "--validate=strict",
    "--filename",
    "-",
];

/// A namespace that takes pods of the restricted Pod Security Standard alone.
async fn restricted(env: &TestEnv) {
    env.apply(&format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}, labels: \
         {{pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}}}}"
    ))
    .await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "existing"}});
    env.kubectl(&["apply", "--namespace", NAMESPACE, "--filename", "-"], &account.to_string())
        .await
        .expect("kubectl apply");
}

/// The Prometheus operator's definitions, served.
async fn monitoring(env: &TestEnv) {
    let folder = env::tools().await.join("crds");
    let arguments = ["apply", "--server-side", "--filename", folder.to_str().unwrap()];
    env.kubectl(&arguments, "").await.expect("kubectl apply");
    let kinds = ["crd/prometheusrules.monitoring.coreos.com", "crd/servicemonitors.monitoring.coreos.com"];
    let arguments = ["wait", kinds[0], kinds[1], "--for=condition=Established", "--timeout=60s"];
    env.kubectl(&arguments, "").await.expect("kubectl wait");
}

/// The pod that a Deployment would make, as its controller would.
fn pod(deployment: &Value) -> Value {
    let template = &deployment["spec"]["template"];
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    pod["metadata"]["name"] = "pod".into();
    pod["metadata"]["namespace"] = NAMESPACE.into();
    // Nobody makes the account in a dry run.
    pod["spec"]["serviceAccountName"] = "existing".into();
    pod
}

#[test]
fn the_api_server_takes_all_that_the_chart_renders() {
    env::test_on_own_cluster("chart-accepted", async |env| {
        restricted(&env).await;
        monitoring(&env).await;
        for (name, values) in matrix() {
            let mut seen: Option<String> = None;
            for version in KUBERNETES {
                let yaml = template(&values, &["--kube-version", version]).await.unwrap();
                if seen.as_ref() == Some(&yaml) {
                    continue;
                }
                let pods = objects(&yaml)
                    .iter()
                    .filter(|object| object["kind"] == "Deployment")
                    .map(pod)
                    .collect::<Vec<_>>();
                assert_eq!(pods.len(), 1);
                let all = format!("{yaml}\n---\n{}", pods[0]);
                // The first answer for a kind that has just been defined may be that it is unknown.
                env.until(LIMIT, &format!("{name} for {version} to be accepted"), async || {
                    let output = env.kubectl_anywhere(&DRY_RUN, &all).await;
                    let quiet = output.success && output.stderr.is_empty();
                    if quiet { Ok(()) } else { Err(output.stderr) }
                })
                .await;
                seen = Some(yaml);
            }
        }
    });
}

/// Each object is named, labelled and placed as the rest of the release.
#[test]
fn every_object_says_what_it_belongs_to() {
    env::block_on(async {
        let (_, values) = matrix().into_iter().find(|(name, _)| name == "everything-values").unwrap();
        for object in objects(&template(&values, &[]).await.unwrap()) {
            let metadata = &object["metadata"];
            if metadata["name"] == "further" || metadata["name"] == "release-triggers-extra" {
                continue;
            }
            let labels = &metadata["labels"];
            let expected = json!({
                "app.kubernetes.io/name": "triggers",
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

/// No rule says "all", and none lets it read Secrets.
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
