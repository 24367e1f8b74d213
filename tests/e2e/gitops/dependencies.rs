//! The triggers of the Flux example wait for the operator of the Flux example.

use kube::api::{Patch, PatchParams};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::team::{NAME, Team, apply, flux_api, hasten, repository};
use crate::chart::{objects, read};
use crate::objects::RESYNC_1S;
use crate::support::LIMIT;

/// The repositories of the example: the team's cluster, and this project.
const FLEET: &str = "flux-system";
const PROJECT: &str = "https://github.com/lambda-triggers/lambda-triggers";

/// Installs a CRD of HelmReleases that accepts all fields, and has the default status of Flux's own CRD. The test takes
/// the part of the helm-controller.
async fn install_helm_releases(env: &TestEnv) {
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "helmreleases.helm.toolkit.fluxcd.io"},
        "spec": {
            "group": "helm.toolkit.fluxcd.io", "scope": "Namespaced",
            "names": {"kind": "HelmRelease", "plural": "helmreleases", "singular": "helmrelease"},
            "versions": [{
                "name": "v2", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "status": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                        "default": {"observedGeneration": -1},
                    },
                }}},
            }],
        },
    });
    env.apply(&crd.to_string()).await;
    let established =
        ["wait", "--for=condition=Established", "--timeout=60s", "crd/helmreleases.helm.toolkit.fluxcd.io"];
    env.kubectl(&established, "").await.expect("kubectl wait");
}

/// Reports the HelmRelease as Ready, like the helm-controller after an install.
async fn report_installed(env: &TestEnv) {
    let status = json!({"status": {"observedGeneration": 1, "conditions": [{
        "type": "Ready", "status": "True", "reason": "InstallSucceeded", "message": "Helm install succeeded",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]}});
    flux_api(env, "helm.toolkit.fluxcd.io", "v2", "HelmRelease")
        .patch_status("lambda-triggers", &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn the_triggers_wait_for_the_operator() {
    env::test_on_own_cluster("flux-depends", async |env| {
        let team = Team::start(&env).await;
        install_helm_releases(&env).await;
        let chart = ("charts/lambda-triggers/Chart.yaml", read("charts/lambda-triggers/Chart.yaml"));
        team.git.commit("project", &[(chart.0.into(), chart.1)]).await;
        team.git.tag("project", "v0.1.0").await;
        let operator = read("examples/gitops/flux/operator.yaml").replace(PROJECT, &team.git.url("project"));
        team.git.commit(FLEET, &[("operator/operator.yaml".into(), operator)]).await;

        let revision = team.commit(&team.examples()).await;
        team.apply(json!({})).await;
        team.until_failed("DependencyNotReady").await;

        let [mut kustomization]: [Value; 1] =
            objects(&read("examples/gitops/flux/operator-kustomization.yaml")).try_into().unwrap();
        hasten(&mut kustomization);
        let source = repository(FLEET, &team.git.url(FLEET));
        apply(&env, &[source, kustomization]).await;
        let releases = flux_api(&env, "helm.toolkit.fluxcd.io", "v2", "HelmRelease");
        env.until(LIMIT, "the HelmRelease", async || releases.get_opt("lambda-triggers").await.unwrap())
            .await;

        // The HelmRelease is not Ready, so nothing of the team is applied.
        let message = team.until_failed("DependencyNotReady").await;
        assert!(message.contains("flux-system/lambda-triggers"), "{NAME}: {message}");
        assert_eq!(env.object("ScheduledFunction", "every-minute").await, None);

        let _controller = env.controller(&RESYNC_1S);
        report_installed(&env).await;
        team.until_applied(&revision).await;
    });
}
