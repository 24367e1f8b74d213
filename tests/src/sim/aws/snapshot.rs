//! The whole state of AWS as one value, so that tests can compare the ends of two runs.

use std::collections::{BTreeMap, BTreeSet};

use lambda_triggers_core::api::{Architecture, Tags};
use lambda_triggers_core::plan::function::{Configuration, EventInvokeConfig};
use lambda_triggers_core::plan::rule::RuleSettings;
use serde_json::Value;

use super::functions::Function;
use super::rules::Rule;
use super::state::AwsState;
use crate::aws_proxy::notification::EMPTY;

/// All state except revisions and times.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Notification configurations by bucket, as text.
    pub buckets: BTreeMap<String, String>,
    /// Policies by the ARN of the function, version or alias. Statements are ordered by Sid.
    pub policies: BTreeMap<String, BTreeMap<String, Value>>,
    /// EventBridge rules by ARN.
    pub rules: BTreeMap<String, RuleSnapshot>,
    /// Schedules by ARN, with the members of `GetSchedule`. The StartDate of a rate is left out, since the operator
    /// derives the StartDate from the time of the write.
    pub schedules: BTreeMap<String, Value>,
    /// The tags of schedule groups by ARN.
    pub schedule_groups: BTreeMap<String, Tags>,
    /// Lambda functions by ARN.
    pub functions: BTreeMap<String, FunctionSnapshot>,
}

/// An EventBridge rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSnapshot {
    /// The settings of `PutRule`.
    pub settings: RuleSettings,
    /// True if the rule also has an event pattern or a role.
    pub has_more: bool,
    /// The AWS service that manages the rule.
    pub managed_by: Option<String>,
    /// The tags.
    pub tags: Tags,
    /// The targets by Id, in wire form.
    pub targets: BTreeMap<String, Value>,
}

/// A Lambda function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSnapshot {
    /// The settings.
    pub configuration: Configuration,
    /// The instruction set.
    pub architecture: Architecture,
    /// The SHA-256 of the code.
    pub code_sha256: String,
    /// The URI of a container image.
    pub image_uri: Option<String>,
    /// The tags.
    pub tags: Tags,
    /// The reserved number of concurrent executions.
    pub reserved_concurrency: Option<i32>,
    /// The configuration of asynchronous invocations.
    pub event_invoke_config: Option<EventInvokeConfig>,
    /// The versions and aliases.
    pub qualifiers: BTreeSet<String>,
}

impl AwsState {
    pub fn snapshot(&self) -> Snapshot {
        let document =
            |name: &String| self.documents.get(name).map_or(EMPTY, |document| &document.raw).to_owned();
        Snapshot {
            buckets: self.buckets.keys().map(|name| (name.clone(), document(name))).collect(),
            policies: self
                .policies
                .iter()
                .map(|(function, policy)| (function.arn(), by(policy.statements(), "Sid")))
                .collect(),
            rules: self.rules.iter().map(|(key, rule)| (key.arn(&self.account), rule.snapshot())).collect(),
            schedules: self
                .scheduler
                .schedules()
                .map(|(key, members)| (key.arn(&self.account), without_start_of_rate(members)))
                .collect(),
            schedule_groups: self
                .scheduler
                .groups()
                .map(|(key, tags)| (key.arn(&self.account), tags.clone()))
                .collect(),
            functions: self
                .functions
                .iter()
                .map(|(reference, function)| (reference.arn(), function.snapshot()))
                .collect(),
        }
    }
}

impl Rule {
    fn snapshot(&self) -> RuleSnapshot {
        let Self { settings, has_more, managed_by, tags, targets, timer: _ } = self.clone();
        RuleSnapshot { settings, has_more, managed_by, tags, targets: by(&targets, "Id") }
    }
}

impl Function {
    fn snapshot(&self) -> FunctionSnapshot {
        let Self {
            configuration,
            architecture,
            code,
            tags,
            reserved_concurrency,
            event_invoke_config,
            qualifiers,
            life: _,
            last_modified: _,
        } = self.clone();
        FunctionSnapshot {
            configuration,
            architecture,
            code_sha256: code.sha256,
            image_uri: code.image_uri,
            tags,
            reserved_concurrency,
            event_invoke_config,
            qualifiers,
        }
    }
}

fn without_start_of_rate(members: &Value) -> Value {
    let mut members = members.clone();
    let is_rate = members["ScheduleExpression"].as_str().is_some_and(|text| text.starts_with("rate("));
    if let Some(members) = members.as_object_mut().filter(|_| is_rate) {
        members.remove("StartDate");
    }
    members
}

/// The values, keyed by this member.
fn by(values: &[Value], member: &str) -> BTreeMap<String, Value> {
    values
        .iter()
        .map(|value| (value[member].as_str().unwrap_or_default().to_owned(), value.clone()))
        .collect()
}
