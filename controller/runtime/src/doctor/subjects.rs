//! The functions and buckets of the checks.

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::diagnosis::Check;
use lambda_triggers_core::plan::bucket::{Bucket, Document};
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use super::kubernetes::Cluster;
use super::{Options, read};
use crate::aws::{Aws, AwsErrorKind, S3Reads};
use crate::error_chain;

/// The number of functions, and of buckets, that are checked without flags. Each one costs calls, and one usually shows
/// the permissions for all.
const SAMPLE: usize = 5;

/// The functions and buckets to check. The flags name them, or the Ready resources do.
pub struct Subjects {
    functions: Vec<FunctionArn>,
    /// The functions that the role for EventBridge Scheduler must be able to invoke.
    pub scheduled: Vec<FunctionArn>,
    buckets: Vec<Bucket>,
    /// The number of functions, and of buckets, to check.
    limit: usize,
}

impl Subjects {
    pub fn new(options: &Options, cluster: &Cluster, account: &str, region: &str) -> Self {
        let Options { functions, buckets, bucket_owner, .. } = options;
        let owner = bucket_owner.as_deref().unwrap_or(account);
        let named = |name: &String| Bucket { region: region.into(), name: name.clone(), owner: owner.into() };
        let buckets = buckets.iter().map(named).collect();
        if options.names_subjects() {
            let function = |text: &String| FunctionArn::from_reference(text, region, account);
            let functions: Vec<FunctionArn> = functions.iter().map(function).collect();
            return Self { scheduled: functions.clone(), functions, buckets, limit: usize::MAX };
        }
        let used = cluster.resources.as_ref().map(|resources| resources.used(account)).unwrap_or_default();
        Self {
            functions: used.functions.into_iter().collect(),
            scheduled: used.scheduled.into_iter().take(SAMPLE).collect(),
            buckets: used.buckets.into_iter().collect(),
            // The inventory reads each function and each bucket.
            limit: if options.all { 0 } else { SAMPLE },
        }
    }

    /// Checks the functions and the buckets.
    pub async fn examine(&self, aws: &dyn Aws) -> Vec<Check> {
        let mut checks = vec![];
        for function in self.functions.iter().take(self.limit) {
            checks.extend(self::function(aws, function).await);
        }
        checks.extend(self.rest("function", self.functions.len()));
        for bucket in self.buckets.iter().take(self.limit) {
            checks.push(self::bucket(aws, bucket).await);
        }
        checks.extend(self.rest("bucket", self.buckets.len()));
        checks
    }

    /// The line about the functions or buckets beyond the limit.
    fn rest(&self, kind: &str, count: usize) -> Option<Check> {
        let further = count.checked_sub(self.limit).filter(|further| *further > 0 && self.limit > 0)?;
        let message =
            format!("{further} more of the resources are not checked; give --{kind} NAME, or --all");
        Some(Check::skipped(format!("{kind}s"), message))
    }
}

async fn function(aws: &dyn Aws, arn: &FunctionArn) -> Vec<Check> {
    let check_name = format!("function {}", arn.short());
    let region = &arn.region;
    let functions = aws.lambda(region);
    let name = arn.with_qualifier(None).to_string();
    let found = match functions.function(&name, arn.qualifier.as_deref(), Instant::now()).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let finding =
                format!("does not exist in {region}; deploy it there, or give another name, alias or Region");
            return vec![Check::failed(check_name, finding)];
        }
        Err(error) => return vec![Check::failed(check_name, error.failure(Component::Function).message)],
    };
    let state = match &found.failed {
        Some(why) => Check::failed(&check_name, format!("cannot be invoked: {why}; create it again")),
        None => Check::ok(&check_name, format!("is {}", found.arn)),
    };
    let policy = read(
        &format!("policy of function {}", found.arn.short()),
        functions.policy(&found.arn, Instant::now()).await,
        Component::Permission,
        |_| "can be read".into(),
    );
    vec![state, policy]
}

async fn bucket(aws: &dyn Aws, bucket: &Bucket) -> Check {
    match read_document(&*aws.s3(&bucket.region), bucket).await {
        Ok(document) => {
            let entries = document.entries().count();
            let message = format!("can be read; entries in its notification configuration: {entries}");
            Check::ok(format!("bucket {bucket}"), message)
        }
        Err(check) => check,
    }
}

/// The notification configuration of a bucket, or the failed check.
pub async fn read_document(s3: &dyn S3Reads, bucket: &Bucket) -> Result<Document, Check> {
    let failed = |message: String| Check::failed(format!("bucket {bucket}"), message);
    let xml = s3.get(bucket).await.map_err(|error| match error.kind {
        AwsErrorKind::NotFound => failed("does not exist; create it, or give another name".into()),
        _ => failed(error.failure(Component::Notification).message),
    })?;
    Document::parse(&xml).map_err(|error| {
        failed(format!(
            "has a notification configuration that cannot be parsed, so the operator would not change it: {}",
            error_chain(&error)
        ))
    })
}
