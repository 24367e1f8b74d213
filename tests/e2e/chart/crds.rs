//! The CRDs in releases of Helm: upgrade, uninstall, and a change of owner.

use lambda_triggers_tests::env;
use serde_json::json;

use super::installed::{CRDS, RELEASE, SCHEDULED, create_namespace, delete_crds, helm};
use super::{chart, read, repository};

/// `helm upgrade` upgrades the CRDs. `helm uninstall` keeps the CRDs and the objects. No second release gets the CRDs.
#[test]
fn crds_are_upgraded_and_outlive_the_release() {
    env::test_on_own_cluster("chart-crds", async |env| {
        delete_crds(&env).await;
        create_namespace(&env, "team").await;
        helm(&env, "install", "", &[]).await;
        let second = ["install", "second", &chart(), "--namespace", "team"];
        let second = env.helm(&second, "").await;
        assert!(second.stderr.contains("cannot be imported into the current release"), "{}", second.stderr);
        let schedule = "--output=jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.schedule.type}";
        let schema = async || env.kubectl(&["get", CRDS[0], schedule], "").await.expect("kubectl get");
        assert_eq!(schema().await, "string");
        // Simulate the CRD of an older chart.
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/schedule/description";
        let patch = json!([{"op": "replace", "path": path, "value": "old"}]).to_string();
        env.kubectl(&["patch", CRDS[0], "--type=json", "--patch", &patch], "").await.expect("kubectl patch");
        helm(&env, "upgrade", "replicaCount: 1\n", &["--force-conflicts"]).await;
        let description = schedule.replace(".type}", ".description}");
        let found = env.kubectl(&["get", CRDS[0], &description], "").await.expect("kubectl get");
        assert!(found.len() > "old".len(), "{found}");

        let object = read("examples/scheduled-function.yaml");
        env.kubectl(&["apply", "--namespace", "team", "--filename", "-"], &object)
            .await
            .expect("kubectl apply");
        env.helm(&["uninstall", RELEASE], "").await.expect("helm uninstall");
        let left =
            env.kubectl(&["get", "scheduledfunctions", "--namespace", "team", "--output=name"], "").await;
        assert_eq!(left.expect("kubectl get"), "scheduledfunction.lambda-triggers.dev/every-minute\n");
        // Another install adopts the remaining CRDs.
        helm(&env, "install", "", &[]).await;
    });
}

/// Helm refuses CRDs that `kubectl apply` created, until a flag takes them over. The objects stay.
#[test]
fn crds_of_kubectl_are_taken_over_with_a_flag() {
    env::test_on_own_cluster("chart-take-over", async |env| {
        delete_crds(&env).await;
        let folder = repository("crds");
        let apply = ["apply", "--filename", folder.to_str().unwrap()];
        env.kubectl(&apply, "").await.expect("kubectl apply");
        let established = ["wait", CRDS[0], "--for=condition=Established", "--timeout=60s"];
        env.kubectl(&established, "").await.expect("kubectl wait");
        env.apply(&read("examples/scheduled-function.yaml")).await;
        let install = ["install", RELEASE, &chart()];
        let refused = env.helm(&install, "").await;
        assert!(refused.stderr.contains("invalid ownership metadata"), "{}", refused.stderr);
        helm(&env, "install", "", &["--take-ownership"]).await;
        let object = env.object(SCHEDULED, "every-minute").await.unwrap();
        assert_eq!(object["status"], json!({"observedGeneration": -1}));
        // As docs/upgrade.md says, another apply by kubectl makes the next upgrade fail.
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/schedule/description";
        let patch = json!([{"op": "replace", "path": path, "value": "old"}]).to_string();
        env.kubectl(&["patch", CRDS[0], "--type=json", "--patch", &patch], "").await.expect("kubectl patch");
        let refused = env.helm(&["upgrade", RELEASE, &chart()], "").await;
        assert!(refused.stderr.contains("conflict"), "{}", refused.stderr);
        helm(&env, "upgrade", "", &["--force-conflicts"]).await;
    });
}
