//! Commands without `--owner-id`, in a cluster whose operator has the flag.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use lambda_triggers_tests::env;

use crate::objects::{NO_RESYNC, OWNER};
use crate::support::create_both_triggers;

#[test]
fn commands_name_the_owner_id_that_the_resources_record() {
    env::test("owner-id", async |env| {
        let controller = env.controller(&NO_RESYNC);
        create_both_triggers(&env).await;
        drop(controller);
        let namespace: Namespace = Api::all(env.kube().clone()).get(env.namespace()).await.unwrap();
        let of_cluster: String = namespace.uid().unwrap().chars().take(8).collect();
        let why = format!(
            "the owner id of the cluster is {of_cluster}, but the AWS resources in the status of its resources have the \
             owner id {OWNER}: give --owner-id {OWNER}. If the operator watches only some namespaces, give --namespace, \
             with the operator's namespace in the kubeconfig"
        );
        let scope = ["--namespace", env.namespace()];
        for command in [&["doctor"][..], &["doctor", "--orphans"]] {
            let output = env.lambda_triggers(&[command, &scope, &["--only=failed"]].concat(), &[]).await;
            let line = format!("failed   owner id: {why}\n");
            assert!(output.stdout.contains(&line) && output.code == Some(1), "{command:?}: {output:?}");
        }
        let output = env.lambda_triggers(&[&["iam-policy"][..], &scope].concat(), &[]).await;
        assert_eq!((output.code, output.stderr), (Some(1), format!("lambda-triggers: {why}\n")));

        // Other tests have resources in other namespaces of the cluster.
        let file = env.directory().join("none.yaml");
        std::fs::write(&file, "").unwrap();
        let output =
            env.lambda_triggers(&["plan", "--cluster", "--filename", &file.display().to_string()], &[]).await;
        let cause = "but the AWS resources in the status of its resources have the owner id ";
        assert!(output.stderr.contains(cause) && output.code == Some(1), "{output:?}");
    });
}
