//! Helpers that create functions, buckets, targets and permissions.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use aws_sdk_eventbridge::types::Target;
use aws_sdk_lambda::{
    operation::add_permission::builders::AddPermissionFluentBuilder,
    primitives::Blob,
    types::{Environment, FunctionCode, Runtime},
};
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Event, FilterRule, FilterRuleName,
    LambdaFunctionConfiguration, NotificationConfiguration, NotificationConfigurationFilter, S3KeyFilter,
};
use aws_sdk_s3::{
    error::SdkError,
    operation::put_bucket_notification_configuration::PutBucketNotificationConfigurationError,
};

use super::{Aws, eventually};

/// Source of a function that appends each event to the file named by `OUT`, one event a line.
const SOURCE: &str = "\
import json, os

def handler(event, context):
    with open(os.environ['OUT'], 'a') as out:
        out.write(json.dumps(event) + '\\n')
";

static CODE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = scratch("code");
    std::fs::create_dir_all(&folder).expect("a folder for the code");
    std::fs::write(folder.join("app.py"), SOURCE).expect("the code is written");
    let zipped = Command::new("python3")
        .args(["-m", "zipfile", "-c", "app.zip", "app.py"])
        .current_dir(&folder)
        .status();
    assert!(zipped.expect("python3 runs").success());
    std::fs::read(folder.join("app.zip")).expect("the archive is there")
});

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("front-{}-{name}", std::process::id()))
}

/// The file of the events that a function received.
pub struct Received(PathBuf);

impl Received {
    pub fn count(&self) -> usize {
        std::fs::read_to_string(&self.0).map(|text| text.lines().count()).unwrap_or_default()
    }
}

impl Aws {
    /// Creates a function that records its events, and waits until the function is active.
    pub async fn function(&self, name: &str) -> Received {
        let out = scratch(&format!("{}-{name}.jsonl", self.account));
        self.lambda
            .create_function()
            .function_name(name)
            .runtime(Runtime::Python312)
            .handler("app.handler")
            .role(format!("arn:aws:iam::{}:role/test", self.account))
            .code(FunctionCode::builder().zip_file(Blob::new(CODE.clone())).build())
            .environment(Environment::builder().variables("OUT", out.to_string_lossy()).build())
            .send()
            .await
            .expect("the function is created");
        eventually("the function is active", async || {
            let found =
                self.lambda.get_function().function_name(name).send().await.expect("the function is there");
            found
                .configuration()
                .and_then(|configuration| configuration.state())
                .is_some_and(|state| state.as_str() == "Active")
        })
        .await;
        Received(out)
    }

    /// Creates a bucket in the clients' Region.
    pub async fn bucket(&self, name: &str) {
        let location = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(self.region));
        let create = self.s3.create_bucket().bucket(name).create_bucket_configuration(location.build());
        create.send().await.expect("the bucket is created");
    }

    /// A request that permits S3 to invoke a function for a bucket of this account.
    pub fn permission(&self, function: &str, sid: &str, bucket: &str) -> AddPermissionFluentBuilder {
        self.lambda
            .add_permission()
            .function_name(function)
            .statement_id(sid)
            .action("lambda:InvokeFunction")
            .principal("s3.amazonaws.com")
            .source_arn(format!("arn:aws:s3:::{bucket}"))
            .source_account(&self.account)
    }

    pub async fn permit_s3(&self, function: &str, bucket: &str) {
        self.permission(function, "s3", bucket).send().await.expect("S3 is let in");
    }

    /// Permits EventBridge to invoke a function for the rules that match `rule`.
    pub async fn permit_events(&self, function: &str, rule: &str) {
        let permission = self
            .lambda
            .add_permission()
            .function_name(function)
            .statement_id("events")
            .action("lambda:InvokeFunction");
        let permission = permission.principal("events.amazonaws.com").source_arn(self.rule_arn(rule));
        permission.send().await.expect("EventBridge is let in");
    }

    /// Creates a function, a bucket and a permission statement, all with one name.
    pub async fn permitted_function_and_bucket(&self, name: &str) -> Received {
        let received = self.function(name).await;
        self.bucket(name).await;
        self.permit_s3(name, name).await;
        received
    }

    /// Replaces a bucket's notification configuration.
    pub async fn notify(
        &self,
        bucket: &str,
        entries: Vec<LambdaFunctionConfiguration>,
    ) -> Result<(), SdkError<PutBucketNotificationConfigurationError>> {
        let document =
            NotificationConfiguration::builder().set_lambda_function_configurations(Some(entries)).build();
        let put = self
            .s3
            .put_bucket_notification_configuration()
            .bucket(bucket)
            .notification_configuration(document);
        put.send().await.map(|_| ())
    }

    /// The Ids of a bucket's entries.
    pub async fn notification_ids(&self, bucket: &str) -> Vec<String> {
        let found = self
            .s3
            .get_bucket_notification_configuration()
            .bucket(bucket)
            .send()
            .await
            .expect("the configuration is read");
        found
            .lambda_function_configurations()
            .iter()
            .filter_map(|entry| entry.id().map(str::to_owned))
            .collect()
    }
}

/// An entry for a function.
pub fn entry(id: &str, arn: &str, events: &[&str], filter: &[(&str, &str)]) -> LambdaFunctionConfiguration {
    let rules = filter
        .iter()
        .map(|(name, value)| FilterRule::builder().name(FilterRuleName::from(*name)).value(*value).build())
        .collect();
    let key = S3KeyFilter::builder().set_filter_rules(Some(rules)).build();
    LambdaFunctionConfiguration::builder()
        .id(id)
        .lambda_function_arn(arn)
        .set_events(Some(events.iter().copied().map(Event::from).collect()))
        .set_filter((!filter.is_empty()).then(|| NotificationConfigurationFilter::builder().key(key).build()))
        .build()
        .expect("an entry has events")
}

/// A target by Id and ARN.
pub fn target(id: &str, arn: &str) -> Target {
    Target::builder().id(id).arn(arn).build().expect("a target has an Id and an ARN")
}
