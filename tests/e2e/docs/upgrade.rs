//! `docs/upgrade.md`: runs the page's commands. An upgrade without changes writes nothing to AWS, and a move to another
//! cluster changes only tags.

use lambda_triggers_tests::env;

use super::{Page, root};
use crate::objects::{NO_RESYNC, events_of};
use crate::scheduled::view::{rule_name, rules};
use crate::support::{AwsView, LIMIT, create_both_triggers, own};

#[test]
fn an_upgrade_without_changes_writes_nothing_to_aws() {
    env::test_on_own_cluster("upgrade", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        create_both_triggers(&env).await;

        let [crds, ready] =
            Page::read("docs/upgrade.md").commands("Without Helm: CRDs first, then the operator");
        controller.stop().await;
        let output = env.shell(&format!("cd '{}'\n{crds}", root().display())).await.expect(&crds);
        assert_eq!(output.matches("condition met").count(), 2, "{output}");
        env.aws_proxy().clear_calls(env.account());
        controller.start();
        let has_read_both = |calls: &[lambda_triggers_tests::aws_proxy::Call]| {
            ["ListTargetsByRule", "GetBucketNotificationConfiguration"]
                .iter()
                .all(|read| calls.iter().any(|call| call.operation == *read))
        };
        let waited = env.aws_proxy().wait_for_calls(env.account(), LIMIT, has_read_both).await;
        waited.unwrap_or_else(|calls| panic!("the operator has not read both: {calls:?}"));
        env.shell(&ready).await.expect(&ready);
        controller.stop().await;
        assert_eq!(env.aws_writes(), vec![]);
    });
}

#[test]
fn a_move_to_another_cluster_changes_only_tags() {
    env::test_on_own_cluster("blue", async |blue| {
        let Some(green) = blue.in_another_cluster().await else { return };
        let [owner_id, _stop, ready, release] =
            Page::read("docs/upgrade.md").commands("Move to another cluster");
        let mut old = blue.controller(&NO_RESYNC);
        let bucket = create_both_triggers(&blue).await;
        let found = blue.shell(&owner_id).await.expect(&owner_id);
        assert_eq!(found.trim().len(), 8, "{found}");
        old.stop().await;
        let entries = own(&blue.document(&bucket).await);
        let before = rules(&blue).await;
        assert_eq!((entries.len(), before.len()), (1, 1));

        blue.aws_proxy().clear_calls(blue.account());
        let mut new = green.controller(&NO_RESYNC);
        for kind in ["schedfn", "s3fn"] {
            let arguments = ["get", kind, "--output", "yaml"];
            let manifest = blue.kubectl(&arguments, "").await.expect("kubectl get");
            green.apply(&without_server_fields(&manifest)).await;
        }
        green.shell(&ready).await.expect(&ready);
        let writes: Vec<String> = blue.applied_writes().into_iter().map(|call| call.operation).collect();
        assert_eq!(writes, ["TagResource"]);
        assert_eq!(own(&blue.document(&bucket).await), entries);
        assert_ne!(rules(&blue).await, before, "the tags name green");
        let reasons = events_of(&green, "nightly-report").await.into_iter().map(|[_, reason, _]| reason);
        assert!(reasons.clone().any(|reason| reason == "Adopted"), "{:?}", reasons.collect::<Vec<_>>());

        blue.aws_proxy().clear_calls(blue.account());
        blue.shell(&release).await.expect(&release);
        for (kind, name) in [("ScheduledFunction", "nightly-report"), ("S3TriggeredFunction", "thumbnails")] {
            blue.until_gone(kind, name).await;
        }
        assert_eq!(blue.aws_writes(), vec![]);

        for (kind, name) in [("ScheduledFunction", "nightly-report"), ("S3TriggeredFunction", "thumbnails")] {
            green.delete(kind, name).await;
            green.until_gone(kind, name).await;
        }
        assert_eq!(own(&blue.document(&bucket).await), []);
        assert!(!rules(&blue).await.contains_key(&rule_name(&blue, "nightly-report")));
        new.stop().await;
        assert_eq!(green.status_findings().await, Vec::<String>::new());
    });
}

/// The manifests in a list of objects, without the fields that the API server has set.
fn without_server_fields(list: &str) -> String {
    let list: serde_json::Value = serde_saphyr::from_str(list).unwrap();
    let manifests = list["items"].as_array().unwrap().iter().map(|object| {
        let manifest = serde_json::json!({
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "metadata": {"name": object["metadata"]["name"]},
            "spec": object["spec"],
        });
        manifest.to_string()
    });
    manifests.collect::<Vec<_>>().join("\n---\n")
}
