//! Every setting of a function: set, changed, taken out, and read back as a whole.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LayerVersionContentInput;
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::aws_proxy::Pace;
use lambda_triggers_tests::world::{self, REGION, World};
use serde_json::{Value, json};

use super::view::{
    SCHEDULED, apply, definition, function, function_name, owner_tags, plain, scheduled, with,
};
use crate::objects::{RESYNC_1S, nothing_is_written_at_rest};

/// What a definition says and how Lambda shows it, for two values of each field.
struct Settings {
    /// In the definition.
    written: Value,
    /// In the function; tags are the user's alone.
    shown: Value,
}

fn queue(w: &World, name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{}:{name}", w.account())
}

fn key(w: &World, id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{}:key/{id}", w.account())
}

fn layers(w: &World, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("arn:aws:lambda:{REGION}:{}:layer:{name}", w.account())).collect()
}

/// The layers `a`, in two versions, and `b`.
async fn publish_layers(w: &World) {
    let code = archive(&[("layer.txt".into(), vec![])].into()).unwrap();
    for name in ["a", "a", "b"] {
        let content = LayerVersionContentInput::builder().zip_file(Blob::new(code.bytes.clone())).build();
        w.lambda().publish_layer_version().layer_name(name).content(content).send().await.unwrap();
    }
}

fn first(w: &World) -> Settings {
    Settings {
        written: json!({
            "runtime": "python3.13",
            "handler": "index.other",
            "role": format!("arn:aws:iam::{}:role/first", w.account()),
            "memorySize": 256,
            "timeout": 7,
            "environment": {"ONE": "1", "TWO": ""},
            "tags": {"team": "a", "stage": "test"},
            "vpc": {"subnetIds": ["subnet-2", "subnet-1"], "securityGroupIds": ["sg-1"]},
            "layers": layers(w, &["b:1", "a:2"]),
            "architecture": "arm64",
            "ephemeralStorage": 512,
            "reservedConcurrency": 0,
            "tracing": "Active",
            "description": "first",
            "deadLetterQueueArn": queue(w, "first"),
            "kmsKeyArn": key(w, "1"),
            "snapStart": "PublishedVersions",
            "logging": {"format": "JSON", "logGroup": "/first", "applicationLevel": "WARN", "systemLevel": "DEBUG"},
        }),
        shown: json!({
            "runtime": "python3.13",
            "handler": "index.other",
            "role": format!("arn:aws:iam::{}:role/first", w.account()),
            "memorySize": 256,
            "timeout": 7,
            "environment": {"ONE": "1", "TWO": ""},
            "tags": {"team": "a", "stage": "test"},
            "subnetIds": ["subnet-1", "subnet-2"],
            "securityGroupIds": ["sg-1"],
            "layers": layers(w, &["b:1", "a:2"]),
            "architectures": ["arm64"],
            "ephemeralStorage": 512,
            "reservedConcurrency": 0,
            "tracing": "Active",
            "description": "first",
            "deadLetterQueueArn": queue(w, "first"),
            "kmsKeyArn": key(w, "1"),
            "snapStart": "PublishedVersions",
            "logFormat": "JSON",
            "logGroup": "/first",
            "applicationLogLevel": "WARN",
            "systemLogLevel": "DEBUG",
        }),
    }
}

fn second(w: &World) -> Settings {
    Settings {
        written: json!({
            "runtime": "python3.12",
            "handler": "index.handler",
            "role": format!("arn:aws:iam::{}:role/second", w.account()),
            "memorySize": 512,
            "timeout": 8,
            "environment": {"TWO": "2", "THREE": "3"},
            "tags": {"team": "b", "cost": "1"},
            "vpc": {"subnetIds": ["subnet-3"], "securityGroupIds": ["sg-1", "sg-2"]},
            "layers": layers(w, &["a:2", "b:1"]),
            "architecture": "x86_64",
            "ephemeralStorage": 1024,
            "reservedConcurrency": 3,
            "tracing": "Active",
            "description": "second",
            "deadLetterQueueArn": queue(w, "second"),
            "kmsKeyArn": key(w, "2"),
            "snapStart": null,
            "logging": {"format": "JSON"},
        }),
        shown: json!({
            "runtime": "python3.12",
            "handler": "index.handler",
            "role": format!("arn:aws:iam::{}:role/second", w.account()),
            "memorySize": 512,
            "timeout": 8,
            "environment": {"TWO": "2", "THREE": "3"},
            "tags": {"team": "b", "cost": "1"},
            "subnetIds": ["subnet-3"],
            "securityGroupIds": ["sg-1", "sg-2"],
            "layers": layers(w, &["a:2", "b:1"]),
            "architectures": ["x86_64"],
            "ephemeralStorage": 1024,
            "reservedConcurrency": 3,
            "tracing": "Active",
            "description": "second",
            "deadLetterQueueArn": queue(w, "second"),
            "kmsKeyArn": key(w, "2"),
            "snapStart": "None",
            "logFormat": "JSON",
            "logGroup": null,
            "applicationLogLevel": "INFO",
            "systemLogLevel": "INFO",
        }),
    }
}

/// A world with one function whose definition changes.
struct Changing<'a> {
    w: &'a World,
    name: String,
}

impl Changing<'_> {
    async fn becomes(&self, written: &Value) -> Value {
        let Self { w, name } = self;
        apply(w, &scheduled("all", written)).await;
        w.until_ready(SCHEDULED, "all").await;
        function(w, name).await.unwrap()
    }

    /// The function with these settings.
    async fn expected(&self, shown: &Value) -> Value {
        let Self { w, name } = self;
        let mut expected = plain(w, SCHEDULED, "all", name).await;
        for (member, value) in shown.as_object().unwrap() {
            expected[member] = value.clone();
        }
        expected["tags"] = with(owner_tags(w, SCHEDULED, "all").await, shown["tags"].clone());
        if shown["logGroup"].is_null() {
            expected["logGroup"] = json!(format!("/aws/lambda/{name}"));
        }
        expected
    }
}

#[test]
fn every_setting_is_set_changed_and_taken_out_again() {
    world::test("settings", async |w| {
        w.aws_proxy().slow_functions(w.account(), Pace::Reads(0));
        publish_layers(&w).await;
        let _controller = w.controller(&RESYNC_1S);
        let changing = Changing { w: &w, name: function_name(&w, SCHEDULED, "all") };
        let small = definition(&w, "all");
        for Settings { written, shown } in [first(&w), second(&w), first(&w)] {
            let found = changing.becomes(&with(small.clone(), written)).await;
            assert_eq!(found, changing.expected(&shown).await);
            nothing_is_written_at_rest(&w, SCHEDULED, &["all"]).await;
        }
        let found = changing.becomes(&small).await;
        assert_eq!(found, plain(&w, SCHEDULED, "all", &changing.name).await);
        nothing_is_written_at_rest(&w, SCHEDULED, &["all"]).await;
    });
}

#[test]
fn each_setting_alone_is_changed_and_taken_out_again() {
    world::test("each-setting", async |w| {
        w.aws_proxy().slow_functions(w.account(), Pace::Reads(0));
        publish_layers(&w).await;
        let _controller = w.controller(&RESYNC_1S);
        let name = function_name(&w, SCHEDULED, "all");
        let changing = Changing { w: &w, name: name.clone() };
        let small = definition(&w, "all");
        let bare = changing.becomes(&small).await;
        let all = first(&w).written;
        for (field, value) in all.as_object().unwrap() {
            let one = json!({field: value});
            let set = changing.becomes(&with(small.clone(), one)).await;
            // The one value that is the default, since SnapStart takes no more.
            assert_eq!(set == bare, field == "ephemeralStorage", "{field}: {set:#}");
            let unset = changing.becomes(&small).await;
            assert_eq!(unset, bare, "{field}");
        }
    });
}
