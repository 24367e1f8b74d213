//! The dashboard: valid Grafana JSON with queries that Prometheus accepts. The dashboard and the alerts use only
//! metrics and labels that the operator exports.

use std::collections::{BTreeMap, BTreeSet};

use lambda_triggers::telemetry::metrics::{ALL, MetricDesc, Type};
use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::{read, rendered};

/// All exported series with their labels. The buckets of a histogram have the label `le`.
fn series() -> BTreeMap<String, BTreeSet<&'static str>> {
    let of = |metric: &MetricDesc| {
        let name = metric.name.strip_prefix("lambda_triggers_").unwrap();
        let mut labels: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
        if metric.kind == Type::Histogram {
            labels.insert("le");
            return (format!("{name}_bucket"), labels);
        }
        (name.to_owned(), labels)
    };
    ALL.iter().map(of).collect()
}

/// Labels that Prometheus adds to every series. The dashboard's variables match these labels.
const TARGET: [&str; 3] = ["job", "namespace", "pod"];

/// The operator's metrics in a query, with the labels that the query matches.
fn used_metrics(query: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut used_metrics = BTreeMap::new();
    for (at, prefix) in query.match_indices("lambda_triggers_") {
        let rest = &query[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        let matchers = rest[end..].strip_prefix('{').and_then(|matchers| matchers.split('}').next());
        let labels = matchers.into_iter().flat_map(|matchers| matchers.split("\",")).filter_map(|matcher| {
            matcher
                .split(['=', '!'])
                .next()
                .filter(|label| !label.is_empty())
                .map(|label| label.trim().to_owned())
        });
        used_metrics.entry(rest[..end].to_owned()).or_insert_with(BTreeSet::new).extend(labels);
    }
    used_metrics
}

fn assert_known(query: &str) {
    let (used_metrics, series) = (used_metrics(query), series());
    assert!(!used_metrics.is_empty(), "{query}");
    let mut labels: BTreeSet<&str> = TARGET.into();
    for (metric, matched) in &used_metrics {
        let known = series.get(metric);
        let own = known.unwrap_or_else(|| panic!("no metric lambda_triggers_{metric}: {query}"));
        labels.extend(own);
        let unknown =
            matched.iter().find(|label| !TARGET.contains(&label.as_str()) && !own.contains(label.as_str()));
        assert_eq!(unknown, None, "{query}");
    }
    for grouping in query.split("by (").skip(1).filter_map(|rest| rest.split(')').next()) {
        let unknown = grouping.split(',').map(str::trim).find(|label| !labels.contains(label));
        assert_eq!(unknown, None, "{query}");
    }
}

fn dashboard() -> Value {
    serde_json::from_str(&read("charts/lambda-triggers/files/dashboard.json")).unwrap()
}

fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn alerts_and_dashboard_use_only_exported_metrics_and_labels() {
    env::block_on(async {
        let rule = rendered("prometheusRule: {enabled: true}", "prometheusrule").await;
        let rules = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
        let alerts = rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned());
        for query in alerts.chain(queries(&dashboard())) {
            assert_known(&query);
        }
    });
}

/// Each panel has a query, a title and a position, and reads the selected data source.
#[test]
fn every_panel_is_complete_and_every_metric_shown() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(panel["title"].is_string() && panel["gridPos"]["w"].is_u64(), "{panel}");
        if panel["type"] != "row" {
            let source = json!({"type": "prometheus", "uid": "${datasource}"});
            assert_eq!(panel["datasource"], source, "{panel}");
            assert!(panel["description"].is_string(), "{panel}");
        }
    }
    let metrics: BTreeSet<String> =
        queries(&dashboard).iter().flat_map(|query| used_metrics(query).into_keys()).collect();
    let all: BTreeSet<String> = series().into_keys().collect();
    assert_eq!(metrics, all, "every metric is shown");
}

#[test]
fn prometheus_accepts_the_queries_of_the_dashboard() {
    env::block_on(async {
        let plain = |query: &String| {
            let query =
                query.replace("$__rate_interval", "5m").replace("$job", "job").replace("$namespace", "ns");
            json!({"record": "panel:query:all", "expr": query})
        };
        let rules: Vec<Value> = queries(&dashboard()).iter().map(plain).collect();
        let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queries.yaml");
        std::fs::write(&file, groups.to_string()).unwrap();
        let check = ["check", "rules", "--lint=none", file.to_str().unwrap()];
        env::tool("promtool", &check, "").await.expect("promtool check rules");
        let map = rendered("dashboard: {enabled: true}", "dashboard").await;
        let text = map["data"]["lambda-triggers.json"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), dashboard());
    });
}
