//! Shared helpers of the operator's tests: manifests, and AWS state as values that can be compared as wholes.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda_triggers_core::plan::bucket::{Document, Entry};
use lambda_triggers_tests::aws_proxy::Call;
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

/// The maximum time that a test waits for the operator.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A rule and its targets in EventBridge.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub expression: String,
    pub description: String,
    pub enabled: bool,
    pub tags: BTreeMap<String, String>,
    pub targets: Vec<Target>,
}

/// A target in EventBridge.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub id: String,
    pub arn: String,
    pub input: Option<Value>,
    pub retry: Option<(Option<i32>, Option<i32>)>,
    pub dead_letter_queue_arn: Option<String>,
}

/// Reads and writes of AWS state in tests.
pub trait AwsView {
    /// Creates a bucket in the env's Region and returns its name.
    async fn new_bucket(&self, name: &str) -> String;
    /// The bucket's notification configuration.
    async fn document(&self, bucket: &str) -> Document;
    /// The bucket's notification configuration, as the text that S3 sends.
    async fn document_text(&self, bucket: &str) -> String;
    /// Replaces the bucket's notification configuration, as another tool would.
    async fn put_document(&self, bucket: &str, xml: &str);
    /// The names of all rules.
    async fn rule_names(&self) -> Vec<String>;
    /// The Sids in a function's policy, sorted.
    async fn statements(&self, function: &str, qualifier: Option<&str>) -> Vec<String>;
    /// The writes to AWS since the recorded calls were last cleared.
    fn aws_writes(&self) -> Vec<Call>;
    /// The writes of [`AwsView::aws_writes`] that AWS has applied. AWS refuses the creation of what exists.
    fn applied_writes(&self) -> Vec<Call>;
}

impl AwsView for TestEnv {
    async fn new_bucket(&self, name: &str) -> String {
        let bucket = self.bucket(name);
        self.create_bucket(&bucket).await;
        bucket
    }

    async fn document(&self, bucket: &str) -> Document {
        Document::parse(&self.document_text(bucket).await).unwrap()
    }

    async fn document_text(&self, bucket: &str) -> String {
        raw_notification(self, "GET", bucket, None).await
    }

    async fn put_document(&self, bucket: &str, xml: &str) {
        raw_notification(self, "PUT", bucket, Some(xml.to_owned())).await;
    }

    async fn rule_names(&self) -> Vec<String> {
        let rules = self.events().list_rules().send().await.unwrap();
        rules.rules().iter().filter_map(|rule| rule.name().map(Into::into)).collect()
    }

    async fn statements(&self, function: &str, qualifier: Option<&str>) -> Vec<String> {
        let call =
            self.lambda().get_policy().function_name(function).set_qualifier(qualifier.map(Into::into));
        let Ok(policy) = call.send().await else { return vec![] };
        let policy: Value = serde_json::from_str(policy.policy().unwrap_or("{}")).unwrap();
        let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
        let mut sids: Vec<String> =
            statements.iter().map(|s| s["Sid"].as_str().unwrap_or_default().to_owned()).collect();
        sids.sort();
        sids
    }

    fn aws_writes(&self) -> Vec<Call> {
        self.aws_proxy().writes(self.account())
    }

    fn applied_writes(&self) -> Vec<Call> {
        self.aws_writes().into_iter().filter(|call| call.status < 300).collect()
    }
}

/// The rule with this name, or `None` if the rule does not exist or is deleted during the reads.
pub async fn rule(events: &aws_sdk_eventbridge::Client, name: &str) -> Option<Rule> {
    let rule = events.describe_rule().name(name).send().await.ok()?;
    let tags = events.list_tags_for_resource().resource_arn(rule.arn()?).send().await.ok()?;
    let targets = events.list_targets_by_rule().rule(name).send().await.ok()?;
    let target = |target: &aws_sdk_eventbridge::types::Target| Target {
        id: target.id().to_owned(),
        arn: target.arn().to_owned(),
        input: target.input().map(|text| serde_json::from_str(text).unwrap()),
        retry: target.retry_policy().map(|p| (p.maximum_retry_attempts(), p.maximum_event_age_in_seconds())),
        dead_letter_queue_arn: target.dead_letter_config().and_then(|c| c.arn()).map(Into::into),
    };
    Some(Rule {
        expression: rule.schedule_expression().unwrap_or_default().into(),
        description: rule.description().unwrap_or_default().into(),
        enabled: rule.state().is_some_and(|state| state.as_str() == "ENABLED"),
        tags: tags.tags().iter().map(|tag| (tag.key().into(), tag.value().into())).collect(),
        targets: targets.targets().iter().map(target).collect(),
    })
}

/// Sends the request without the SDK, whose types would drop unknown elements.
async fn raw_notification(env: &TestEnv, method: &str, bucket: &str, body: Option<String>) -> String {
    use hyper::header::{AUTHORIZATION, CONTENT_LENGTH};
    let body = body.unwrap_or_default();
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/{}/s3/aws4_request, SignedHeaders=host, Signature=0",
        env.account(),
        env::REGION
    );
    let request = hyper::Request::builder()
        .method(method)
        .uri(format!("{}/{bucket}?notification", env.aws_endpoint()))
        .header(AUTHORIZATION, credential)
        .header(CONTENT_LENGTH, body.len())
        .body(body)
        .unwrap();
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status();
    let bytes = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(status.is_success(), "{method} {bucket}?notification: {status} {text}");
    text
}

/// The entries of a document with an Id of the operator.
pub fn own(document: &Document) -> Vec<Entry> {
    let is_own = |entry: &&Entry| entry.id.as_deref().is_some_and(|id| id.starts_with("lt-"));
    document.entries().filter(is_own).cloned().collect()
}

/// A `ScheduledFunction` with additional lines of spec.
pub fn scheduled(name: &str, function: &str, spec: &str) -> String {
    manifest("ScheduledFunction", name, function, spec)
}

/// An `S3TriggeredFunction` with additional lines of spec.
pub fn s3(name: &str, function: &str, bucket: &str, spec: &str) -> String {
    manifest("S3TriggeredFunction", name, function, &format!("bucket: {bucket}\n{spec}"))
}

fn manifest(kind: &str, name: &str, function: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: lambda-triggers.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n  function: {{name: {function}}}\n{spec}"
    )
}

/// Publishes a version of a function, and returns its number.
pub async fn publish(env: &TestEnv, function: &str) -> String {
    env.lambda().publish_version().function_name(function).send().await.unwrap().version.unwrap()
}

/// Creates a resource of each kind with the names of the documentation, waits until both are ready, and returns the
/// bucket.
pub async fn create_both_triggers(env: &TestEnv) -> String {
    env.function("report").await;
    let bucket = env.new_bucket("photos").await;
    let objects = [
        scheduled("nightly-report", "report", "schedule: rate(1 day)"),
        s3("thumbnails", "report", &bucket, ""),
    ];
    env.apply(&objects.join("---\n")).await;
    env.until_ready("ScheduledFunction", "nightly-report").await;
    env.until_ready("S3TriggeredFunction", "thumbnails").await;
    bucket
}
