//! Manifests and states of deployed functions, as values that can be compared as wholes.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use lambda_triggers_core::ownership::ObjectKey;
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::env::{REGION, TestEnv};
use serde_json::{Value, json};

use crate::objects::{OWNER, owner};
use crate::support::LIMIT;

pub const SCHEDULED: &str = "ScheduledFunction";
pub const S3: &str = "S3TriggeredFunction";

/// Source of a function that appends each event and the function's ARN to the file named by `RECORD`.
pub const HANDLER: &str = r#"
import json
import os


def handler(event, context):
    line = json.dumps({"event": event, "arn": context.invoked_function_arn})
    with open(os.environ["RECORD"], "a") as record:
        record.write(line + "\n")
"#;

/// The same handler with a comment, and therefore with another hash.
pub fn handler_with(comment: &str) -> String {
    format!("# {comment}\n{HANDLER}")
}

/// The minimal definition of a function with inline code. The function records its invocations under `name`
/// ([`TestEnv::invocations`]).
pub fn definition(env: &TestEnv, name: &str) -> Value {
    json!({
        "runtime": "python3.12",
        "handler": "index.handler",
        "roleArn": role(env),
        "code": {"inline": {"index.py": HANDLER}},
        "environment": {"RECORD": env.directory().join(format!("{name}.invocations"))},
    })
}

pub fn role(env: &TestEnv) -> String {
    format!("arn:aws:iam::{}:role/test", env.account())
}

/// The `CodeSha256` that Lambda returns for code with these files.
pub fn sha256(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    archive(&files).unwrap().sha256
}

/// Sets or replaces fields of an object. A null value removes a field.
pub fn with(mut value: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("not an object: {fields}") };
    for (name, field) in fields {
        if field.is_null() {
            value.as_object_mut().unwrap().remove(&name);
        } else {
            value[name] = field;
        }
    }
    value
}

/// A `ScheduledFunction` that runs each hour.
pub fn scheduled(name: &str, definition: &Value) -> Value {
    resource(SCHEDULED, name, json!({"function": {"definition": definition}, "schedule": "rate(1 hour)"}))
}

/// An `S3TriggeredFunction` for a whole bucket.
pub fn s3(name: &str, bucket: &str, definition: &Value) -> Value {
    resource(S3, name, json!({"function": {"definition": definition}, "bucket": bucket}))
}

pub fn resource(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "lambda-triggers.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Runs `kubectl apply` with one manifest. The apply must succeed.
pub async fn apply(env: &TestEnv, manifest: &Value) {
    env.apply(&manifest.to_string()).await;
}

/// The default name of the function of an object with a definition.
pub fn function_name(env: &TestEnv, kind: &str, name: &str) -> String {
    ObjectKey::new(env.namespace(), name).function_name(&owner(), kind)
}

pub fn arn(env: &TestEnv, function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{}:function:{function}", env.account())
}

/// The names of all functions, sorted.
pub async fn function_names(env: &TestEnv) -> Vec<String> {
    let functions = env.lambda().list_functions().send().await.unwrap();
    let mut names: Vec<String> = functions
        .functions()
        .iter()
        .filter_map(|function| function.function_name().map(Into::into))
        .collect();
    names.sort();
    names
}

/// All settings of a function in Lambda, or `None` if the function does not exist.
pub async fn function(env: &TestEnv, name: &str) -> Option<Value> {
    env.lambda().get_function().function_name(name).send().await.ok().map(|answer| settings(&answer))
}

fn settings(answer: &GetFunctionOutput) -> Value {
    let function = answer.configuration().unwrap();
    let environment = function.environment().and_then(|environment| environment.variables());
    let vpc = function.vpc_config();
    let logging = function.logging_config();
    let image = function.image_config_response().and_then(|response| response.image_config());
    json!({
        "arn": function.function_arn(),
        "packageType": function.package_type().map(|kind| kind.as_str()),
        "runtime": function.runtime().map(|runtime| runtime.as_str()),
        "handler": function.handler(),
        "roleArn": function.role(),
        "codeSha256": function.code_sha256(),
        "imageUri": answer.code().and_then(|code| code.image_uri()),
        "entryPoint": image.map(|image| image.entry_point()).unwrap_or_default(),
        "command": image.map(|image| image.command()).unwrap_or_default(),
        "workingDirectory": image.and_then(|image| image.working_directory()).unwrap_or_default(),
        "memorySizeMB": function.memory_size(),
        "timeoutSeconds": function.timeout(),
        "environment": environment.cloned().unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
        "tags": answer.tags().cloned().unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
        "subnetIds": vpc.map(|vpc| vpc.subnet_ids()).unwrap_or_default(),
        "securityGroupIds": vpc.map(|vpc| vpc.security_group_ids()).unwrap_or_default(),
        "layers": function.layers().iter().map(|layer| layer.arn()).collect::<Vec<_>>(),
        "architectures": function.architectures().iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "ephemeralStorageMB": function.ephemeral_storage().map(|storage| storage.size()),
        "reservedConcurrency": answer.concurrency().and_then(|c| c.reserved_concurrent_executions()),
        "tracing": function.tracing_config().and_then(|tracing| tracing.mode()).map(|mode| mode.as_str()),
        "description": function.description(),
        "deadLetterQueueArn": function.dead_letter_config().and_then(|config| config.target_arn()),
        "kmsKeyArn": function.kms_key_arn(),
        "snapStart": function.snap_start().and_then(|s| s.apply_on()).map(|apply_on| apply_on.as_str()),
        "logFormat": logging.and_then(|logging| logging.log_format()).map(|format| format.as_str()),
        "logGroup": logging.and_then(|logging| logging.log_group()),
        "applicationLogLevel": logging.and_then(|l| l.application_log_level()).map(|level| level.as_str()),
        "systemLogLevel": logging.and_then(|l| l.system_log_level()).map(|level| level.as_str()),
    })
}

/// The expected function for the minimal [`definition`], under this name in Lambda.
pub async fn plain(env: &TestEnv, kind: &str, name: &str, function: &str) -> Value {
    json!({
        "arn": arn(env, function),
        "packageType": "Zip",
        "runtime": "python3.12",
        "handler": "index.handler",
        "roleArn": role(env),
        "codeSha256": sha256(&[("index.py", HANDLER)]),
        "imageUri": null,
        "entryPoint": [],
        "command": [],
        "workingDirectory": "",
        "memorySizeMB": 128,
        "timeoutSeconds": 60,
        "environment": {"RECORD": env.directory().join(format!("{name}.invocations"))},
        "tags": owner_tags(env, kind, name).await,
        "subnetIds": [],
        "securityGroupIds": [],
        "layers": [],
        "architectures": ["x86_64"],
        "ephemeralStorageMB": 512,
        "reservedConcurrency": null,
        "tracing": "PassThrough",
        "description": "",
        "deadLetterQueueArn": null,
        "kmsKeyArn": null,
        "snapStart": "None",
        "logFormat": "Text",
        "logGroup": format!("/aws/lambda/{function}"),
        "applicationLogLevel": null,
        "systemLogLevel": null,
    })
}

/// The tags that identify the owner of a function.
pub async fn owner_tags(env: &TestEnv, kind: &str, name: &str) -> Value {
    let object = env.object(kind, name).await.unwrap();
    let own = Api::<Namespace>::all(env.kube().clone()).get(env.namespace()).await.unwrap();
    json!({
        "lambda-triggers.dev/cluster": own.uid().unwrap(),
        "lambda-triggers.dev/kind": kind,
        "lambda-triggers.dev/name": name,
        "lambda-triggers.dev/namespace": env.namespace(),
        "lambda-triggers.dev/owner": OWNER,
        "lambda-triggers.dev/uid": object["metadata"]["uid"],
    })
}

/// Waits until the function equals the expected value.
pub async fn wait_for_function(env: &TestEnv, name: &str, expected: &Value) {
    env.until(LIMIT, &format!("the function {name} to be {expected:#}"), async || {
        match function(env, name).await {
            Some(found) if found == *expected => Ok(()),
            Some(found) => Err(format!("{found:#}")),
            None => Err("there is none".to_owned()),
        }
    })
    .await;
}

/// Waits until exactly these functions exist.
pub async fn wait_for_functions(env: &TestEnv, names: &[&str]) {
    env.until(LIMIT, &format!("the functions to be {names:?}"), async || {
        let found = function_names(env).await;
        if found == names { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// Waits until the object is ready, and its status contains the function's last update.
pub async fn wait_for_current_status(env: &TestEnv, kind: &str, name: &str, function: &str) {
    env.until(LIMIT, &format!("{kind} {name} to be settled"), async || {
        let found = env.lambda().get_function().function_name(function).send().await;
        let found = found.map_err(|error| format!("{error:?}"))?.configuration.ok_or("no configuration")?;
        let object = env.until_ready(kind, name).await;
        let is_current = found.last_update_status().is_some_and(|status| status.as_str() == "Successful")
            && object["status"]["function"]["lastUpdate"].as_str() == found.last_modified();
        if is_current { Ok(()) } else { Err(format!("{found:?}, status {}", object["status"])) }
    })
    .await;
}
