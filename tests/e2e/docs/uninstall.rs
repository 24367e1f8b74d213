//! `docs/uninstall.md`: its very commands, in the right order and in the wrong one.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use lambda_triggers_tests::world::{self, World};

use super::Page;
use crate::scheduled::view::{KIND, rules};
use crate::support::{AwsView, LIMIT, both_in_place, own, s3, scheduled};

/// The page's commands under a heading, for the world's namespace in place of the page's.
fn commands<const N: usize>(w: &World, heading: &str) -> [String; N] {
    let commands: [String; N] = Page::read("docs/uninstall.md").commands(heading);
    commands.map(|command| {
        command
            .replace("--namespace team-a", &format!("--namespace {}", w.namespace()))
            .replace("namespace team-a", &format!("namespace {}", w.namespace()))
            .replace("namespace/team-a", &format!("namespace/{}", w.namespace()))
    })
}

async fn run(w: &World, command: &str) -> String {
    w.shell(command).await.expect(command)
}

/// How many rules, entries and statements of the operator there are.
async fn in_aws(w: &World, bucket: &str) -> [usize; 3] {
    let statements = w.statements("report", None).await;
    [rules(w).await.len(), own(&w.document(bucket).await).len(), statements.len()]
}

async fn delete_namespace(w: &World) {
    let namespaces = Api::<Namespace>::all(w.kube().clone());
    namespaces.delete(w.namespace(), &DeleteParams::default()).await.unwrap();
}

/// The operator that looks after all namespaces, with the owner id that the page's commands find.
fn operator(w: &World) -> world::Controller {
    w.controller_of_all_namespaces(&[])
}

#[test]
fn in_the_right_order_nothing_is_left() {
    world::test_on_own_cluster("uninstall", async |w| {
        let mut controller = operator(&w);
        let bucket = both_in_place(&w).await;
        assert_eq!(in_aws(&w, &bucket).await, [1, 1, 2]);
        let [delete, why, wait] = commands(&w, "2. Delete the resources, and wait until they are gone");
        run(&w, &delete).await;
        assert_eq!(in_aws(&w, &bucket).await, [0, 0, 0]);
        run(&w, &why).await;
        run(&w, &wait).await;
        controller.stop().await;
        let [definitions] = commands(&w, "4. Remove the CRDs");
        run(&w, &definitions).await;
        assert_eq!(in_aws(&w, &bucket).await, [0, 0, 0]);
    });
}

#[test]
fn what_is_retained_stays_and_is_owned_again() {
    world::test_on_own_cluster("retain-all", async |w| {
        let mut controller = operator(&w);
        let bucket = both_in_place(&w).await;
        let [retain] = commands(&w, "1. Optional: keep the AWS resources");
        run(&w, &retain).await;
        let [delete, ..]: [String; 3] = commands(&w, "2. Delete the resources, and wait until they are gone");
        run(&w, &delete).await;
        controller.stop().await;
        assert_eq!(in_aws(&w, &bucket).await, [1, 1, 2]);

        controller.start();
        in_place_again(&w, &bucket).await;
        run(&w, &delete).await;
        assert_eq!(in_aws(&w, &bucket).await, [0, 0, 0]);
    });
}

/// Applies both resources once more, and waits until they own what is there.
async fn in_place_again(w: &World, bucket: &str) {
    let objects = [
        scheduled("nightly-report", "report", "schedule: rate(1 day)"),
        s3("thumbnails", "report", bucket, ""),
    ];
    w.apply(&objects.join("---\n")).await;
    w.until_ready(KIND, "nightly-report").await;
    w.until_ready("S3TriggeredFunction", "thumbnails").await;
    assert_eq!(in_aws(w, bucket).await, [1, 1, 2]);
}

#[test]
fn without_an_operator_a_namespace_waits_until_it_is_installed_again() {
    world::test_on_own_cluster("stuck", async |w| {
        if !w.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        let mut controller = operator(&w);
        let bucket = both_in_place(&w).await;
        controller.stop().await;
        delete_namespace(&w).await;
        let [message] = commands(&w, "The operator is gone already");
        let expected = "Some content in the namespace has finalizers remaining: lambda-triggers.dev/aws-cleanup in 2 \
                        resource instances";
        w.until(LIMIT, expected, async || {
            let told = run(&w, &message).await;
            if told == expected { Ok(()) } else { Err(told) }
        })
        .await;
        assert_eq!(in_aws(&w, &bucket).await, [1, 1, 2], "nobody has taken anything away");

        controller.start();
        let [wait] = commands(&w, "Install it again");
        run(&w, &wait).await;
        assert_eq!(in_aws(&w, &bucket).await, [0, 0, 0]);
    });
}

#[test]
fn finalizers_removed_by_hand_leave_in_aws_what_a_successor_owns_again() {
    world::test_on_own_cluster("by-hand", async |w| {
        let mut controller = operator(&w);
        let bucket = both_in_place(&w).await;
        let [owner] = commands(&w, "Find the orphans in AWS");
        let prefix = run(&w, &owner).await.trim().to_owned();
        controller.stop().await;
        let [backup, one, all] = commands(&w, "Or remove the finalizers by hand");
        for (kind, name) in [(KIND, "nightly-report"), ("S3TriggeredFunction", "thumbnails")] {
            w.delete(kind, name).await;
        }
        run(&w, &format!("cd '{}'\n{backup}", w.directory().display())).await;
        let written = std::fs::read_to_string(w.directory().join("lambda-triggers-team-a.yaml")).unwrap();
        run(&w, &one).await;
        w.until_gone(KIND, "nightly-report").await;
        run(&w, &all).await;
        w.until_gone("S3TriggeredFunction", "thumbnails").await;

        assert_eq!(in_aws(&w, &bucket).await, [1, 1, 2]);
        let ours: Vec<String> = [
            w.rule_names().await,
            own(&w.document(&bucket).await).into_iter().filter_map(|entry| entry.id).collect(),
            w.statements("report", None).await,
        ]
        .concat();
        for name in &ours {
            assert!(name.starts_with(&prefix), "{name} does not begin with {prefix}");
            assert!(written.contains(name), "{name} is not in {written}");
        }

        controller.start();
        in_place_again(&w, &bucket).await;
        let [delete, ..]: [String; 3] = commands(&w, "2. Delete the resources, and wait until they are gone");
        run(&w, &delete).await;
        assert_eq!(in_aws(&w, &bucket).await, [0, 0, 0]);
    });
}
