//! The GitOps examples: Argo CD's health checks are tested with objects as the operator reports them.

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use crate::chart::{read, repository};
use crate::objects::{NO_RESYNC, OWNER};
use crate::support::{AwsView, s3, scheduled};

const HEALTH: &str = "examples/gitops/argocd/health";

/// Set to write the test data, instead of comparing them.
const UPDATE: &str = "LAMBDA_TRIGGERS_UPDATE_DOCS";

/// A kind of trigger in these tests.
struct Trigger {
    kind: &'static str,
    /// The AWS write that creates the trigger.
    write: &'static str,
}

impl Trigger {
    fn manifest(&self, name: &str, function: &str, bucket: &str) -> String {
        match self.kind {
            "ScheduledFunction" => scheduled(name, function, "schedule: rate(1 hour)"),
            _ => s3(name, function, bucket, &format!("filters: [{{prefix: {name}/}}]")),
        }
    }

    async fn suspend(&self, env: &TestEnv, suspend: bool) {
        let patch = format!(r#"{{"spec":{{"suspend":{suspend}}}}}"#);
        env.kubectl(&["patch", self.kind, "trigger", "--type=merge", "--patch", &patch], "")
            .await
            .expect("patch");
    }

    /// Changes the annotation, and waits for the new reason of `Ready`.
    async fn pause(&self, env: &TestEnv, change: &str, reason: &str) {
        let annotation = format!("lambda-triggers.dev/paused{change}");
        env.kubectl(&["annotate", self.kind, "trigger", &annotation], "").await.expect("annotate");
        let reason = format!("--for=jsonpath={{.status.conditions[0].reason}}={reason}");
        env.kubectl(&["wait", &reason, self.kind, "trigger", "--timeout=60s"], "").await.expect("wait");
    }

    /// The object with neutral values for all names, times and accounts.
    async fn neutral_object(&self, env: &TestEnv, name: &str, bucket: &str) -> Value {
        let mut object = env.object(self.kind, name).await.unwrap();
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.retain(|key, _| ["name", "namespace", "generation", "finalizers"].contains(&key.as_str()));
        for condition in
            object.pointer_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten()
        {
            condition["lastTransitionTime"] = "2026-01-01T00:00:00Z".into();
        }
        if let Some(observed) = object.pointer_mut("/status/observedGenerationAt") {
            *observed = "2026-01-01T00:00:00Z".into();
        }
        // Names in AWS contain a hash of the namespace and the name.
        let applied = object.pointer("/status/applied").cloned().unwrap_or_default();
        let mut text = object.to_string();
        for (count, name) in names(&applied).into_iter().enumerate() {
            text = text.replace(&name, &format!("lt-{OWNER}-{count}"));
        }
        let text = text
            .replace(bucket, "photos")
            .replace(env.namespace(), "team")
            .replace(env.account(), "123456789012");
        serde_json::from_str(&text).unwrap()
    }

    fn assert_recorded(&self, file: &str, object: &Value) {
        let path = format!("{HEALTH}/lambda-triggers.dev/{}/testdata/{file}.yaml", self.kind);
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(repository(&path), serde_saphyr::to_string(object).unwrap()).unwrap();
        }
        let recorded: Value = serde_saphyr::from_str(&read(&path)).unwrap();
        assert_eq!(
            &recorded, object,
            "{path} is not what the operator reports: run `make docs` and commit it"
        );
    }

    /// Records an object in all states of its life, and two objects with failures.
    async fn assert_all_states_recorded(&self, env: &TestEnv) {
        env.function("f").await;
        let bucket = env.new_bucket("photos").await;
        env.apply(&self.manifest("trigger", "f", &bucket)).await;
        self.assert_recorded("new", &self.neutral_object(env, "trigger", &bucket).await);
        let mut controller = env.controller(&NO_RESYNC);
        env.until_ready(self.kind, "trigger").await;
        self.assert_recorded("ready", &self.neutral_object(env, "trigger", &bucket).await);
        self.suspend(env, true).await;
        env.until_ready(self.kind, "trigger").await;
        self.assert_recorded("suspended", &self.neutral_object(env, "trigger", &bucket).await);
        self.pause(env, "=true", "Paused").await;
        self.assert_recorded("paused", &self.neutral_object(env, "trigger", &bucket).await);
        self.pause(env, "-", "Suspended").await;
        env.apply(&self.manifest("stalled", "nowhere", &bucket)).await;
        env.until_condition(self.kind, "stalled", "Stalled", "True").await;
        self.assert_recorded("stalled", &self.neutral_object(env, "stalled", &bucket).await);
        let throttled = Fault::on(self.write, FaultKind::Throttle).times(usize::MAX);
        env.aws_proxy().inject(env.account(), throttled);
        env.apply(&self.manifest("reconciling", "f", &bucket)).await;
        env.until_condition(self.kind, "reconciling", "Ready", "False").await;
        self.assert_recorded("reconciling", &self.neutral_object(env, "reconciling", &bucket).await);
        controller.stop().await;
        self.suspend(env, false).await;
        self.assert_recorded("changed", &self.neutral_object(env, "trigger", &bucket).await);
    }
}

/// All names of the operator's AWS resources in a value, in order.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.starts_with("lt-") => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Object(fields) => fields.values().flat_map(names).collect(),
        _ => vec![],
    }
}

#[test]
fn recorded_scheduled_functions_match_the_operators_reports() {
    env::test("gitops-scheduled", async |env| {
        Trigger { kind: "ScheduledFunction", write: "PutRule" }.assert_all_states_recorded(&env).await;
    });
}

#[test]
fn recorded_s3_triggered_functions_match_the_operators_reports() {
    let write = "PutBucketNotificationConfiguration";
    env::test("gitops-s3", async |env| {
        Trigger { kind: "S3TriggeredFunction", write }.assert_all_states_recorded(&env).await;
    });
}

#[test]
fn argo_cd_reports_the_expected_health() {
    env::block_on(async {
        let folder = repository(HEALTH);
        let output = env::tool("argohealth", &[folder.to_str().unwrap()], "").await;
        assert_eq!(output.expect("argohealth"), "14 passed, 0 failed\n");
        let script = |kind: &str| read(&format!("{HEALTH}/lambda-triggers.dev/{kind}/health.lua"));
        assert_eq!(script("ScheduledFunction"), script("S3TriggeredFunction"));
    });
}

/// The chart accepts the values of the examples.
#[test]
fn the_chart_accepts_the_values_of_the_examples() {
    env::block_on(async {
        let application: Value =
            serde_saphyr::from_str(&read("examples/gitops/argocd/application.yaml")).unwrap();
        let release: Vec<Value> =
            serde_saphyr::from_multiple(&read("examples/gitops/flux/operator.yaml")).unwrap();
        let values = [&application["spec"]["source"]["helm"]["valuesObject"], &release[1]["spec"]["values"]];
        for values in values {
            assert!(values["ownerId"].is_string(), "{values}");
            crate::chart::template(&values.to_string(), &[]).await.unwrap();
        }
    });
}
