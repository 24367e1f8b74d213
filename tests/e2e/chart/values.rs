//! The chart's values: lint, schema, names, labels and dependencies between values.

use std::collections::BTreeSet;

use lambda_triggers::cli::command;
use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::{CHARTS, chart, matrix, objects, read, rendered, template};

#[test]
fn helm_lint_accepts_all_test_values() {
    env::block_on(async {
        for (name, values) in matrix() {
            let arguments = ["lint", "--strict", "--quiet", &chart(), "--values", "-"];
            env::tool("helm", &arguments, &values).await.expect(&format!("helm lint of {name}"));
        }
    });
}

#[test]
fn invalid_values_are_refused_with_their_path() {
    let cases = [
        ("replicas: 3", "- at '': additional properties 'replicas' not allowed"),
        ("image: {name: x}", "- at '/image': additional properties 'name' not allowed"),
        ("ownerId: 1A2B3C4D", "- at '/ownerId': '1A2B3C4D' does not match pattern '^([0-9a-f]{8})?$'"),
        ("ownerId: 12345678", "- at '/ownerId': got number, want string"),
        ("resync: 10", "- at '/resync': got number, want string"),
        (
            "resync: ten minutes",
            "- at '/resync': 'ten minutes' does not match pattern '^([0-9]+(h|m|s|ms))+$'",
        ),
        (
            "schedules: {roleArn: schedules}",
            "- at '/schedules/roleArn': 'schedules' does not match pattern \
             '^(arn:aws[a-z-]*:iam::[0-9]{12}:role/.+)?$'",
        ),
        (
            "schedules: {defaultBackend: rule}",
            "- at '/schedules/defaultBackend': value must be one of 'Rule', 'Scheduler'",
        ),
        ("watchNamespace: a", "- at '': additional properties 'watchNamespace' not allowed"),
        ("watchNamespaces: a", "- at '/watchNamespaces': got string, want array"),
        ("watchNamespaces: [a, a]", "- at '/watchNamespaces': items at 0 and 1 are equal"),
        ("leaderElect: true", "- at '': additional properties 'leaderElect' not allowed"),
        (
            "image: {digest: abc}",
            "- at '/image/digest': 'abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'",
        ),
        ("replicaCount: -1", "- at '/replicaCount': minimum: got -1, want 0"),
        (
            "prometheusRule: {enabled: true, disabled: [LambdaTriggersLate]}",
            "prometheusRule.disabled: there is no alert LambdaTriggersLate",
        ),
    ];
    env::block_on(async {
        for (values, message) in cases {
            let refusal = template(values, &[]).await.expect_err(values);
            assert!(refusal.contains(message), "{values}\n{refusal}");
        }
        let old = template("", &["--kube-version", "1.28.9"]).await.unwrap_err();
        assert!(old.contains("requires kubeVersion: >=1.29.0-0"), "{old}");
    });
}

/// The schema refuses unknown values, and a value in the schema alone would have no effect.
#[test]
fn schema_and_values_have_the_same_keys() {
    for chart in CHARTS {
        let values: Value = serde_saphyr::from_str(&read(&format!("{chart}/values.yaml"))).unwrap();
        let schema: Value = serde_json::from_str(&read(&format!("{chart}/values.schema.json"))).unwrap();
        assert_same_keys(&values, &schema);
    }
}

fn assert_same_keys(values: &Value, schema: &Value) {
    let resolved = |name: &str| {
        let property = &schema["properties"][name];
        let is_monitor = property["$ref"] == "#/definitions/monitor";
        if is_monitor { &schema["definitions"]["monitor"] } else { property }
    };
    let mut in_schema = BTreeSet::new();
    for name in schema["properties"].as_object().unwrap().keys() {
        in_schema.insert(name.clone());
        let inner = resolved(name)["properties"].as_object().into_iter().flatten();
        in_schema.extend(inner.map(|(inner, _)| format!("{name}.{inner}")));
    }
    let has_properties = |name: &str| resolved(name).get("properties").is_some();
    let mut in_values = BTreeSet::new();
    for (name, value) in values.as_object().unwrap() {
        in_values.insert(name.clone());
        let inner = value.as_object().into_iter().flatten().filter(|_| has_properties(name));
        in_values.extend(inner.map(|(inner, _)| format!("{name}.{inner}")));
    }
    assert_eq!(in_values, in_schema);
}

#[test]
fn names_depend_on_the_release_name() {
    let name = |values: &'static str, release: &'static str| async move {
        let arguments =
            ["template", release, &chart(), "--values", "-", "--show-only", "templates/service.yaml"];
        let yaml = env::tool("helm", &arguments, values).await.expect("helm template");
        objects(&yaml)[0]["metadata"]["name"].clone()
    };
    env::block_on(async {
        assert_eq!(name("{}", "lambda-triggers").await, "lambda-triggers");
        assert_eq!(name("{}", "my-lambda-triggers").await, "my-lambda-triggers");
        assert_eq!(name("{}", "aws").await, "aws-lambda-triggers");
        assert_eq!(name("nameOverride: lt", "aws").await, "aws-lt");
        assert_eq!(name("fullnameOverride: lt", "aws").await, "lt");
    });
}

/// kubeconform, Kustomize and Flux refuse a duplicate key. The parser of this test refuses a duplicate key, too.
#[test]
fn duplicate_labels_are_merged_and_selectors_stay() {
    let values = "commonLabels: {team: a, app.kubernetes.io/name: x, app.kubernetes.io/part-of: shop}\n\
                  podLabels: {team: b, app.kubernetes.io/instance: x, app.kubernetes.io/version: v9}\n\
                  service: {labels: {team: c, app.kubernetes.io/name: x}}\n\
                  serviceMonitor: {enabled: true, labels: {team: d, app.kubernetes.io/name: x}}\n\
                  prometheusRule: {enabled: true, labels: {team: e}}\n\
                  dashboard: {enabled: true, labels: {team: f, grafana_dashboard: null}}\n\
                  commonAnnotations: {note: a}\n\
                  serviceAccount: {annotations: {note: b}}\n";
    env::block_on(async {
        let labels = |team: &str, version: &str| {
            json!({
                "app.kubernetes.io/component": "controller",
                "app.kubernetes.io/instance": "release",
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/name": "lambda-triggers",
                "app.kubernetes.io/part-of": "shop",
                "app.kubernetes.io/version": version,
                "helm.sh/chart": concat!("lambda-triggers-", env!("CARGO_PKG_VERSION")),
                "team": team,
            })
        };
        let version = env!("CARGO_PKG_VERSION");
        for (template, team) in [
            ("service", "c"),
            ("servicemonitor", "d"),
            ("prometheusrule", "e"),
            ("dashboard", "f"),
            ("serviceaccount", "a"),
            ("deployment", "a"),
        ] {
            let object = rendered(values, template).await;
            assert_eq!(object["metadata"]["labels"], labels(team, version), "{template}");
        }
        let deployment = rendered(values, "deployment").await;
        let pod = &deployment["spec"]["template"]["metadata"]["labels"];
        assert_eq!(*pod, labels("b", "v9"));
        let selector =
            json!({"app.kubernetes.io/instance": "release", "app.kubernetes.io/name": "lambda-triggers"});
        assert_eq!(deployment["spec"]["selector"]["matchLabels"], selector);
        assert_eq!(rendered(values, "serviceaccount").await["metadata"]["annotations"], json!({"note": "b"}));
    });
}

/// Server-side apply, and therefore Helm 4, refuses a duplicate variable.
#[test]
fn extra_env_overrides_variables_of_the_chart() {
    let values = "extraEnv: [{name: RUST_LOG, value: debug}, {name: LAMBDA_TRIGGERS_RESYNC, value: 5m}, {name: HTTPS_PROXY, value: 'http://proxy:3128'}]";
    env::block_on(async {
        let deployment = rendered(values, "deployment").await;
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let pod_name = json!({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
        assert_eq!(container["env"][0], pod_name);
        let expected = [
            ("LAMBDA_TRIGGERS_DEFAULT_BACKEND", "Rule"),
            ("LAMBDA_TRIGGERS_RECONCILE_TIMEOUT", "2m"),
            ("LAMBDA_TRIGGERS_LOG_FORMAT", "json"),
            ("LAMBDA_TRIGGERS_HTTP_ADDRESS", "[::]:8080"),
            ("RUST_LOG", "debug"),
            ("LAMBDA_TRIGGERS_RESYNC", "5m"),
            ("HTTPS_PROXY", "http://proxy:3128"),
        ];
        assert_eq!(variables(container), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    });
}

/// The example of the chart's README: OpenShift assigns the user.
#[test]
fn null_removes_the_security_contexts() {
    let readme = read("charts/lambda-triggers/README.md");
    let (_, after) = readme.split_once("## OpenShift").unwrap();
    let values = after.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    env::block_on(async {
        let pod = rendered(values, "deployment").await["spec"]["template"]["spec"].clone();
        let expected = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
        assert_eq!(pod["securityContext"], expected);
        let none = rendered("podSecurityContext: null\nsecurityContext: null", "deployment").await;
        let pod = &none["spec"]["template"]["spec"];
        assert!(
            pod.get("securityContext").is_none() && pod["containers"][0].get("securityContext").is_none()
        );
    });
}

#[test]
fn topology_spread_selects_the_pods_of_the_release_by_default() {
    let values = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}, \
                  {maxSkew: 1, topologyKey: b, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {team: a}}}]";
    env::block_on(async {
        let deployment = rendered(values, "deployment").await;
        let selectors = [0, 1].map(|index| {
            let constraints = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"];
            constraints[index]["labelSelector"]["matchLabels"].clone()
        });
        let own =
            json!({"app.kubernetes.io/instance": "release", "app.kubernetes.io/name": "lambda-triggers"});
        assert_eq!(selectors, [own, json!({"team": "a"})]);
    });
}

/// Settings are variables, so that `kubectl exec` of `lambda-triggers doctor` has the settings of the operator.
#[test]
fn values_become_environment_variables() {
    env::block_on(async {
        let container = |object: &Value| object["spec"]["template"]["spec"]["containers"][0].clone();
        let plain = container(&rendered("{}", "deployment").await);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(plain["image"], format!("ghcr.io/lambda-triggers/lambda-triggers:v{version}"));
        assert_eq!(plain["args"], json!(["run"]));
        let expected = [
            ("RUST_LOG", "info"),
            ("LAMBDA_TRIGGERS_DEFAULT_BACKEND", "Rule"),
            ("LAMBDA_TRIGGERS_RESYNC", "10m"),
            ("LAMBDA_TRIGGERS_RECONCILE_TIMEOUT", "2m"),
            ("LAMBDA_TRIGGERS_LOG_FORMAT", "json"),
            ("LAMBDA_TRIGGERS_HTTP_ADDRESS", "[::]:8080"),
        ];
        assert_eq!(variables(&plain), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let (_, everything) = matrix().into_iter().find(|(name, _)| name == "everything-values").unwrap();
        let all = container(&rendered(&everything, "deployment").await);
        assert_eq!(all["image"], "registry.example.com/lambda-triggers/lambda-triggers:v9.9.9");
        assert_eq!(all["args"], json!(["run", "--progress-deadline=1m"]));
        let expected = [
            ("RUST_LOG", "info,lambda_triggers=debug"),
            ("LAMBDA_TRIGGERS_OWNER_ID", "1a2b3c4d"),
            ("LAMBDA_TRIGGERS_REGION", "eu-west-1"),
            ("LAMBDA_TRIGGERS_DEFAULT_TAGS", "cost centre=42,team=media"),
            ("LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", "arn:aws:iam::123456789012:role/schedules"),
            ("LAMBDA_TRIGGERS_DEFAULT_BACKEND", "Scheduler"),
            ("LAMBDA_TRIGGERS_RESYNC", "1h30m"),
            ("LAMBDA_TRIGGERS_RECONCILE_TIMEOUT", "2m"),
            ("LAMBDA_TRIGGERS_WRITE_GRACE_PERIOD", "1m"),
            ("LAMBDA_TRIGGERS_LAMBDA_RATE", "7.5"),
            ("LAMBDA_TRIGGERS_EVENTBRIDGE_RATE", "10"),
            ("LAMBDA_TRIGGERS_SCHEDULER_RATE", "50"),
            ("LAMBDA_TRIGGERS_S3_RATE", "20"),
            ("LAMBDA_TRIGGERS_LOG_FORMAT", "text"),
            ("LAMBDA_TRIGGERS_HTTP_ADDRESS", "[::]:9090"),
            ("LAMBDA_TRIGGERS_OTLP_ENDPOINT", "http://collector.tracing:4318"),
            ("LAMBDA_TRIGGERS_TENANCY_FILE", "/etc/lambda-triggers/tenancy/tenancy.yaml"),
            ("AWS_STS_REGIONAL_ENDPOINTS", "regional"),
        ];
        assert_eq!(variables(&all), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let some = container(&rendered("watchNamespaces: [team-a, team-b]", "deployment").await);
        assert_eq!(variables(&some)[1], ("LAMBDA_TRIGGERS_NAMESPACE".into(), "team-a,team-b".into()));
        for container in [plain, all, some] {
            assert_flags_accept(&variables(&container));
        }
    });
}

/// The variables of a container that have a value, in order.
fn variables(container: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let variables = container["env"].as_array().into_iter().flatten();
    variables.filter_map(|variable| Some((text(&variable["name"])?, text(&variable["value"])?))).collect()
}

/// Checks that a flag of `run` reads each variable of the operator, and accepts its value.
fn assert_flags_accept(variables: &[(String, String)]) {
    let command = command();
    let run = command.find_subcommand("run").unwrap();
    let mut flags = vec!["lambda-triggers".to_owned(), "run".to_owned()];
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("LAMBDA_TRIGGERS_")) {
        let flag = run.get_arguments().find(|flag| flag.get_env().is_some_and(|env| env == name.as_str()));
        let flag = flag.unwrap_or_else(|| panic!("no flag reads {name}"));
        flags.push(format!("--{}={value}", flag.get_long().unwrap()));
    }
    command.clone().try_get_matches_from(flags).unwrap();
}

/// The other strategy needs no removal of the defaults.
#[test]
fn the_strategy_can_be_recreate() {
    env::block_on(async {
        let strategy = async |values: &str| rendered(values, "deployment").await["spec"]["strategy"].clone();
        assert_eq!(strategy("updateStrategy: {type: Recreate}").await, json!({"type": "Recreate"}));
        let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        assert_eq!(strategy("{}").await, rolling);
    });
}

/// The form of a listen address with and without brackets, and the Regions of new partitions.
#[test]
fn addresses_and_regions_have_every_valid_form() {
    env::block_on(async {
        for (address, expected) in
            [("::", "[::]:8080"), ("[::]", "[::]:8080"), ("0.0.0.0", "0.0.0.0:8080"), ("::1", "[::1]:8080")]
        {
            let deployment = rendered(&format!("http: {{address: '{address}'}}"), "deployment").await;
            let variables = variables(&deployment["spec"]["template"]["spec"]["containers"][0]);
            let found = variables.into_iter().find(|(name, _)| name == "LAMBDA_TRIGGERS_HTTP_ADDRESS");
            assert_eq!(found.unwrap().1, expected);
        }
        for region in ["eusc-de-east-1", "us-gov-west-1", "us-isob-east-1", "mx-central-1"] {
            rendered(&format!("region: {region}"), "deployment").await;
        }
    });
}
