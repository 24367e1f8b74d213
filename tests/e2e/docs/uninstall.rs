//! `docs/uninstall.md`: runs the page's commands, in the right order and in the wrong order.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use lambda_triggers_tests::env::{self, TestEnv};

use super::Page;
use crate::scheduled::view::{KIND, rules};
use crate::support::{AwsView, LIMIT, create_both_triggers, own, s3, scheduled};

/// The page's commands under a heading, with the env's namespace.
fn commands<const N: usize>(env: &TestEnv, heading: &str) -> [String; N] {
    let commands: [String; N] = Page::read("docs/uninstall.md").commands(heading);
    commands.map(|command| {
        command
            .replace("--namespace team-a", &format!("--namespace {}", env.namespace()))
            .replace("namespace team-a", &format!("namespace {}", env.namespace()))
            .replace("namespace/team-a", &format!("namespace/{}", env.namespace()))
    })
}

async fn run(env: &TestEnv, command: &str) -> String {
    env.shell(command).await.expect(command)
}

/// The numbers of the operator's rules, entries and permission statements.
async fn counts_in_aws(env: &TestEnv, bucket: &str) -> [usize; 3] {
    let statements = env.statements("report", None).await;
    [rules(env).await.len(), own(&env.document(bucket).await).len(), statements.len()]
}

async fn delete_namespace(env: &TestEnv) {
    let namespaces = Api::<Namespace>::all(env.kube().clone());
    namespaces.delete(env.namespace(), &DeleteParams::default()).await.unwrap();
}

/// An operator of all namespaces, with the owner id that the page's commands find.
fn operator(env: &TestEnv) -> env::Controller {
    env.controller_of_all_namespaces(&[])
}

#[test]
fn an_uninstall_in_the_right_order_leaves_nothing() {
    env::test_on_own_cluster("uninstall", async |env| {
        let mut controller = operator(&env);
        let bucket = create_both_triggers(&env).await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [1, 1, 2]);
        let [delete, why, wait] = commands(&env, "2. Delete the resources, and wait until they are gone");
        run(&env, &delete).await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [0, 0, 0]);
        run(&env, &why).await;
        run(&env, &wait).await;
        controller.stop().await;
        let [definitions] = commands(&env, "4. Remove the CRDs");
        run(&env, &definitions).await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}

#[test]
fn retained_resources_stay_and_are_owned_after_reinstall() {
    env::test_on_own_cluster("retain-all", async |env| {
        let mut controller = operator(&env);
        let bucket = create_both_triggers(&env).await;
        let [retain] = commands(&env, "1. Optional: keep the AWS resources");
        run(&env, &retain).await;
        let [delete, ..]: [String; 3] =
            commands(&env, "2. Delete the resources, and wait until they are gone");
        run(&env, &delete).await;
        controller.stop().await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [1, 1, 2]);

        controller.start();
        apply_both_again(&env, &bucket).await;
        run(&env, &delete).await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}

/// Applies both resources again, and waits until the resources own the remaining AWS resources.
async fn apply_both_again(env: &TestEnv, bucket: &str) {
    let objects = [
        scheduled("nightly-report", "report", "schedule: rate(1 day)"),
        s3("thumbnails", "report", bucket, ""),
    ];
    env.apply(&objects.join("---\n")).await;
    env.until_ready(KIND, "nightly-report").await;
    env.until_ready("S3TriggeredFunction", "thumbnails").await;
    assert_eq!(counts_in_aws(env, bucket).await, [1, 1, 2]);
}

#[test]
fn a_namespace_is_deleted_after_the_operator_is_reinstalled() {
    env::test_on_own_cluster("stuck", async |env| {
        if !env.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        let mut controller = operator(&env);
        let bucket = create_both_triggers(&env).await;
        controller.stop().await;
        delete_namespace(&env).await;
        let [message] = commands(&env, "The operator is gone already");
        let expected = "Some content in the namespace has finalizers remaining: lambda-triggers.dev/aws-cleanup in 2 \
                        resource instances";
        env.until(LIMIT, expected, async || {
            let output = run(&env, &message).await;
            if output == expected { Ok(()) } else { Err(output) }
        })
        .await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [1, 1, 2], "nothing is deleted");

        controller.start();
        let [wait] = commands(&env, "Install it again");
        run(&env, &wait).await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}

#[test]
fn orphans_of_removed_finalizers_are_owned_after_reinstall() {
    env::test_on_own_cluster("by-hand", async |env| {
        let mut controller = operator(&env);
        let bucket = create_both_triggers(&env).await;
        let [_, owner] = commands(&env, "Find the orphans in AWS");
        let prefix = run(&env, &owner).await.trim().to_owned();
        controller.stop().await;
        let [backup, one, all] = commands(&env, "Or remove the finalizers by hand");
        for (kind, name) in [(KIND, "nightly-report"), ("S3TriggeredFunction", "thumbnails")] {
            env.delete(kind, name).await;
        }
        run(&env, &format!("cd '{}'\n{backup}", env.directory().display())).await;
        let written = std::fs::read_to_string(env.directory().join("lambda-triggers-team-a.yaml")).unwrap();
        run(&env, &one).await;
        env.until_gone(KIND, "nightly-report").await;
        run(&env, &all).await;
        env.until_gone("S3TriggeredFunction", "thumbnails").await;

        assert_eq!(counts_in_aws(&env, &bucket).await, [1, 1, 2]);
        let own_names: Vec<String> = [
            env.rule_names().await,
            own(&env.document(&bucket).await).into_iter().filter_map(|entry| entry.id).collect(),
            env.statements("report", None).await,
        ]
        .concat();
        for name in &own_names {
            assert!(name.starts_with(&prefix), "{name} does not begin with {prefix}");
            assert!(written.contains(name), "{name} is not in {written}");
        }

        controller.start();
        apply_both_again(&env, &bucket).await;
        let [delete, ..]: [String; 3] =
            commands(&env, "2. Delete the resources, and wait until they are gone");
        run(&env, &delete).await;
        assert_eq!(counts_in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}
