//! The metrics after known events.

use std::collections::BTreeMap;

use lambda_triggers::telemetry::metrics::ALL;
use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{Samples, samples, samples_from, samples_of, wait_for_samples};
use crate::objects::{NO_RESYNC, RESYNC_1S, allow, deny, owner};
use crate::scheduled::view::rule_name;
use crate::support::{AwsView, s3, scheduled};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";
const GET: &str = "GetBucketNotificationConfiguration";
const PUT: &str = "PutBucketNotificationConfiguration";

/// The calls that the AWS proxy has received, by service and operation.
fn calls(env: &TestEnv) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for call in env.aws_proxy().calls(env.account()) {
        *counts.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1.0;
    }
    counts
}

/// The calls that the operator has counted, by service and operation, with all outcomes.
fn counted_calls(samples: &Samples) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for (labels, value) in samples_of(samples, "aws_calls_total") {
        let value_of = |label: &str| {
            let (_, rest) = labels.split_once(&format!("{label}=")).unwrap();
            rest.split(',').next().unwrap().to_owned()
        };
        *counts.entry(format!("{}:{}", value_of("service"), value_of("operation"))).or_default() += value;
    }
    counts
}

/// The samples of calls without success.
fn unsuccessful_calls(samples: &Samples) -> Samples {
    samples_of(samples, "aws_calls_total")
        .into_iter()
        .filter(|(labels, _)| !labels.ends_with("outcome=ok"))
        .collect()
}

#[test]
fn creation_refusals_and_throttling_are_counted() {
    env::test("counted", async |env| {
        for name in ["hourly", "thumbs", "locked"] {
            env.function(name).await;
        }
        let bucket = env.new_bucket("photos").await;
        env.aws_proxy().clear_calls(env.account());
        // Each service has its own throttling error.
        for operation in ["ListRules", "AddPermission", GET] {
            env.aws_proxy().inject(env.account(), Fault::on(operation, FaultKind::Throttle));
        }
        deny(&env, "AddPermission", "locked");
        let controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(S3, "thumbs").await;
        env.apply(&scheduled("locked", "locked", "schedule: rate(1 hour)")).await;
        env.until_condition(SCHEDULED, "locked", "Stalled", "True").await;

        // The first reconcile sets the finalizer, and the second reconcile creates the resources. The retry of the
        // denied call follows after half a minute.
        let reconciles = [
            ("kind=S3TriggeredFunction,outcome=success", 2.0),
            ("kind=ScheduledFunction,outcome=terminal", 1.0),
            ("kind=ScheduledFunction,outcome=success", 3.0),
        ];
        wait_for_samples(&env, &controller, "reconciles_total", &reconciles).await;
        let objects = [
            ("kind=S3TriggeredFunction,reason=Applied", 1.0),
            ("kind=ScheduledFunction,reason=AccessDenied", 1.0),
            ("kind=ScheduledFunction,reason=Applied", 1.0),
        ];
        wait_for_samples(&env, &controller, "objects", &objects).await;

        let samples = samples(&controller).await;
        assert_eq!(counted_calls(&samples), calls(&env));
        let expected = samples_from(&[
            ("service=events,operation=ListRules,outcome=throttled", 1.0),
            ("service=lambda,operation=AddPermission,outcome=denied", 1.0),
            ("service=lambda,operation=AddPermission,outcome=throttled", 1.0),
            // The policy, which is read after the denial, does not exist yet.
            ("service=lambda,operation=GetPolicy,outcome=not_found", 1.0),
            (&format!("service=s3,operation={GET},outcome=throttled"), 1.0),
        ]);
        assert_eq!(unsuccessful_calls(&samples), expected);
        let each = [("service=events", 1.0), ("service=lambda", 1.0), ("service=s3", 1.0)];
        assert_eq!(samples_of(&samples, "aws_throttles_total"), samples_from(&each));
        let counts = samples_of(&samples, "aws_call_duration_seconds_count");
        assert_eq!(counts[&format!("service=s3,operation={PUT}")], 1.0);
        let counts = samples_of(&samples, "reconcile_duration_seconds_count");
        assert_eq!(
            counts,
            samples_from(&[("kind=S3TriggeredFunction", 2.0), ("kind=ScheduledFunction", 4.0)])
        );
        for metric in
            ["drift_repaired_total", "foreign_changes_total", "entries_lost_total", "entries_restored_total"]
        {
            assert_eq!(samples_of(&samples, metric), Samples::new(), "{metric}");
        }
        assert_eq!(samples_of(&samples, "leader"), samples_from(&[("", 1.0)]));
        let version = format!("version={}", env!("CARGO_PKG_VERSION"));
        assert_eq!(samples_of(&samples, "build_info"), samples_from(&[(&version, 1.0)]));
        assert_labels_are_bounded(&samples);
    });
}

/// Checks that every label has only the values of its description: no namespace, object, bucket, function or account.
fn assert_labels_are_bounded(samples: &Samples) {
    for name in samples.keys() {
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let of_histogram = |end: &&str| name.ends_with(*end) && name.contains("_duration_seconds");
        let end = ["_bucket", "_sum", "_count"].into_iter().find(of_histogram).unwrap_or_default();
        let metric_name = format!("lambda_triggers_{}", name.strip_suffix(end).unwrap());
        let metric = ALL.iter().find(|metric| metric.name == metric_name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not described"));
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').unwrap();
            let value = value.trim_matches('"');
            let allowed = metric.labels.iter().any(|known| known.name == label && known.allows(value));
            let is_bucket = label == "le" && end == "_bucket";
            assert!(allowed || is_bucket, "{name}: {label} says {value}");
        }
    }
}

/// Replaces the document by a document with a single queue entry.
async fn put_single_entry(env: &TestEnv, bucket: &str, id: &str, queue: &str) {
    let entry = format!(
        "<QueueConfiguration><Id>{id}</Id><Queue>{queue}</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>"
    );
    env.put_document(bucket, &format!("<NotificationConfiguration>{entry}</NotificationConfiguration>"))
        .await;
}

#[test]
fn drift_and_foreign_changes_are_counted() {
    env::test("drift-counted", async |env| {
        env.function("hourly").await;
        env.function("thumbs").await;
        let queue = env.queue("uploads").await;
        let bucket = env.new_bucket("photos").await;
        let controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        env.until_ready(S3, "thumbs").await;

        env.events().disable_rule().name(rule_name(&env, "hourly")).send().await.unwrap();
        wait_for_samples(&env, &controller, "drift_repaired_total", &[("kind=ScheduledFunction", 1.0)]).await;

        put_single_entry(&env, &bucket, "theirs", &queue).await;
        wait_for_samples(&env, &controller, "entries_restored_total", &[("", 1.0)]).await;
        let repaired = [("kind=S3TriggeredFunction", 1.0), ("kind=ScheduledFunction", 1.0)];
        wait_for_samples(&env, &controller, "drift_repaired_total", &repaired).await;
        let now = samples(&controller).await;
        assert_eq!(samples_of(&now, "entries_lost_total"), samples_from(&[("owner=own", 1.0)]));
        assert_eq!(samples_of(&now, "foreign_changes_total"), samples_from(&[("", 1.0)]));

        // Another tool removes its own entry as soon as the document contains the operator's entry.
        let remove_fleeting = FaultKind::second_edit(move |text| {
            let has_both = text.contains(&owner().prefix()) && text.contains("fleeting");
            if has_both { without(text, "QueueConfiguration") } else { text.to_owned() }
        });
        env.aws_proxy().inject(env.account(), Fault::on(GET, remove_fleeting).times(usize::MAX));
        put_single_entry(&env, &bucket, "fleeting", &queue).await;
        wait_for_samples(
            &env,
            &controller,
            "entries_lost_total",
            &[("owner=foreign", 1.0), ("owner=own", 2.0)],
        )
        .await;
        let now = samples(&controller).await;
        assert_eq!(samples_of(&now, "entries_restored_total"), samples_from(&[("", 2.0)]));
        // The entry of the first queue was removed, too.
        assert_eq!(samples_of(&now, "foreign_changes_total"), samples_from(&[("", 2.0)]));
        assert_eq!(
            samples_of(&now, "drift_repaired_total"),
            samples_from(&[("kind=S3TriggeredFunction", 2.0), repaired[1]])
        );
        allow(&env);
        assert_labels_are_bounded(&now);
    });
}

/// A document without the first element of this name.
fn without(text: &str, element: &str) -> String {
    let end = format!("</{element}>");
    let (begin, end) = (text.find(&format!("<{element}")).unwrap(), text.find(&end).unwrap() + end.len());
    format!("{}{}", &text[..begin], &text[end..])
}
