//! The annotation `lambda-triggers.dev/reconcile`: each new value causes one reconcile at once, and the status reports
//! the value after the reconcile.

use lambda_triggers_core::plan::bucket::Document;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use crate::docs::Page;
use crate::objects::{NO_RESYNC, RESYNC_1S, assert_no_writes_at_rest, conditions};
use crate::scheduled::view::{KIND, rule_name, rules};
use crate::support::{AwsView, create_both_triggers, own, scheduled};

const S3: &str = "S3TriggeredFunction";

/// Requests a reconcile with a value, and waits until the status contains the value.
async fn request_reconcile(env: &TestEnv, kind: &str, name: &str, value: &str) {
    let annotation = format!("lambda-triggers.dev/reconcile={value}");
    env.kubectl(&["annotate", kind, name, &annotation, "--overwrite"], "").await.expect("kubectl annotate");
    let handled = format!("--for=jsonpath={{.status.lastHandledReconcileAt}}={value}");
    env.kubectl(&["wait", &handled, kind, name, "--timeout=60s"], "").await.expect("kubectl wait");
}

/// Without a request, the next resync would follow after ten minutes.
#[test]
fn a_requested_reconcile_repairs_drift_at_once() {
    env::test("asked", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let bucket = create_both_triggers(&env).await;
        let before = (rules(&env).await, own(&env.document(&bucket).await));

        env.events().disable_rule().name(rule_name(&env, "nightly-report")).send().await.unwrap();
        env.put_document(&bucket, "<NotificationConfiguration/>").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        let [request_for_one, request_for_all] =
            Page::read("docs/conditions.md").commands("Request a reconcile");
        env.shell(&request_for_one).await.expect(&request_for_one);
        assert_eq!(rules(&env).await, before.0);
        assert_eq!(env.document(&bucket).await, Document::parse("<NotificationConfiguration/>").unwrap());
        request_reconcile(&env, S3, "thumbnails", "now").await;
        assert_eq!((rules(&env).await, own(&env.document(&bucket).await)), before);

        env.put_document(&bucket, "<NotificationConfiguration/>").await;
        env.shell(&request_for_all).await.expect(&request_for_all);
        env.until(crate::support::LIMIT, "the entry", async || {
            let found = own(&env.document(&bucket).await);
            if found == before.1 { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    });
}

#[test]
fn a_value_requests_one_reconcile() {
    env::test("asked-once", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        for name in ["first", "second"] {
            env.function(name).await;
            env.apply(&scheduled(name, name, "schedule: rate(1 hour)")).await;
            env.until_ready(KIND, name).await;
        }
        request_reconcile(&env, KIND, "first", "one").await;
        let version =
            async || env.object(KIND, "first").await.unwrap()["metadata"]["resourceVersion"].clone();
        let calls_for = |name: &str| {
            let calls = env.aws_proxy().calls(env.account());
            calls.into_iter().filter(|call| call.resource.ends_with(name)).count()
        };
        env.kubectl(&["label", KIND, "first", "team=a"], "").await.expect("kubectl label");
        let labelled = version().await;
        env.aws_proxy().clear_calls(env.account());
        let same = ["annotate", KIND, "first", "lambda-triggers.dev/reconcile=one", "--overwrite"];
        env.kubectl(&same, "").await.expect("kubectl annotate");
        // The reconcile of the second object comes after all earlier events of the first object.
        request_reconcile(&env, KIND, "second", "one").await;
        assert!(calls_for("second") > 0);
        assert_eq!((calls_for("first"), version().await), (0, labelled.clone()));

        // The restarted operator reconciles all objects, and has nothing to write.
        controller.stop().await;
        controller.start();
        request_reconcile(&env, KIND, "second", "two").await;
        env.until(crate::support::LIMIT, "a reconcile of the first object", async || {
            (calls_for("first") > 0).then_some(())
        })
        .await;
        request_reconcile(&env, KIND, "second", "three").await;
        assert_eq!(version().await, labelled);
        assert_eq!(env.aws_writes(), []);
    });
}

/// A failed reconcile meets the request, too. The conditions report the failure.
#[test]
fn a_stalled_object_meets_a_request_without_further_writes() {
    env::test("asked-stalled", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("nightly-report", "report", "schedule: rate(1 day)")).await;
        env.until_condition(KIND, "nightly-report", "Stalled", "True").await;
        let before = conditions(&env, KIND, "nightly-report").await;
        request_reconcile(&env, KIND, "nightly-report", "now please").await;
        assert_eq!(conditions(&env, KIND, "nightly-report").await, before);
        assert_no_writes_at_rest(&env, KIND, &["nightly-report"]).await;

        env.kubectl(&["annotate", KIND, "nightly-report", "lambda-triggers.dev/reconcile-"], "")
            .await
            .expect("kubectl");
        assert_no_writes_at_rest(&env, KIND, &["nightly-report"]).await;
        let status = env.object(KIND, "nightly-report").await.unwrap()["status"].clone();
        assert_eq!(status["lastHandledReconcileAt"], json!("now please"));
    });
}
