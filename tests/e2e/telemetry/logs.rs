//! Logs: each line of the work on an object names it, and none holds what is secret.

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use crate::objects::{NO_RESYNC, deny};
use crate::support::{AwsView, LIMIT, s3, scheduled};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";

/// What no log, no metric and no object's status may hold.
const MARK: &str = "hunter2-in-the-spec";

/// A function of the operator's own, with a secret in its environment.
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

/// An object that fails before its rule is made, and a bucket that cannot be read.
async fn failures(env: &TestEnv) {
    env.function("hourly").await;
    env.function("thumbs").await;
    let bucket = env.new_bucket("photos").await;
    deny(env, "GetBucketNotificationConfiguration", &bucket);
    env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
    env.until_condition(S3, "thumbs", "Stalled", "True").await;
}

/// The lines of JSON with this message.
fn lines(log: &str, message: &str) -> Vec<Value> {
    let json = log.lines().filter(|line| line.starts_with('{'));
    let parsed =
        json.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    parsed.filter(|line: &Value| line["message"] == message).collect()
}

fn fields<const N: usize>(line: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| line[name].clone())
}

#[test]
fn each_line_of_json_names_the_object_its_generation_and_the_bucket() {
    env::test("json", async |env| {
        let controller = env.controller(&["--owner-id", "0a1b2c3d", "--log-format", "json"]);
        failures(&env).await;
        let object = Value::from(format!("{}/thumbs", env.namespace()));
        let line = env
            .until(LIMIT, "the failure in the log", async || {
                lines(&controller.log(), "reconcile failed").into_iter().next()
            })
            .await;
        let expected = [object.clone(), S3.into(), 1.into(), "WARN".into()];
        assert_eq!(fields(&line, ["object", "kind", "generation", "level"]), expected);
        let line = &lines(&controller.log(), "cannot read the notification configuration")[0];
        let expected = [object, env.bucket("photos").into(), "1".into()];
        assert_eq!(fields(line, ["object", "bucket", "generation"]), expected);
    });
}

#[test]
fn each_line_of_text_names_the_object_its_generation_and_the_bucket() {
    env::test("text", async |env| {
        let controller = env.controller(&NO_RESYNC);
        failures(&env).await;
        let object = format!("object={}/thumbs", env.namespace());
        let expected = [
            format!("reconcile{{{object} kind=\"{S3}\" generation=1}}"),
            format!(
                "bucket{{bucket={} object=\"{}/thumbs\" generation=\"1\"}}",
                env.bucket("photos"),
                env.namespace()
            ),
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

/// AWS repeats what it was sent where it refuses it.
#[test]
fn a_secret_of_a_spec_is_nowhere_to_be_read() {
    env::test("secrets", async |env| {
        env.function("hourly").await;
        let echo = |field: &str| {
            let message = format!(
                "1 validation error detected: Value '[{{\"token\":\"{MARK}\"}}]' at '{field}' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [a-z]+"
            );
            FaultKind::refuse(400, "ValidationException", message)
        };
        let always = |operation: &str, fault| Fault::on(operation, fault).times(usize::MAX);
        env.aws_proxy().inject(env.account(), always("PutTargets", echo("targets.1.member.input")));
        env.aws_proxy().inject(env.account(), always("CreateFunction", echo("environment.variables")));
        let controller = env.controller(&NO_RESYNC);
        let input = format!("schedule: rate(1 hour)\ninput: {{token: {MARK}}}");
        env.apply(&scheduled("hourly", "hourly", &input)).await;
        env.apply(&DEFINED.replace("123456789012", env.account())).await;
        for name in ["hourly", "defined"] {
            env.until_condition(SCHEDULED, name, "Stalled", "True").await;
            let object = env.object(SCHEDULED, name).await.unwrap();
            let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
            assert!(message.contains("Value '...' at '"), "{message}");
            assert!(!object["status"].to_string().contains(MARK), "{message}");
        }
        env.until(LIMIT, "both failures in the log", async || {
            let failures = controller.log().matches("reconcile failed").count();
            if failures >= 2 { Ok(()) } else { Err(controller.log()) }
        })
        .await;
        assert!(!controller.log().contains(MARK), "{}", controller.log());
        let (_, metrics) = controller.page("/metrics").await.unwrap();
        assert!(!metrics.contains(MARK), "{metrics}");
        let events = env.kubectl(&["get", "events", "--output", "yaml"], "").await.stdout;
        assert!(events.contains("AwsRefused") && !events.contains(MARK), "{events}");
    });
}
