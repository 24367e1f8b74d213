//! Another owner id than that of the existing AWS resources, of the operator or of a command.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use lambda_triggers_tests::env::{self, TestEnv};

use crate::objects::{NO_RESYNC, OWNER};
use crate::support::{AwsView, create_both_triggers, scheduled};

const OTHER: &str = "4d3c2b1a";

/// Waits until the trigger of this kind has a condition with the reason `OtherOwnerId`. Returns the message.
async fn until_refused(env: &TestEnv, kind: &str, name: &str) -> String {
    let stalled = env.until_condition(kind, name, "Stalled", "True").await;
    assert_eq!(stalled["reason"], "OtherOwnerId", "{stalled}");
    stalled["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_operator_with_another_owner_id_leaves_all_resources_as_they_are() {
    env::test("other-owner-id", async |env| {
        let (schedule, trigger) = ("ScheduledFunction", "S3TriggeredFunction");
        let mut controller = env.controller(&NO_RESYNC);
        create_both_triggers(&env).await;
        let rules = env.rule_names().await;
        controller.stop().await;
        env.aws_proxy().clear_calls(env.account());

        let mut other = env.controller(&["--owner-id", OTHER]);
        let message = format!(
            "the AWS resources of this resource have the owner id {OWNER}, but this operator has the owner id {OTHER}. \
             Start the operator with --owner-id {OWNER} (ownerId in the chart). Or set spec.deletionPolicy to Retain and \
             delete the resource, which leaves the AWS resources to you"
        );
        for (kind, name) in [(schedule, "nightly-report"), (trigger, "thumbnails")] {
            assert_eq!(until_refused(&env, kind, name).await, message);
        }
        // A deletion waits, because the operator would not find the rule.
        env.delete(schedule, "nightly-report").await;
        env.until_condition(schedule, "nightly-report", "Ready", "False").await;
        let manifests =
            env.kubectl(&["get", "s3fn", "thumbnails", "--output=yaml"], "").await.expect("the trigger");
        let file = env.directory().join("triggers.yaml");
        std::fs::write(&file, manifests).unwrap();
        let file = file.display().to_string();
        let scope = ["--cluster", "--owner-id", OTHER, "--operator-namespace", env.namespace()];
        let output = env.lambda_triggers(&[&["plan", "--filename", &file][..], &scope].concat(), &[]).await;
        assert!(output.stdout.contains(&format!("    ! OtherOwnerId: {message}\n")), "{output:?}");
        assert_eq!((env.aws_writes(), env.rule_names().await), (vec![], rules));
        other.stop().await;

        let _controller = env.controller(&NO_RESYNC);
        env.until_gone(schedule, "nightly-report").await;
        env.until_ready(trigger, "thumbnails").await;
        assert_eq!(env.rule_names().await, Vec::<String>::new());
    });
}

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
        let file = file.display().to_string();
        env.apply(&scheduled("later", "report", "schedule: rate(1 day)")).await;
        let kubeconfig = env.kubeconfig().display().to_string();
        let later = ["explain", "resource", "schedfn/later", "--namespace", env.namespace()];
        for command in [&["plan", "--cluster", "--filename", &file][..], &later] {
            let output = env.lambda_triggers(command, &[("KUBECONFIG", &kubeconfig)]).await;
            let cause = "but the AWS resources in the status of its resources have the owner id ";
            assert!(output.stderr.contains(cause) && output.code == Some(1), "{command:?}: {output:?}");
        }
    });
}
