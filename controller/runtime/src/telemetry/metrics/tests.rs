use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::*;

/// All metric names in the text, with the type of each metric.
fn types(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, kind)| (name.into(), kind.into())).collect()
}

/// Metrics of an operator with one event of each kind, and with all sources.
fn full() -> Metrics {
    let metrics = Metrics::default();
    let second = Duration::from_secs(1);
    metrics.reconciled("ScheduledFunction", ReconcileOutcome::Success, second);
    metrics.aws_called(Service::S3, "GetBucketNotificationConfiguration", AwsOutcome::Throttled, second);
    let leadership = Leadership::default();
    leadership.renewed(Some(Instant::now()));
    metrics.show_leader(leadership);
    let priority = move |priority| QueueState { priority, depth: 2, oldest: second };
    metrics.show_queue(Arc::new(move || vec![priority(Priority::High), priority(Priority::Low)]));
    metrics
}

#[test]
fn every_metric_is_exported_as_described() {
    let text = full().text();
    let described: BTreeMap<String, String> = ALL
        .iter()
        .map(|metric| {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            (metric.name.trim_end_matches("_total").to_owned(), kind)
        })
        // Objects come from stores, and this test has no stores.
        .filter(|(name, _)| name != "lambda_triggers_objects")
        .collect();
    assert_eq!(types(&text), described);
    for metric in ALL.iter().filter(|metric| metric.name != "lambda_triggers_objects") {
        let name = metric.name;
        assert!(text.contains(&format!(" {}.\n", metric.help)), "{name}: {}", metric.help);
        let sample = |line: &&str| line.starts_with(name) && !line.starts_with('#');
        let samples: Vec<&str> = text.lines().filter(sample).collect();
        assert!(!samples.is_empty(), "{name} has no sample in\n{text}");
        for sample in samples {
            let labels =
                sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(l, _)| l);
            let names: BTreeSet<&str> =
                labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name).collect();
            let expected: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
            assert_eq!(&names - &BTreeSet::from(["le"]), expected, "{sample}");
        }
    }
}

#[test]
fn a_metric_without_a_source_is_left_out() {
    let shown: BTreeSet<String> = types(&Metrics::default().text()).into_keys().collect();
    for name in ["queue_depth", "queue_oldest_seconds", "objects", "leader"] {
        assert!(!shown.contains(&format!("lambda_triggers_{name}")), "{name}");
    }
}

#[test]
fn metrics_of_two_operators_do_not_mix() {
    let (one, other) = (full(), Metrics::default());
    let step = "lambda_triggers_reconciles_total{kind=\"ScheduledFunction\",outcome=\"success\"}";
    assert!(one.text().contains(&format!("{step} 1\n")));
    assert!(other.text().contains(&format!("{step} 0\n")));
    assert!(one.clone().text().contains(&format!("{step} 1\n")), "a clone is the same one");
}

#[test]
fn a_throttled_attempt_counts_as_call_and_throttle() {
    let text = full().text();
    let labels = "service=\"s3\",operation=\"GetBucketNotificationConfiguration\"";
    for line in [
        format!("lambda_triggers_aws_calls_total{{{labels},outcome=\"throttled\"}} 1"),
        "lambda_triggers_aws_throttles_total{service=\"s3\"} 1".to_owned(),
        "lambda_triggers_aws_throttles_total{service=\"lambda\"} 0".to_owned(),
        "lambda_triggers_queue_depth{priority=\"high\"} 2.0".to_owned(),
        "lambda_triggers_queue_oldest_seconds{priority=\"low\"} 1.0".to_owned(),
        "lambda_triggers_leader 1.0".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
