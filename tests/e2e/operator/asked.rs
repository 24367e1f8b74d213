//! A reconcile that somebody asks for by the annotation: it is made now, it is told when it is done, and each value asks
//! once.

use lambda_triggers_core::plan::bucket::Document;
use lambda_triggers_tests::world::{self, World};
use serde_json::json;

use crate::docs::Page;
use crate::objects::{NO_RESYNC, RESYNC_1S, conditions, nothing_is_written_at_rest};
use crate::scheduled::view::{KIND, rule_name, rules};
use crate::support::{AwsView, both_in_place, own, scheduled};

const S3: &str = "S3TriggeredFunction";

/// Asks for a reconcile with a value, and waits until that was met.
async fn ask(w: &World, kind: &str, name: &str, value: &str) {
    let annotation = format!("lambda-triggers.dev/reconcile={value}");
    w.kubectl(&["annotate", kind, name, &annotation, "--overwrite"], "").await.expect("kubectl annotate");
    let handled = format!("--for=jsonpath={{.status.lastHandledReconcileAt}}={value}");
    w.kubectl(&["wait", &handled, kind, name, "--timeout=60s"], "").await.expect("kubectl wait");
}

/// It waits ten minutes else.
#[test]
fn drift_is_repaired_as_soon_as_somebody_asks() {
    world::test("asked", async |w| {
        let _controller = w.controller(&NO_RESYNC);
        let bucket = both_in_place(&w).await;
        let before = (rules(&w).await, own(&w.document(&bucket).await));

        w.events().disable_rule().name(rule_name(&w, "nightly-report")).send().await.unwrap();
        w.put_document(&bucket, "<NotificationConfiguration/>").await;
        assert_eq!(own(&w.document(&bucket).await), []);
        let [ask_for_one, ask_for_all] = Page::read("docs/conditions.md").commands("Request a reconcile");
        w.shell(&ask_for_one).await.expect(&ask_for_one);
        assert_eq!(rules(&w).await, before.0);
        assert_eq!(w.document(&bucket).await, Document::parse("<NotificationConfiguration/>").unwrap());
        ask(&w, S3, "thumbnails", "now").await;
        assert_eq!((rules(&w).await, own(&w.document(&bucket).await)), before);

        w.put_document(&bucket, "<NotificationConfiguration/>").await;
        w.shell(&ask_for_all).await.expect(&ask_for_all);
        w.until(crate::support::LIMIT, "the entry", async || {
            let found = own(&w.document(&bucket).await);
            if found == before.1 { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    });
}

#[test]
fn a_value_asks_once() {
    world::test("asked-once", async |w| {
        let mut controller = w.controller(&NO_RESYNC);
        for name in ["first", "second"] {
            w.function(name).await;
            w.apply(&scheduled(name, name, "schedule: rate(1 hour)")).await;
            w.until_ready(KIND, name).await;
        }
        ask(&w, KIND, "first", "one").await;
        let version = async || w.object(KIND, "first").await.unwrap()["metadata"]["resourceVersion"].clone();
        let calls_for = |name: &str| {
            let calls = w.aws_proxy().calls(w.account());
            calls.into_iter().filter(|call| call.resource.ends_with(name)).count()
        };
        w.kubectl(&["label", KIND, "first", "team=a"], "").await.expect("kubectl label");
        let labelled = version().await;
        w.aws_proxy().clear_calls(w.account());
        let same = ["annotate", KIND, "first", "lambda-triggers.dev/reconcile=one", "--overwrite"];
        w.kubectl(&same, "").await.expect("kubectl annotate");
        // Whatever was to come for the first one has come before this is done.
        ask(&w, KIND, "second", "one").await;
        assert!(calls_for("second") > 0);
        assert_eq!((calls_for("first"), version().await), (0, labelled.clone()));

        // The next operator looks at all objects when it starts, and has nothing to write.
        controller.stop().await;
        controller.start();
        ask(&w, KIND, "second", "two").await;
        w.until(crate::support::LIMIT, "a look at the first", async || {
            (calls_for("first") > 0).then_some(())
        })
        .await;
        ask(&w, KIND, "second", "three").await;
        assert_eq!(version().await, labelled);
        assert_eq!(w.aws_writes(), []);
    });
}

/// What was asked for is a look, and it was made: the conditions say what came of it.
#[test]
fn a_request_is_met_where_the_object_is_not_ready_and_at_rest_nothing_is_written() {
    world::test("asked-stalled", async |w| {
        let _controller = w.controller(&RESYNC_1S);
        w.apply(&scheduled("nightly-report", "report", "schedule: rate(1 day)")).await;
        w.until_condition(KIND, "nightly-report", "Stalled", "True").await;
        let before = conditions(&w, KIND, "nightly-report").await;
        ask(&w, KIND, "nightly-report", "now please").await;
        assert_eq!(conditions(&w, KIND, "nightly-report").await, before);
        nothing_is_written_at_rest(&w, KIND, &["nightly-report"]).await;

        w.kubectl(&["annotate", KIND, "nightly-report", "lambda-triggers.dev/reconcile-"], "")
            .await
            .expect("kubectl");
        nothing_is_written_at_rest(&w, KIND, &["nightly-report"]).await;
        let status = w.object(KIND, "nightly-report").await.unwrap()["status"].clone();
        assert_eq!(status["lastHandledReconcileAt"], json!("now please"));
    });
}
