//! `docs/uninstall.md`: its very commands, in the right order and in the wrong one.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use lambda_triggers_tests::env::{self, TestEnv};

use super::Page;
use crate::scheduled::view::{KIND, rules};
use crate::support::{AwsView, LIMIT, both_in_place, own, s3, scheduled};

/// The page's commands under a heading, for the env's namespace in place of the page's.
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

/// How many rules, entries and statements of the operator there are.
async fn in_aws(env: &TestEnv, bucket: &str) -> [usize; 3] {
    let statements = env.statements("report", None).await;
    [rules(env).await.len(), own(&env.document(bucket).await).len(), statements.len()]
}

async fn delete_namespace(env: &TestEnv) {
    let namespaces = Api::<Namespace>::all(env.kube().clone());
    namespaces.delete(env.namespace(), &DeleteParams::default()).await.unwrap();
}

/// The operator that looks after all namespaces, with the owner id that the page's commands find.
fn operator(env: &TestEnv) -> env::Controller {
    env.controller_of_all_namespaces(&[])
}

#[test]
fn in_the_right_order_nothing_is_left() {
    env::test_on_own_cluster("uninstall", async |env| {
        let mut controller = operator(&env);
        let bucket = both_in_place(&env).await;
        assert_eq!(in_aws(&env, &bucket).await, [1, 1, 2]);
        let [delete, why, wait] = commands(&env, "2. Delete the resources, and wait until they are gone");
        run(&env, &delete).await;
        assert_eq!(in_aws(&env, &bucket).await, [0, 0, 0]);
        run(&env, &why).await;
        run(&env, &wait).await;
        controller.stop().await;
        let [definitions] = commands(&env, "4. Remove the CRDs");
        run(&env, &definitions).await;
        assert_eq!(in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}

#[test]
fn what_is_retained_stays_and_is_owned_again() {
    env::test_on_own_cluster("retain-all", async |env| {
        let mut controller = operator(&env);
        let bucket = both_in_place(&env).await;
        let [retain] = commands(&env, "1. Optional: keep the AWS resources");
        run(&env, &retain).await;
        let [delete, ..]: [String; 3] =
            commands(&env, "2. Delete the resources, and wait until they are gone");
        run(&env, &delete).await;
        controller.stop().await;
        assert_eq!(in_aws(&env, &bucket).await, [1, 1, 2]);

        controller.start();
        in_place_again(&env, &bucket).await;
        run(&env, &delete).await;
        assert_eq!(in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}

/// Applies both resources once more, and waits until they own what is there.
async fn in_place_again(env: &TestEnv, bucket: &str) {
    let objects = [
        scheduled("nightly-report", "report", "schedule: rate(1 day)"),
        s3("thumbnails", "report", bucket, ""),
    ];
    env.apply(&objects.join("---\n")).await;
    env.until_ready(KIND, "nightly-report").await;
    env.until_ready("S3TriggeredFunction", "thumbnails").await;
    assert_eq!(in_aws(env, bucket).await, [1, 1, 2]);
}

#[test]
fn without_an_operator_a_namespace_waits_until_it_is_installed_again() {
    env::test_on_own_cluster("stuck", async |env| {
        if !env.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        let mut controller = operator(&env);
        let bucket = both_in_place(&env).await;
        controller.stop().await;
        delete_namespace(&env).await;
        let [message] = commands(&env, "The operator is gone already");
        let expected = "Some content in the namespace has finalizers remaining: lambda-triggers.dev/aws-cleanup in 2 \
                        resource instances";
        env.until(LIMIT, expected, async || {
            let told = run(&env, &message).await;
            if told == expected { Ok(()) } else { Err(told) }
        })
        .await;
        assert_eq!(in_aws(&env, &bucket).await, [1, 1, 2], "nobody has taken anything away");

        controller.start();
        let [wait] = commands(&env, "Install it again");
        run(&env, &wait).await;
        assert_eq!(in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}

#[test]
fn finalizers_removed_by_hand_leave_in_aws_what_a_successor_owns_again() {
    env::test_on_own_cluster("by-hand", async |env| {
        let mut controller = operator(&env);
        let bucket = both_in_place(&env).await;
        let [owner] = commands(&env, "Find the orphans in AWS");
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

        assert_eq!(in_aws(&env, &bucket).await, [1, 1, 2]);
        let ours: Vec<String> = [
            env.rule_names().await,
            own(&env.document(&bucket).await).into_iter().filter_map(|entry| entry.id).collect(),
            env.statements("report", None).await,
        ]
        .concat();
        for name in &ours {
            assert!(name.starts_with(&prefix), "{name} does not begin with {prefix}");
            assert!(written.contains(name), "{name} is not in {written}");
        }

        controller.start();
        in_place_again(&env, &bucket).await;
        let [delete, ..]: [String; 3] =
            commands(&env, "2. Delete the resources, and wait until they are gone");
        run(&env, &delete).await;
        assert_eq!(in_aws(&env, &bucket).await, [0, 0, 0]);
    });
}
