//! Every setting of a function: set, changed, removed, and read back as a whole.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LayerVersionContentInput;
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::aws_proxy::Pace;
use lambda_triggers_tests::env::{self, REGION, TestEnv};
use serde_json::{Value, json};

use super::view::{
    SCHEDULED, apply, definition, function, function_name, owner_tags, plain, scheduled, with,
};
use crate::objects::{RESYNC_1S, assert_no_writes_at_rest};

/// The settings in a definition, and the same settings as Lambda shows them.
struct Settings {
    /// The fields of the definition.
    written: Value,
    /// The fields of the function. `tags` contains only the user's tags.
    shown: Value,
}

fn queue(env: &TestEnv, name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{}:{name}", env.account())
}

fn key(env: &TestEnv, id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{}:key/{id}", env.account())
}

fn layers(env: &TestEnv, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("arn:aws:lambda:{REGION}:{}:layer:{name}", env.account())).collect()
}

/// Publishes the layer `a` in two versions, and the layer `b`.
async fn publish_layers(env: &TestEnv) {
    let code = archive(&[("layer.txt".into(), vec![])].into()).unwrap();
    for name in ["a", "a", "b"] {
        let content = LayerVersionContentInput::builder().zip_file(Blob::new(code.bytes.clone())).build();
        env.lambda().publish_layer_version().layer_name(name).content(content).send().await.unwrap();
    }
}

fn first(env: &TestEnv) -> Settings {
    Settings {
        written: json!({
            "runtime": "python3.13",
            "handler": "index.other",
            "roleArn": format!("arn:aws:iam::{}:role/first", env.account()),
            "memorySizeMB": 256,
            "timeoutSeconds": 7,
            "environment": {"ONE": "1", "TWO": ""},
            "tags": {"team": "a", "stage": "test"},
            "vpc": {"subnetIds": ["subnet-2", "subnet-1"], "securityGroupIds": ["sg-1"]},
            "layers": layers(env, &["b:1", "a:2"]),
            "architecture": "arm64",
            "ephemeralStorageMB": 512,
            "reservedConcurrency": 0,
            "tracing": "Active",
            "description": "first",
            "deadLetterQueueArn": queue(env, "first"),
            "kmsKeyArn": key(env, "1"),
            "snapStart": "PublishedVersions",
            "logging": {"format": "JSON", "logGroup": "/first", "applicationLevel": "WARN", "systemLevel": "DEBUG"},
        }),
        shown: json!({
            "runtime": "python3.13",
            "handler": "index.other",
            "roleArn": format!("arn:aws:iam::{}:role/first", env.account()),
            "memorySizeMB": 256,
            "timeoutSeconds": 7,
            "environment": {"ONE": "1", "TWO": ""},
            "tags": {"team": "a", "stage": "test"},
            "subnetIds": ["subnet-1", "subnet-2"],
            "securityGroupIds": ["sg-1"],
            "layers": layers(env, &["b:1", "a:2"]),
            "architectures": ["arm64"],
            "ephemeralStorageMB": 512,
            "reservedConcurrency": 0,
            "tracing": "Active",
            "description": "first",
            "deadLetterQueueArn": queue(env, "first"),
            "kmsKeyArn": key(env, "1"),
            "snapStart": "PublishedVersions",
            "logFormat": "JSON",
            "logGroup": "/first",
            "applicationLogLevel": "WARN",
            "systemLogLevel": "DEBUG",
        }),
    }
}

fn second(env: &TestEnv) -> Settings {
    Settings {
        written: json!({
            "runtime": "python3.12",
            "handler": "index.handler",
            "roleArn": format!("arn:aws:iam::{}:role/second", env.account()),
            "memorySizeMB": 512,
            "timeoutSeconds": 8,
            "environment": {"TWO": "2", "THREE": "3"},
            "tags": {"team": "b", "cost": "1"},
            "vpc": {"subnetIds": ["subnet-3"], "securityGroupIds": ["sg-1", "sg-2"]},
            "layers": layers(env, &["a:2", "b:1"]),
            "architecture": "x86_64",
            "ephemeralStorageMB": 1024,
            "reservedConcurrency": 3,
            "tracing": "Active",
            "description": "second",
            "deadLetterQueueArn": queue(env, "second"),
            "kmsKeyArn": key(env, "2"),
            "snapStart": null,
            "logging": {"format": "JSON"},
        }),
        shown: json!({
            "runtime": "python3.12",
            "handler": "index.handler",
            "roleArn": format!("arn:aws:iam::{}:role/second", env.account()),
            "memorySizeMB": 512,
            "timeoutSeconds": 8,
            "environment": {"TWO": "2", "THREE": "3"},
            "tags": {"team": "b", "cost": "1"},
            "subnetIds": ["subnet-3"],
            "securityGroupIds": ["sg-1", "sg-2"],
            "layers": layers(env, &["a:2", "b:1"]),
            "architectures": ["x86_64"],
            "ephemeralStorageMB": 1024,
            "reservedConcurrency": 3,
            "tracing": "Active",
            "description": "second",
            "deadLetterQueueArn": queue(env, "second"),
            "kmsKeyArn": key(env, "2"),
            "snapStart": "None",
            "logFormat": "JSON",
            "logGroup": null,
            "applicationLogLevel": "INFO",
            "systemLogLevel": "INFO",
        }),
    }
}

/// A function whose definition changes.
struct ChangingFunction<'a> {
    env: &'a TestEnv,
    name: String,
}

impl ChangingFunction<'_> {
    async fn apply_and_read(&self, written: &Value) -> Value {
        let Self { env, name } = self;
        apply(env, &scheduled("all", written)).await;
        env.until_ready(SCHEDULED, "all").await;
        function(env, name).await.unwrap()
    }

    /// The function with these settings.
    async fn expected(&self, shown: &Value) -> Value {
        let Self { env, name } = self;
        let mut expected = plain(env, SCHEDULED, "all", name).await;
        for (field, value) in shown.as_object().unwrap() {
            expected[field] = value.clone();
        }
        expected["tags"] = with(owner_tags(env, SCHEDULED, "all").await, shown["tags"].clone());
        if shown["logGroup"].is_null() {
            expected["logGroup"] = json!(format!("/aws/lambda/{name}"));
        }
        expected
    }
}

#[test]
fn all_settings_are_set_changed_and_removed_together() {
    env::test("settings", async |env| {
        env.aws_proxy().slow_functions(env.account(), Pace::Reads(0));
        publish_layers(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        let changing_function = ChangingFunction { env: &env, name: function_name(&env, SCHEDULED, "all") };
        let minimal = definition(&env, "all");
        for Settings { written, shown } in [first(&env), second(&env), first(&env)] {
            let found = changing_function.apply_and_read(&with(minimal.clone(), written)).await;
            assert_eq!(found, changing_function.expected(&shown).await);
            assert_no_writes_at_rest(&env, SCHEDULED, &["all"]).await;
        }
        let found = changing_function.apply_and_read(&minimal).await;
        assert_eq!(found, plain(&env, SCHEDULED, "all", &changing_function.name).await);
        assert_no_writes_at_rest(&env, SCHEDULED, &["all"]).await;
    });
}

#[test]
fn each_setting_is_set_and_removed_alone() {
    env::test("each-setting", async |env| {
        env.aws_proxy().slow_functions(env.account(), Pace::Reads(0));
        publish_layers(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "all");
        let changing_function = ChangingFunction { env: &env, name: name.clone() };
        let minimal = definition(&env, "all");
        let initial = changing_function.apply_and_read(&minimal).await;
        let all = first(&env).written;
        for (field, value) in all.as_object().unwrap() {
            let single = json!({field: value});
            let set = changing_function.apply_and_read(&with(minimal.clone(), single)).await;
            // 512 MiB is the default, since SnapStart supports no larger storage.
            assert_eq!(set == initial, field == "ephemeralStorageMB", "{field}: {set:#}");
            let unset = changing_function.apply_and_read(&minimal).await;
            assert_eq!(unset, initial, "{field}");
        }
    });
}
