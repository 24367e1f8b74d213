//! The reads of AWS for one resource. A failed read leaves the other parts.

use jiff::Timestamp;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::explain::{
    Count, HISTORY, Names, Observed, ObservedTrigger, Read, Subject, TriggerName, metrics,
};
use lambda_triggers_core::ownership::prefix_of;
use lambda_triggers_core::plan::bucket::{Bucket, Document};
use lambda_triggers_core::plan::permission::Policy;
use lambda_triggers_core::plan::rule::ObservedRule;
use lambda_triggers_core::status::Component;
use tokio::time::Instant;

use crate::aws::{AwsError, AwsReads, Sdk};
use crate::cli::read_failure::message;
use crate::error_chain;

/// Reads the function, its policy and the trigger.
pub async fn observe(aws: &AwsReads, names: &Names) -> Observed {
    let (function, policy, trigger) =
        tokio::join!(function(aws, names), policy(aws, names), trigger(aws, names));
    Observed { function, policy, trigger, counts: None }
}

/// Reads the counts of the last day.
pub async fn counts(sdk: &Sdk, subject: &Subject, names: &Names, now: Timestamp) -> Read<Vec<Count>> {
    let metrics = metrics(subject, names);
    if metrics.is_empty() {
        return Ok(vec![]);
    }
    let read = sdk.cloudwatch(&names.region).counts(metrics, now - HISTORY, now).await;
    read.map_err(|error| message(&error, Component::Function))
}

async fn function(aws: &AwsReads, names: &Names) -> Read<Option<Option<String>>> {
    let arn = &names.function;
    let name = arn.with_qualifier(None).to_string();
    let read = aws.lambda(&arn.region).function(&name, arn.qualifier.as_deref(), Instant::now()).await;
    read.map(|found| found.map(|function| function.failed))
        .map_err(|error| message(&error, Component::Function))
}

async fn policy(aws: &AwsReads, names: &Names) -> Read<Policy> {
    // EventBridge Scheduler invokes the function with its role.
    if names.statement.is_none() {
        return Ok(Policy::default());
    }
    let read = aws.lambda(&names.function.region).policy(&names.function, Instant::now()).await;
    read.map(Option::unwrap_or_default).map_err(|error| message(&error, Component::Permission))
}

async fn trigger(aws: &AwsReads, names: &Names) -> ObservedTrigger {
    match &names.trigger {
        TriggerName::Rule(name) => {
            let rule = rule(aws, &names.region, name).await;
            let function = names.function.to_string();
            let prefix = prefix_of(name).unwrap_or_default();
            let sharing = aws.eventbridge(&names.region).rules_with_target(&function, prefix).await;
            ObservedTrigger::Rule {
                rule: rule.map_err(|error| message(&error, Component::Rule)),
                sharing: sharing.map_err(|error| message(&error, Component::Rule)),
            }
        }
        TriggerName::Schedule(key) => {
            let read = aws.scheduler(&names.region).schedule(key).await;
            let schedule = read.map(|found| found.map(|dated| dated.schedule));
            ObservedTrigger::Schedule(schedule.map_err(|error| message(&error, Component::Schedule)))
        }
        TriggerName::Entries(bucket, _) => ObservedTrigger::Entries(document(aws, bucket).await),
    }
}

/// A rule with its targets. The tags are not read.
async fn rule(aws: &AwsReads, region: &str, name: &str) -> Result<Option<ObservedRule>, AwsError> {
    let rules = aws.eventbridge(region);
    let Some(rule) = rules.describe(name).await? else { return Ok(None) };
    let targets = rules.targets(name).await?;
    Ok(Some(rule.with(Tags::new(), targets)))
}

async fn document(aws: &AwsReads, bucket: &Bucket) -> Read<Document> {
    let xml = aws.s3(&bucket.region).get(bucket).await;
    let xml = xml.map_err(|error| message(&error, Component::Notification))?;
    Document::parse(&xml).map_err(|error| error_chain(&error))
}
