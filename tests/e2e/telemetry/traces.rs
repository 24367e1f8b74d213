//! Traces, as a collector receives them.

use std::collections::BTreeSet;

use lambda_triggers_tests::env;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::collector::{Collector, texts};
use crate::objects::OWNER;
use crate::support::{AwsView, LIMIT, s3, scheduled};

const S3: &str = "S3TriggeredFunction";
const SCHEDULED: &str = "ScheduledFunction";

/// The value of a text attribute.
fn attribute(span: &Span, name: &str) -> Option<String> {
    texts(&span.attributes).into_iter().find_map(|(key, value)| (key == name).then_some(value))
}

/// The names of the AWS call spans within `root`.
fn calls_within(spans: &[Span], root: &Span) -> BTreeSet<String> {
    let mut span_ids = BTreeSet::from([root.span_id.clone()]);
    // Inner spans arrive before outer spans. Each round adds one level of spans.
    for _ in 0..spans.len() {
        let within = spans.iter().filter(|span| span_ids.contains(&span.parent_span_id));
        let more: BTreeSet<Vec<u8>> = within.map(|span| span.span_id.clone()).collect();
        let before = span_ids.len();
        span_ids.extend(more);
        if span_ids.len() == before {
            break;
        }
    }
    let named = spans.iter().filter(|span| span_ids.contains(&span.span_id) && span.name.contains('.'));
    named.map(|span| span.name.clone()).collect()
}

#[test]
fn a_reconcile_is_a_trace_of_its_calls() {
    env::test("traces", async |env| {
        env.function("hourly").await;
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let collector = Collector::start().await;
        let mut controller = env.controller(&["--owner-id", OWNER, "--otlp-endpoint", &collector.url()]);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.apply(&scheduled("nothing", "nothing", "schedule: rate(1 hour)")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        env.until_ready(S3, "thumbs").await;
        env.until_condition(SCHEDULED, "nothing", "Stalled", "True").await;
        // The operator sends the remaining spans before it ends.
        controller.stop().await;

        let spans = collector.spans();
        let last_reconcile = |name: &str, kind: &str| {
            let object = format!("{}/{name}", env.namespace());
            let matches = |span: &&Span| {
                span.name == "reconcile"
                    && attribute(span, "object").as_deref() == Some(&object)
                    && attribute(span, "kind").as_deref() == Some(kind)
            };
            let all: Vec<&Span> = spans.iter().filter(matches).collect();
            all.into_iter().max_by_key(|span| span.end_time_unix_nano).cloned().unwrap()
        };
        let hourly = last_reconcile("hourly", SCHEDULED);
        // The reconcile of the other schedule may make the list of rules that both share.
        let expected_calls = ["EventBridge.PutRule", "EventBridge.PutTargets", "Lambda.AddPermission"];
        let calls = calls_within(&spans, &hourly);
        assert!(expected_calls.iter().all(|call| calls.contains(*call)), "{calls:?}");
        assert_eq!(hourly.status.map(|status| status.code), Some(0));
        let code = last_reconcile("nothing", SCHEDULED).status.map(|status| status.code);
        assert_eq!(code, Some(2), "what failed is an error");

        // A bucket's worker serves many objects. The worker's span has links to the traces of the objects.
        let thumbs = last_reconcile("thumbs", S3);
        let links_to_thumbs = |span: &&Span| span.links.iter().any(|link| link.span_id == thumbs.span_id);
        let work = spans.iter().find(links_to_thumbs).expect("the work on the bucket");
        assert_eq!((work.name.as_str(), attribute(work, "bucket")), ("bucket", Some(bucket)));
        let expected = ["S3.GetBucketNotificationConfiguration", "S3.PutBucketNotificationConfiguration"];
        assert_eq!(calls_within(&spans, work), expected.map(ToOwned::to_owned).into());

        let [sender] = &collector.senders()[..] else { panic!("{:?}", collector.senders()) };
        let name = ("service.name".to_owned(), "lambda-triggers".to_owned());
        let version = ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        assert!(sender.contains(&name) && sender.contains(&version), "{sender:?}");
    });
}

#[test]
fn a_missing_collector_is_logged_and_blocks_nothing() {
    env::test("no-collector", async |env| {
        env.function("hourly").await;
        let mut controller = env.controller(&["--owner-id", OWNER, "--otlp-endpoint", "http://127.0.0.1:9"]);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        controller.stop().await;
        env.until(LIMIT, "the failure in the log", async || {
            let log = controller.log();
            if log.contains("BatchSpanProcessor.ExportError") { Ok(()) } else { Err(log) }
        })
        .await;
    });
}
