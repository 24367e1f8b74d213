//! The alerts: promtool accepts the rules, each alert fires on its series, and each alert has a runbook.

use std::collections::BTreeSet;

use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::{NAMESPACE, read, rendered, repository};

/// The spec of the chart's PrometheusRule.
async fn rules() -> Value {
    let rule = rendered("prometheusRule: {enabled: true}", "prometheusrule").await;
    rule["spec"].clone()
}

fn names(rules: &Value) -> Vec<String> {
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    rules.iter().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_alert_fires_exactly_on_its_condition() {
    env::block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let rules = rules().await;
        let file = folder.path().join("rules.yaml");
        std::fs::write(&file, rules.to_string()).unwrap();
        let tests = folder.path().join("alerts_test.yaml");
        std::fs::copy(repository("tests/helm/alerts_test.yaml"), &tests).unwrap();
        let check = ["check", "rules", "--lint=all", "--lint-fatal", file.to_str().unwrap()];
        env::tool("promtool", &check, "").await.expect("promtool check rules");
        // Remove the annotations: the promtool tests check when an alert fires, not its texts.
        let mut silent = rules.clone();
        for rule in silent["groups"][0]["rules"].as_array_mut().unwrap() {
            rule.as_object_mut().unwrap().remove("annotations");
        }
        std::fs::write(&file, silent.to_string()).unwrap();
        let test = ["test", "rules", tests.to_str().unwrap()];
        env::tool("promtool", &test, "").await.expect("promtool test rules");

        // Every alert has a test in which the alert fires.
        let tests: Value = serde_saphyr::from_str(&read("tests/helm/alerts_test.yaml")).unwrap();
        let cases = tests["tests"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|test| test["alert_rule_test"].as_array().unwrap());
        let fired =
            cases.filter(|case| case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()));
        let fired: BTreeSet<String> =
            fired.map(|case| case["alertname"].as_str().unwrap().to_owned()).collect();
        assert_eq!(fired, names(&rules).into_iter().collect());
    });
}

#[test]
fn each_alert_has_a_section_in_the_runbooks() {
    env::block_on(async {
        let rules = rules().await;
        let runbooks = read("docs/runbooks.md");
        let sections = runbooks.lines().filter_map(|line| line.strip_prefix("## ")).map(ToOwned::to_owned);
        let sections: Vec<String> =
            sections.filter(|section| section.starts_with("LambdaTriggers")).collect();
        assert_eq!(sections, names(&rules));
        for section in runbooks.split("\n## ").skip(1) {
            for part in ["**Meaning.**", "**Diagnosis.**", "**Cure.**"] {
                assert!(section.contains(part), "{part} is missing in {section}");
            }
        }
        let base = "https://github.com/lambda-triggers/lambda-triggers/blob/main/docs/runbooks.md";
        for rule in rules["groups"][0]["rules"].as_array().unwrap() {
            let anchor = rule["alert"].as_str().unwrap().to_lowercase();
            assert_eq!(rule["annotations"]["runbook_url"], format!("{base}#{anchor}"));
            assert!(
                rule["annotations"]["summary"].is_string() && rule["annotations"]["description"].is_string()
            );
            assert!(["critical", "warning"].iter().any(|severity| rule["labels"]["severity"] == *severity));
        }
    });
}

#[test]
fn values_disable_and_label_alerts() {
    env::block_on(async {
        let values = "prometheusRule: {enabled: true, disabled: [LambdaTriggersStuck], alertLabels: {team: a}, \
                      selector: 'cluster=\"x\"', runbookUrl: https://example.com/runbooks}";
        let all = rules().await;
        let rule = rendered(values, "prometheusrule").await;
        let mut expected = names(&all);
        expected.retain(|name| name != "LambdaTriggersStuck");
        assert_eq!(names(&rule["spec"]), expected);
        let first = &rule["spec"]["groups"][0]["rules"][0];
        assert_eq!(first["labels"], json!({"severity": "critical", "team": "a"}));
        assert_eq!(first["expr"], "absent(lambda_triggers_build_info{cluster=\"x\"})");
        assert_eq!(first["annotations"]["runbook_url"], "https://example.com/runbooks#lambdatriggersabsent");
        let own = format!("job=\"release-lambda-triggers\",namespace=\"{NAMESPACE}\"");
        let first = &all["groups"][0]["rules"][0];
        assert_eq!(first["expr"], format!("absent(lambda_triggers_build_info{{{own}}})"));
    });
}
