//! A reconcile that somebody asks for by the annotation: it is made now, it is told when it is done, and each value asks
//! once.

use lambda_triggers_core::plan::bucket::Document;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use crate::docs::Page;
use crate::objects::{NO_RESYNC, RESYNC_1S, conditions, nothing_is_written_at_rest};
use crate::scheduled::view::{KIND, rule_name, rules};
use crate::support::{AwsView, both_in_place, own, scheduled};

const S3: &str = "S3TriggeredFunction";

/// Asks for a reconcile with a value, and waits until that was met.
async fn ask(env: &TestEnv, kind: &str, name: &str, value: &str) {
    let annotation = format!("lambda-triggers.dev/reconcile={value}");
    env.kubectl(&["annotate", kind, name, &annotation, "--overwrite"], "").await.expect("kubectl annotate");
    let handled = format!("--for=jsonpath={{.status.lastHandledReconcileAt}}={value}");
    env.kubectl(&["wait", &handled, kind, name, "--timeout=60s"], "").await.expect("kubectl wait");
}

/// It waits ten minutes else.
#[test]
fn drift_is_repaired_as_soon_as_somebody_asks() {
    env::test("asked", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let bucket = both_in_place(&env).await;
        let before = (rules(&env).await, own(&env.document(&bucket).await));

        env.events().disable_rule().name(rule_name(&env, "nightly-report")).send().await.unwrap();
        env.put_document(&bucket, "<NotificationConfiguration/>").await;
        assert_eq!(own(&env.document(&bucket).await), []);
        let [ask_for_one, ask_for_all] = Page::read("docs/conditions.md").commands("Request a reconcile");
        env.shell(&ask_for_one).await.expect(&ask_for_one);
        assert_eq!(rules(&env).await, before.0);
        assert_eq!(env.document(&bucket).await, Document::parse("<NotificationConfiguration/>").unwrap());
        ask(&env, S3, "thumbnails", "now").await;
        assert_eq!((rules(&env).await, own(&env.document(&bucket).await)), before);

        env.put_document(&bucket, "<NotificationConfiguration/>").await;
        env.shell(&ask_for_all).await.expect(&ask_for_all);
        env.until(crate::support::LIMIT, "the entry", async || {
            let found = own(&env.document(&bucket).await);
            if found == before.1 { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    });
}

#[test]
fn a_value_asks_once() {
    env::test("asked-once", async |env| {
        let mut controller = env.controller(&NO_RESYNC);
        for name in ["first", "second"] {
            env.function(name).await;
            env.apply(&scheduled(name, name, "schedule: rate(1 hour)")).await;
            env.until_ready(KIND, name).await;
        }
        ask(&env, KIND, "first", "one").await;
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
        // Whatever was to come for the first one has come before this is done.
        ask(&env, KIND, "second", "one").await;
        assert!(calls_for("second") > 0);
        assert_eq!((calls_for("first"), version().await), (0, labelled.clone()));

        // The next operator looks at all objects when it starts, and has nothing to write.
        controller.stop().await;
        controller.start();
        ask(&env, KIND, "second", "two").await;
        env.until(crate::support::LIMIT, "a look at the first", async || {
            (calls_for("first") > 0).then_some(())
        })
        .await;
        ask(&env, KIND, "second", "three").await;
        assert_eq!(version().await, labelled);
        assert_eq!(env.aws_writes(), []);
    });
}

/// What was asked for is a look, and it was made: the conditions say what came of it.
#[test]
fn a_request_is_met_where_the_object_is_not_ready_and_at_rest_nothing_is_written() {
    env::test("asked-stalled", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("nightly-report", "report", "schedule: rate(1 day)")).await;
        env.until_condition(KIND, "nightly-report", "Stalled", "True").await;
        let before = conditions(&env, KIND, "nightly-report").await;
        ask(&env, KIND, "nightly-report", "now please").await;
        assert_eq!(conditions(&env, KIND, "nightly-report").await, before);
        nothing_is_written_at_rest(&env, KIND, &["nightly-report"]).await;

        env.kubectl(&["annotate", KIND, "nightly-report", "lambda-triggers.dev/reconcile-"], "")
            .await
            .expect("kubectl");
        nothing_is_written_at_rest(&env, KIND, &["nightly-report"]).await;
        let status = env.object(KIND, "nightly-report").await.unwrap()["status"].clone();
        assert_eq!(status["lastHandledReconcileAt"], json!("now please"));
    });
}
