//! `lambda-triggers doctor` and the running operator: the leader, the pods and the version.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::doctor::doctor;
use crate::objects::{NO_RESYNC, OWNER};
use crate::support::LIMIT;

/// The lines about the leader, the pods and their versions.
async fn operator_lines(env: &TestEnv, flags: &[&str]) -> Vec<String> {
    let own = ["--namespace", env.namespace(), "--owner-id", OWNER];
    let (_, mut lines) = doctor(env, &[&own, flags].concat(), &[]).await;
    lines.retain(|line| {
        ["leader", "pods", "pod ", "version of"].iter().any(|name| line[9..].starts_with(name))
    });
    lines
}

/// The Lease of the operator, once a leader holds it.
async fn held_lease(env: &TestEnv) -> Lease {
    let leases: Api<Lease> = Api::namespaced(env.kube().clone(), env.namespace());
    env.until(LIMIT, "a leader", async || {
        let lease = leases.get_opt(&format!("lambda-triggers-{OWNER}")).await.unwrap()?;
        lease.spec.as_ref()?.holder_identity.is_some().then_some(lease)
    })
    .await
}

#[test]
fn doctor_tells_whether_an_operator_leads() {
    env::test("doctor-leader", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        held_lease(&env).await;
        let place = format!("{}/lambda-triggers-{OWNER}", env.namespace());
        let pods = format!(
            "skipped  pods: no pod with the label app.kubernetes.io/name=lambda-triggers runs in the namespace {}",
            env.namespace()
        );
        let lines = operator_lines(&env, &[]).await;
        let leads = format!("ok       leader: lambda-triggers leads, and has held the Lease {place} for ");
        assert!(lines[0].starts_with(&leads) && lines[1..] == [pods.as_str()], "{lines:#?}");

        controller.kill().await;
        let leases: Api<Lease> = Api::namespaced(env.kube().clone(), env.namespace());
        let expired = json!({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
        let name = format!("lambda-triggers-{OWNER}");
        leases.patch(&name, &PatchParams::default(), &Patch::Merge(&expired)).await.unwrap();
        let lines = operator_lines(&env, &[]).await;
        let dead = format!(
            "failed   leader: nobody leads: lambda-triggers holds the Lease {place}, and has not renewed it for "
        );
        assert!(lines[0].starts_with(&dead), "{lines:#?}");

        env.delete_leases().await;
        controller.start();
        held_lease(&env).await;
        controller.stop().await;
        let lines = operator_lines(&env, &[]).await;
        let released = format!("failed   leader: nobody leads: the leader has released the Lease {place} ");
        assert!(lines[0].starts_with(&released), "{lines:#?}");
    });
}

/// Creates a pod of the operator with this image, and with the status of its container.
async fn create_pod(env: &TestEnv, name: &str, image: &str, status: Value) {
    let labels = json!({"app.kubernetes.io/name": "lambda-triggers"});
    let container = json!({"name": "lambda-triggers", "image": image});
    let spec = json!({"serviceAccountName": "operator", "containers": [container]});
    let metadata = json!({"name": name, "labels": labels});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
    env.apply(&pod.to_string()).await;
    let mut own = json!({"name": "lambda-triggers", "image": image, "imageID": ""});
    own.as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
    let status = json!({"status": {"phase": "Running", "containerStatuses": [own]}});
    let pods: Api<Pod> = Api::namespaced(env.kube().clone(), env.namespace());
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
}

#[test]
fn doctor_checks_the_pods_of_the_operator() {
    env::test("doctor-pods", async |env| {
        env.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: operator}}").await;
        let version = env!("CARGO_PKG_VERSION");
        let image = |version: &str| format!("ghcr.io/lambda-triggers/lambda-triggers:v{version}");
        create_pod(&env, "one", &image(version), json!({"ready": true, "restartCount": 0})).await;
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let crashes = json!({"ready": false, "restartCount": 7, "state": waiting});
        create_pod(&env, "two", &image("0.0.1"), crashes).await;
        assert_eq!(
            operator_lines(&env, &[]).await,
            [
                format!(
                    "failed   leader: no Lease lambda-triggers-{OWNER} exists, so no pod has led with this owner id; find \
                     the cause in the log of the pods, or give the operator's own --owner-id"
                ),
                "ok       pod one: is ready; restarts: 0".into(),
                format!("ok       version of pod one: {version}, as this program"),
                "failed   pod two: is not ready (CrashLoopBackOff); restarts: 7; find the cause in the log of the pod, or \
                 with kubectl describe pod"
                    .into(),
                format!(
                    "failed   version of pod two: 0.0.1, but this program is {version}: use lambda-triggers 0.0.1, or \
                     upgrade the operator to {version}"
                ),
            ]
        );

        let user = format!("system:serviceaccount:{}:operator", env.namespace());
        let lines = operator_lines(&env, &["--as", &user]).await;
        let within = format!("in the namespace {}", env.namespace());
        let [leases, pods] = [
            format!("skipped  leader: the Lease lambda-triggers-{OWNER} cannot be read: "),
            format!("skipped  pods: cannot be listed {within}: "),
        ];
        assert!(lines[0].starts_with(&leases) && lines[1].starts_with(&pods), "{lines:#?}");
        assert!(lines[0].ends_with(&format!("; allow get of Leases {within}")), "{lines:#?}");
        let allow = "; the operator itself does not need this permission: allow list of pods, or use your own kubeconfig";
        assert!(lines[1].ends_with(allow), "{lines:#?}");
    });
}
