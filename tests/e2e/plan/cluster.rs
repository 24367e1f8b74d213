//! `lambda-triggers plan --cluster`: the objects of the cluster tell what a plan cannot see in AWS, and stay as they are.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::ownership::bucket_statement_id;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use super::{changes, key, manifests, shared_bucket, write};
use crate::accounts::account;
use crate::docs::Page;
use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::{AwsView, LIMIT};

/// The RBAC rules of docs/plan.md, for an operator in this namespace.
fn rules(namespace: &str) -> String {
    let page = Page::read("docs/plan.md");
    let block = page.blocks().into_iter().find(|block| block.text.contains("kind: ClusterRole")).unwrap();
    let role: Value = serde_saphyr::from_str(&block.text).unwrap();
    role["rules"].to_string().replace("kube-system", namespace)
}

/// Runs `plan --cluster` as a service account with the documented rules. Returns the exit code and the output.
async fn run(env: &TestEnv, kubeconfig: &str, flags: &[&str]) -> (i32, String) {
    let own = ["plan", "--cluster", "--owner-id", OWNER, "--operator-namespace", env.namespace()];
    let command = [&own[..], flags].concat();
    let output = env.lambda_triggers(&command, &[("KUBECONFIG", kubeconfig)]).await;
    assert_eq!(output.stderr, "", "{command:?}");
    (output.code.unwrap(), output.stdout)
}

/// Runs `plan --cluster` while the operator is at rest, and checks that AWS stays as it is. The RBAC rules permit no
/// write to the cluster.
async fn plan(env: &TestEnv, kubeconfig: &str, flags: &[&str]) -> (i32, String) {
    env.aws_proxy().clear_calls(env.account());
    let planned = run(env, kubeconfig, flags).await;
    assert_eq!(env.aws_writes(), vec![], "{flags:?}");
    planned
}

#[test]
fn the_cluster_tells_what_a_resource_had_elsewhere() {
    env::test("plan-cluster", async |env| {
        let bucket = shared_bucket(&env).await;
        let archive = env.new_bucket("archive").await;
        env.permit_bucket("thumbs", &archive).await;
        let _controller = env.controller(&NO_RESYNC);
        let extra = "---
apiVersion: lambda-triggers.dev/v1alpha1
kind: ScheduledFunction
metadata: {name: extra, labels: {app: media}}
spec: {function: {name: report}, schedule: rate(1 day)}
";
        env.apply(&(manifests(&bucket, "0 18 * * MON-FRI") + extra)).await;
        for name in ["report", "extra"] {
            env.until_ready("ScheduledFunction", name).await;
        }
        env.until_ready("S3TriggeredFunction", "thumbs").await;
        let kubeconfig = account(&env, &format!("plan-{}", env.namespace()), &rules(env.namespace())).await;
        let kubeconfig = kubeconfig.display().to_string();

        // The bucket changes, and a resource is gone. No base tells either.
        let head = manifests(&archive, "0 17 * * MON-FRI");
        let file = write(&env, "head.yaml", &head);
        let flags = ["--filename", &file, "--prune", "--selector", "app=media", "--output", "json"];
        let (code, json) = plan(&env, &kubeconfig, &flags).await;
        let owner = owner();
        let rule = |name: &str| key(&env, name).rule_name(&owner, "ScheduledFunction");
        let id = |suffix: &str| {
            let filter = KeyFilter { suffix: Some(suffix.into()), ..Default::default() };
            key(&env, "thumbs").entry_id(&owner, &filter, false)
        };
        let statement = |bucket: &str| bucket_statement_id(&owner, bucket);
        let (jpg, webp) = (id(".jpg"), id(".webp"));
        let expected = [
            ["Rule", "Delete", &rule("extra")],
            ["Rule", "Update", &rule("report")],
            ["Permission", "Create", &statement(&archive)],
            ["Entry", "Create", &jpg],
            ["Entry", "Create", &webp],
            ["Entry", "Delete", &jpg],
            ["Entry", "Delete", &webp],
            ["Permission", "Delete", &statement(&bucket)],
        ];
        let planned = changes(&json);
        assert_eq!(planned, expected);
        assert_eq!(code, 2);
        let (_, text) = plan(&env, &kubeconfig, &flags[..5]).await;
        assert!(text.contains("compared with AWS and the cluster\n"), "{text}");
        let line =
            format!("- ScheduledFunction {}/extra   in the cluster, not in the files\n", env.namespace());
        assert!(text.contains(&line), "{text}");
        // The selector matches no other resource.
        let (_, json) =
            plan(&env, &kubeconfig, &["-f", &file, "--prune", "-l", "app=other", "-o", "json"]).await;
        assert_eq!(changes(&json), planned[1..]);

        env.apply(&head).await;
        env.delete("ScheduledFunction", "extra").await;
        env.until_gone("ScheduledFunction", "extra").await;
        env.until(LIMIT, "an empty plan", async || {
            let (code, json) = run(&env, &kubeconfig, &flags).await;
            if code == 0 { Ok(()) } else { Err(json) }
        })
        .await;
    });
}

#[test]
fn a_plan_prunes_only_what_a_selector_matches() {
    env::test("plan-prune", async |env| {
        let file = write(&env, "head.yaml", "");
        for (flags, missing) in [
            (&["--prune", "--cluster"][..], "--selector <SELECTOR>"),
            (&["--prune", "--selector", "a=b", "--owner-id", OWNER], "--cluster"),
            (&["--selector", "a=b", "--cluster"], "--prune"),
        ] {
            let command = [&["plan", "--filename", &file], flags].concat();
            let output = env.lambda_triggers(&command, &[]).await;
            assert_eq!(output.code, Some(1), "{command:?}");
            let required = "the following required arguments were not provided:";
            assert!(output.stderr.contains(required) && output.stderr.contains(missing), "{}", output.stderr);
        }
    });
}

#[test]
fn a_plan_warns_of_fields_that_the_cluster_drops() {
    env::test_on_own_cluster("plan-old-crds", async |env| {
        let crds = Api::<CustomResourceDefinition>::all(env.kube().clone());
        let mut crd = crds.get("scheduledfunctions.lambda-triggers.dev").await.unwrap();
        let schema = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        let spec = schema.properties.as_mut().unwrap().get_mut("spec").unwrap();
        spec.properties.as_mut().unwrap().remove("tags");
        crds.replace("scheduledfunctions.lambda-triggers.dev", &PostParams::default(), &crd).await.unwrap();
        env.function("report").await;
        let text = manifests("photos", "rate(1 hour)");
        let text = text.split_once("---\n").unwrap().1.replace("  input:", "  tags: {team: a}\n  input:");
        let file = write(&env, "head.yaml", &text);
        let kubeconfig = env.operator_kubeconfig().display().to_string();
        let line = "* InvalidSpec: spec.tags: the API server drops this field, since the CRD in the cluster does not have it: \
                    update the CRDs first";
        env.until(LIMIT, "the warning", async || {
            let (_, text) = plan(&env, &kubeconfig, &["--filename", &file]).await;
            if text.contains(line) { Ok(()) } else { Err(text) }
        })
        .await;
    });
}
