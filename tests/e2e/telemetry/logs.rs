//! Logs: each line about an object names the object, and no line contains a secret.

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use crate::objects::{NO_RESYNC, deny};
use crate::scheduled::view::rule_name;
use crate::support::{AwsView, LIMIT, create_both_triggers, s3, scheduled};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";

/// A secret value in a spec. Logs, metrics, events and statuses must not contain this value.
const SECRET: &str = "hunter2-in-the-spec";

/// A function definition with a secret in its environment.
const DEFINED: &str = "\
apiVersion: lambda-triggers.dev/v1alpha1
kind: ScheduledFunction
metadata: {name: defined}
spec:
  function:
    definition:
      runtime: python3.13
      handler: app.handler
      roleArn: arn:aws:iam::123456789012:role/lambda
      environment: {TOKEN: hunter2-in-the-spec}
      code:
        inline:
          app.py: 'def handler(event, context): return None'
  schedule: rate(1 hour)
";

/// Creates an object that fails at the denied read of its bucket.
async fn create_failing_object(env: &TestEnv) {
    env.function("hourly").await;
    env.function("thumbs").await;
    let bucket = env.new_bucket("photos").await;
    deny(env, "GetBucketNotificationConfiguration", &bucket);
    env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
    env.until_condition(S3, "thumbs", "Stalled", "True").await;
}

/// The JSON lines in which a field has this value.
fn lines(log: &str, field: &str, value: &str) -> Vec<Value> {
    let json = log.lines().filter(|line| line.starts_with('{'));
    let parsed =
        json.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    parsed.filter(|line: &Value| line[field] == value).collect()
}

fn fields<const N: usize>(line: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| line[name].clone())
}

#[test]
fn json_lines_name_object_generation_and_bucket() {
    env::test("json", async |env| {
        let controller = env.controller(&["--owner-id", "0a1b2c3d", "--log-format", "json"]);
        create_failing_object(&env).await;
        let object = Value::from(format!("{}/thumbs", env.namespace()));
        let line = env
            .until(LIMIT, "the failure in the log", async || {
                lines(&controller.log(), "message", "reconcile failed").into_iter().next()
            })
            .await;
        let expected = [object.clone(), S3.into(), 1.into(), "WARN".into()];
        assert_eq!(fields(&line, ["object", "kind", "generation", "level"]), expected);
        let line = &lines(&controller.log(), "message", "cannot read the notification configuration")[0];
        let expected = [object, env.bucket("photos").into(), 1.into()];
        assert_eq!(fields(line, ["object", "bucket", "generation"]), expected);
    });
}

#[test]
fn the_log_tells_each_change_once() {
    env::test("changes", async |env| {
        let controller = env.controller(&["--owner-id", "0a1b2c3d", "--log-format", "json"]);
        env.function("hourly").await;
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        env.delete(SCHEDULED, "hourly").await;
        let object = format!("{}/hourly", env.namespace());
        let rule = rule_name(&env, "hourly");
        let expected = [
            format!("created the rule {rule}"),
            format!("deleted the rule {rule}"),
            "nothing is left to clean up".to_owned(),
        ];
        env.until(LIMIT, "the changes in the log", async || {
            let mut told = lines(&controller.log(), "object", &object);
            told.retain(|line| line["level"] == "INFO");
            let told: Vec<&str> = told.iter().filter_map(|line| line["message"].as_str()).collect();
            if told == expected { Ok(()) } else { Err(told.join("\n")) }
        })
        .await;
    });
}

/// A namespace that is being deleted accepts no new events. The deletion is no fault, so the log has no warning.
#[test]
fn deleting_a_namespace_writes_no_warning() {
    env::test_on_own_cluster("namespace-log", async |env| {
        if !env.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        let mut controller = env.controller_of_all_namespaces(&["--log-format", "json"]);
        create_both_triggers(&env).await;
        let delete = ["delete", "namespace", env.namespace(), "--timeout=60s"];
        env.kubectl_anywhere(&delete, "").await.expect("kubectl delete");
        controller.stop().await;
        let log = controller.log();
        let refused = lines(&log, "message", "no event in a namespace that is being deleted");
        let mut refused: Vec<Value> = refused.iter().map(|line| line["reason"].clone()).collect();
        refused.sort_by_key(Value::to_string);
        assert_eq!(refused, ["EntryRemoved", "RuleDeleted"]);
        let faults = [lines(&log, "level", "WARN"), lines(&log, "level", "ERROR")].concat();
        assert_eq!(faults, Vec::<Value>::new());
    });
}

#[test]
fn text_lines_name_object_generation_and_bucket() {
    env::test("text", async |env| {
        let controller = env.controller(&NO_RESYNC);
        create_failing_object(&env).await;
        let object = format!("object={}/thumbs", env.namespace());
        let expected = [
            format!("reconcile{{{object} kind=\"{S3}\" generation=1}}"),
            format!("bucket{{bucket={}}}", env.bucket("photos")),
        ];
        for part in expected {
            env.until(LIMIT, &part, async || {
                let log = controller.log();
                if log.contains(&part) { Ok(()) } else { Err(log) }
            })
            .await;
        }
    });
}

/// AWS repeats refused values in its error messages.
#[test]
fn a_secret_of_a_spec_is_never_reported() {
    env::test("secrets", async |env| {
        env.function("hourly").await;
        let echo = |field: &str| {
            let message = format!(
                "1 validation error detected: Value '[{{\"token\":\"{SECRET}\"}}]' at '{field}' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [a-z]+"
            );
            FaultKind::refuse(400, "ValidationException", message)
        };
        let always = |operation: &str, fault| Fault::on(operation, fault).times(usize::MAX);
        env.aws_proxy().inject(env.account(), always("PutTargets", echo("targets.1.member.input")));
        env.aws_proxy().inject(env.account(), always("CreateFunction", echo("environment.variables")));
        let controller = env.controller(&NO_RESYNC);
        let input = format!("schedule: rate(1 hour)\ninput: {{token: {SECRET}}}");
        env.apply(&scheduled("hourly", "hourly", &input)).await;
        env.apply(&DEFINED.replace("123456789012", env.account())).await;
        for name in ["hourly", "defined"] {
            env.until_condition(SCHEDULED, name, "Stalled", "True").await;
            let object = env.object(SCHEDULED, name).await.unwrap();
            let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
            assert!(message.contains("Value '...' at '"), "{message}");
            assert!(!object["status"].to_string().contains(SECRET), "{message}");
        }
        env.until(LIMIT, "both failures in the log", async || {
            let create_failing_object = controller.log().matches("reconcile failed").count();
            if create_failing_object >= 2 { Ok(()) } else { Err(controller.log()) }
        })
        .await;
        assert!(!controller.log().contains(SECRET), "{}", controller.log());
        let (_, metrics) = controller.page("/metrics").await.unwrap();
        assert!(!metrics.contains(SECRET), "{metrics}");
        let events = env.kubectl(&["get", "events", "--output", "yaml"], "").await.stdout;
        assert!(events.contains("AwsRefused") && !events.contains(SECRET), "{events}");
    });
}
