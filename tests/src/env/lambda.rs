//! Lambda functions that really run and record their events.

use std::io::{Cursor, Write};
use std::time::Duration;

use aws_sdk_lambda::config::Region;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime, State};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::TestEnv;

/// Appends each invocation as a line to the file in the variable `RECORD`.
const HANDLER: &str = r#"
import json
import os


def handler(event, context):
    line = json.dumps({"event": event, "arn": context.invoked_function_arn})
    with open(os.environ["RECORD"], "a") as record:
        record.write(line + "\n")
    return {"recorded": True}
"#;

/// A recorded run of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The received event.
    pub event: Value,
    /// The ARN of the invocation, with the qualifier if present.
    pub arn: String,
}

impl TestEnv {
    /// Creates a function that records its invocations. Returns the unqualified ARN once the function is active.
    pub async fn function(&self, name: &str) -> String {
        self.create_function(self.lambda(), name).await
    }

    /// Like [`TestEnv::function`], in another Region.
    pub async fn function_in(&self, region: &'static str, name: &str) -> String {
        let there = self.lambda().config().to_builder().region(Region::new(region)).build();
        self.create_function(&aws_sdk_lambda::Client::from_conf(there), name).await
    }

    /// Like [`TestEnv::function`], with the client of another AWS.
    pub async fn create_function(&self, lambda: &aws_sdk_lambda::Client, name: &str) -> String {
        let record = self.record(name).to_str().expect("the scratch directory's path is UTF-8").to_owned();
        let created = lambda
            .create_function()
            .function_name(name)
            .runtime(Runtime::Python312)
            .handler("index.handler")
            .role(format!("arn:aws:iam::{}:role/test", self.account()))
            .environment(Environment::builder().variables("RECORD", record).build())
            .code(FunctionCode::builder().zip_file(Blob::new(archive())).build())
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating the function {name}: {error:?}"));
        let arn = created.function_arn.expect("a created function has an ARN");
        self.until(Duration::from_secs(60), "the function to be active", async || {
            let found = lambda.get_function_configuration().function_name(&arn).send().await;
            found.ok().and_then(|function| function.state).filter(|state| *state == State::Active)
        })
        .await;
        arn
    }

    /// Permits a bucket of the environment's account to invoke a function, by name or ARN.
    pub async fn permit_bucket(&self, function: &str, bucket: &str) {
        self.permit_bucket_in(self.account(), function, bucket).await;
    }

    /// Permits a bucket of the environment's account to invoke a function of another account.
    ///
    /// # Panics
    /// If Lambda refuses the permission.
    pub async fn permit_bucket_in(&self, account: &str, function: &str, bucket: &str) {
        let permission = self
            .lambda_of(account)
            .await
            .add_permission()
            .function_name(function)
            .statement_id(format!("bucket-{}", bucket.replace('.', "-")))
            .action("lambda:InvokeFunction")
            .principal("s3.amazonaws.com")
            .source_arn(format!("arn:aws:s3:::{bucket}"))
            .source_account(self.account());
        let added = permission.send().await;
        added.unwrap_or_else(|error| panic!("letting {bucket} invoke {function}: {error:?}"));
    }

    /// All runs so far of a function from [`TestEnv::function`], in order.
    pub fn invocations(&self, name: &str) -> Vec<Invocation> {
        let record = std::fs::read_to_string(self.record(name)).unwrap_or_default();
        let complete = record.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        complete
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).expect("the handler writes JSON");
                let arn = line["arn"].as_str().expect("an ARN").to_owned();
                Invocation { event: line["event"].take(), arn }
            })
            .collect()
    }

    /// The lines that a function has printed so far, from CloudWatch Logs, without Lambda's own lines.
    pub async fn printed(&self, function: &str) -> Vec<String> {
        let log_group = format!("/aws/lambda/{function}");
        let body = json!({"logGroupName": log_group}).to_string();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.FilterLogEvents"),
        ];
        // A function without output has no log group.
        let Ok(answer) = self.call("logs", &headers, &body).await else { return vec![] };
        let answer: Value = serde_json::from_slice(&answer).expect("CloudWatch Logs answers JSON");
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        let lines = events.iter().filter_map(|event| event["message"].as_str()).map(str::trim_end);
        let of_lambda = ["START ", "END ", "REPORT ", "INIT_START "];
        let own = lines.filter(|line| !of_lambda.iter().any(|beginning| line.starts_with(beginning)));
        own.map(ToOwned::to_owned).collect()
    }

    fn record(&self, name: &str) -> std::path::PathBuf {
        self.directory().join(format!("{name}.invocations"))
    }
}

fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // Stored, since the zip crate is built without compression. A date would change the code's hash.
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("index.py", options).expect("writing to memory");
    zip.write_all(HANDLER.as_bytes()).expect("writing to memory");
    zip.finish().expect("writing to memory").into_inner()
}
