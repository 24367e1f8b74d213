//! A resource with a function definition: the operator creates, updates and deletes the function, the trigger and the
//! permission.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use lambda_triggers_core::ownership::{ObjectKey, bucket_statement_id};
use lambda_triggers_tests::env;
use serde_json::json;

use super::view::{
    HANDLER, S3, SCHEDULED, apply, arn, definition, function, function_name, function_names, handler_with,
    plain, s3, scheduled, sha256, wait_for_function, with,
};
use crate::objects::{NO_RESYNC, RESYNC_1S, assert_no_writes_at_rest, event, owner, wait_for_events};
use crate::support::{AwsView, LIMIT, own};

const NOTHING: [&str; 0] = [];

#[test]
fn a_scheduled_function_is_created_updated_and_deleted() {
    env::test("scheduled-life", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let minimal = definition(&env, "hourly");
        apply(&env, &scheduled("hourly", &minimal)).await;
        let object = env.until_ready(SCHEDULED, "hourly").await;
        let name = function_name(&env, SCHEDULED, "hourly");
        let rule = ObjectKey::new(env.namespace(), "hourly").rule_name(&owner(), SCHEDULED);
        let expected = plain(&env, SCHEDULED, "hourly", &name).await;
        assert_eq!(function(&env, &name).await, Some(expected.clone()));
        assert_eq!(object["status"]["functionArn"], arn(&env, &name));
        assert_eq!(object["status"]["function"]["codeSha256"], expected["codeSha256"]);
        assert_eq!(object["status"]["function"]["version"], "$LATEST");
        assert_eq!(env.rule_names().await, std::slice::from_ref(&rule));
        assert_eq!(env.statements(&name, None).await, ["lt-0a1b2c3d-rules"]);
        let created = [
            event("Normal", "FunctionCreated", format!("created the function {name}")),
            event("Normal", "RuleCreated", format!("created the rule {rule}")),
        ];
        wait_for_events(&env, "hourly", &created).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["hourly"]).await;
        apply(&env, &scheduled("hourly", &minimal)).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["hourly"]).await;

        let code = handler_with("second");
        let changed = with(minimal, json!({"timeoutSeconds": 5, "code": {"inline": {"index.py": &code}}}));
        apply(&env, &scheduled("hourly", &changed)).await;
        env.until_ready(SCHEDULED, "hourly").await;
        let sha256 = sha256(&[("index.py", &code)]);
        let expected = with(expected, json!({"timeoutSeconds": 5, "codeSha256": sha256}));
        assert_eq!(function(&env, &name).await, Some(expected));
        let updated = ["settings", "code"]
            .map(|what| event("Normal", "FunctionUpdated", format!("updated the function {name}: {what}")));
        wait_for_events(&env, "hourly", &[&created[..], &updated[..]].concat()).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["hourly"]).await;

        env.delete(SCHEDULED, "hourly").await;
        env.until_gone(SCHEDULED, "hourly").await;
        assert_eq!(env.rule_names().await, NOTHING);
        assert_eq!(function_names(&env).await, NOTHING);
    });
}

#[test]
fn an_s3_triggered_function_is_created_updated_and_deleted() {
    env::test("s3-life", async |env| {
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&RESYNC_1S);
        let minimal = definition(&env, "thumbs");
        apply(&env, &s3("thumbs", &bucket, &minimal)).await;
        env.until_ready(S3, "thumbs").await;
        let name = function_name(&env, S3, "thumbs");
        let expected = plain(&env, S3, "thumbs", &name).await;
        assert_eq!(function(&env, &name).await, Some(expected.clone()));
        let entries = own(&env.document(&bucket).await);
        assert_eq!(entries.iter().map(|entry| entry.arn.clone()).collect::<Vec<_>>(), [arn(&env, &name)]);
        assert_eq!(env.statements(&name, None).await, [bucket_statement_id(&owner(), &bucket)]);
        assert_no_writes_at_rest(&env, S3, &["thumbs"]).await;
        apply(&env, &s3("thumbs", &bucket, &minimal)).await;
        assert_no_writes_at_rest(&env, S3, &["thumbs"]).await;

        let code = handler_with("second");
        let changed = with(minimal, json!({"memorySizeMB": 256, "code": {"inline": {"index.py": &code}}}));
        apply(&env, &s3("thumbs", &bucket, &changed)).await;
        env.until_ready(S3, "thumbs").await;
        let sha256 = sha256(&[("index.py", &code)]);
        let expected = with(expected, json!({"memorySizeMB": 256, "codeSha256": sha256}));
        wait_for_function(&env, &name, &expected).await;
        assert_eq!(own(&env.document(&bucket).await), entries);
        assert_no_writes_at_rest(&env, S3, &["thumbs"]).await;

        env.delete(S3, "thumbs").await;
        env.until_gone(S3, "thumbs").await;
        assert_eq!(own(&env.document(&bucket).await), vec![]);
        assert_eq!(function_names(&env).await, NOTHING);
    });
}

#[test]
fn an_upload_runs_the_code_of_the_current_manifest() {
    env::test("uploads", async |env| {
        let bucket = env.new_bucket("uploads").await;
        let _controller = env.controller(&NO_RESYNC);
        let first = definition(&env, "first");
        apply(&env, &s3("thumbs", &bucket, &first)).await;
        env.until_ready(S3, "thumbs").await;
        let runs = async |record: &str, key: &str| {
            let put = env.s3().put_object().bucket(&bucket).key(key).body(ByteStream::from_static(b"x"));
            put.send().await.unwrap();
            let what = format!("a run of {record} for {key}");
            env.until(LIMIT, &what, async || {
                let runs = env.invocations(record);
                runs.into_iter().find(|run| run.event["Records"][0]["s3"]["object"]["key"] == key)
            })
            .await
        };
        let function = arn(&env, &function_name(&env, S3, "thumbs"));
        assert_eq!(runs("first", "a.jpg").await.arn, function);

        let code = HANDLER.replace("\"arn\":", "\"changed\": True, \"arn\":");
        let second = with(definition(&env, "second"), json!({"code": {"inline": {"index.py": code}}}));
        apply(&env, &s3("thumbs", &bucket, &second)).await;
        env.until_ready(S3, "thumbs").await;
        assert_eq!(runs("second", "b.jpg").await.arn, function);
        assert!(
            env.invocations("first")
                .iter()
                .all(|run| run.event["Records"][0]["s3"]["object"]["key"] == "a.jpg")
        );
    });
}

#[test]
fn a_schedule_runs_the_code_of_the_manifest() {
    env::test("ticks", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let mut manifest = scheduled("minutely", &definition(&env, "minutely"));
        manifest["spec"]["schedule"] = json!("rate(1 minute)");
        apply(&env, &manifest).await;
        env.until_ready(SCHEDULED, "minutely").await;
        // A rate schedule runs for the first time after a minute.
        let run = env
            .until(Duration::from_secs(180), "a run", async || env.invocations("minutely").into_iter().next())
            .await;
        let rule = ObjectKey::new(env.namespace(), "minutely").rule_name(&owner(), SCHEDULED);
        assert_eq!(run.arn, arn(&env, &function_name(&env, SCHEDULED, "minutely")));
        assert_eq!(
            (run.event["source"].clone(), run.event["resources"].clone()),
            (json!("aws.events"), json!([format!("arn:aws:events:eu-west-1:{}:rule/{rule}", env.account())]))
        );
    });
}
