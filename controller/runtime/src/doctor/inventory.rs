//! Checks of all resources: their readiness, and the AWS quotas of their buckets, functions and rules.

use futures::{StreamExt, stream};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::diagnosis::{Check, check_quota, unready};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::bucket::Bucket;
use lambda_triggers_core::quota::Quota;
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use super::kubernetes::Cluster;
use super::subjects::read_document;
use crate::aws::AwsReads;

/// The number of reads at once. The rate limiter of the AWS client decides about the calls.
const PARALLEL: usize = 16;

/// Checks the resources of the cluster, and the quotas of what they use in `account`.
pub async fn examine(aws: &AwsReads, cluster: &Cluster, account: &str) -> Vec<Check> {
    let resources = match &cluster.resources {
        Ok(resources) => resources,
        Err(why) => return vec![Check::failed("resources", format!("cannot be listed: {why}"))],
    };
    let mut checks = unready(&resources.all().collect::<Vec<_>>());
    let mut used = resources.used(account);
    used.rule_regions.insert(aws.default_region().to_owned());
    let since = Instant::now();
    for region in &used.rule_regions {
        checks.push(rules(aws, region, since).await);
    }
    let buckets = used.buckets.iter().map(|bucket| self::bucket(aws, cluster.owner.as_ref(), bucket));
    checks.extend(stream::iter(buckets).buffered(PARALLEL).collect::<Vec<_>>().await);
    let policies = used.functions.iter().map(|function| policy(aws, function, since));
    checks.extend(stream::iter(policies).buffered(PARALLEL).collect::<Vec<_>>().await);
    checks
}

async fn rules(aws: &AwsReads, region: &str, since: Instant) -> Check {
    let name = format!("rules in {region}");
    match aws.eventbridge(region).list("", since).await {
        Ok(Some(rules)) => check_quota(name, Quota::Rules, rules.len(), " of all tools"),
        Ok(None) => Check::skipped(name, "AWS denies events:ListRules; allow it in the IAM policy"),
        Err(error) => Check::failed(name, error.failure(Component::Rule).message),
    }
}

async fn bucket(aws: &AwsReads, owner: Option<&OwnerId>, bucket: &Bucket) -> Check {
    let document = match read_document(&*aws.s3(&bucket.region), bucket).await {
        Ok(document) => document,
        Err(check) => return check,
    };
    let is_own = |owner| document.entries().filter(|entry| entry.own_id(owner).is_some()).count();
    let details = owner.map(|owner| format!(", {} of this operator", is_own(owner))).unwrap_or_default();
    check_quota(format!("bucket {bucket}"), Quota::Entries, document.entries().count(), &details)
}

async fn policy(aws: &AwsReads, function: &FunctionArn, since: Instant) -> Check {
    let name = format!("policy of function {}", function.short());
    match aws.lambda(&function.region).policy(function, since).await {
        Ok(Some(policy)) => check_quota(name, Quota::PolicyBytes, policy.size(), ""),
        Ok(None) => Check::failed(
            name,
            format!("the function does not exist in {}; deploy it again", function.region),
        ),
        Err(error) => Check::failed(name, error.failure(Component::Permission).message),
    }
}
