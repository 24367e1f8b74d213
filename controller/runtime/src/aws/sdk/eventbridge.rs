//! EventBridge rules through the SDK.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{self as sdk, RuleState};
use aws_sdk_resourcegroupstagging::Client as Tagging;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use lambda_triggers_core::api::{RetryPolicy, Tags};
use lambda_triggers_core::operations as op;
use lambda_triggers_core::ownership::{OwnerId, TAG_OWNER};
use lambda_triggers_core::plan::rule::{RuleSettings, Target, canonical_retry};
use tokio::time::Instant;

use crate::aws::{
    AwsError, AwsErrorKind, EventBridgeApi, EventBridgeReads, ListedRule, ListedRules, ListedTags,
};

/// EventBridge in one Region, on the default bus.
pub struct SdkEventBridge {
    client: Client,
    tagging: Tagging,
}

impl SdkEventBridge {
    pub(super) fn new(client: Client, tagging: Tagging) -> Self {
        Self { client, tagging }
    }

    async fn arn(&self, name: &str, action: &'static str) -> Result<String, AwsError> {
        let gone = || AwsError::unexpected(AwsErrorKind::NotFound, action, on(name), "the rule is gone");
        Ok(self.describe(name).await?.ok_or_else(gone)?.arn)
    }
}

/// The settings of PutRule, from an answer.
fn settings(expression: Option<&str>, description: Option<&str>, state: Option<&RuleState>) -> RuleSettings {
    RuleSettings {
        expression: expression.unwrap_or_default().to_owned(),
        description: description.unwrap_or_default().to_owned(),
        enabled: state != Some(&RuleState::Disabled),
    }
}

/// Converts a rule in a list. The list contains all settings of a rule:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Rule.html>.
fn listed(rule: sdk::Rule) -> Option<ListedRule> {
    Some(ListedRule {
        settings: settings(rule.schedule_expression(), rule.description(), rule.state()),
        has_more: rule.event_pattern().is_some() || rule.role_arn().is_some(),
        managed_by: rule.managed_by().map(Into::into),
        name: rule.name?,
        arn: rule.arn?,
    })
}

#[async_trait]
impl EventBridgeReads for SdkEventBridge {
    async fn list(&self, prefix: &str, _since: Instant) -> Result<Option<ListedRules>, AwsError> {
        let mut rules = BTreeMap::new();
        // AWS refuses an empty prefix.
        let prefix_or_all = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        let mut next = None;
        loop {
            let list = self.client.list_rules().set_name_prefix(prefix_or_all.clone());
            let answer = list.set_next_token(next).send().await;
            let answer = answer
                .map_err(|e| AwsError::from_sdk(op::LIST_RULES.action, format!("rules {prefix}*"), e))?;
            let page = answer.rules.into_iter().flatten().filter_map(listed);
            rules.extend(page.map(|rule| (rule.name.clone(), rule)));
            next = answer.next_token;
            if next.is_none() {
                return Ok(Some(Arc::new(rules)));
            }
        }
    }

    async fn describe(&self, name: &str) -> Result<Option<ListedRule>, AwsError> {
        let answer = self.client.describe_rule().name(name).send().await;
        match answer.map_err(|e| AwsError::from_sdk(op::DESCRIBE_RULE.action, on(name), e)) {
            Ok(rule) => {
                let no_arn = || {
                    AwsError::unexpected(
                        AwsErrorKind::Invalid,
                        op::DESCRIBE_RULE.action,
                        on(name),
                        "the answer has no ARN",
                    )
                };
                Ok(Some(ListedRule {
                    name: name.to_owned(),
                    arn: rule.arn().ok_or_else(no_arn)?.to_owned(),
                    settings: settings(rule.schedule_expression(), rule.description(), rule.state()),
                    has_more: rule.event_pattern().is_some() || rule.role_arn().is_some(),
                    managed_by: rule.managed_by().map(Into::into),
                }))
            }
            Err(error) if error.kind == AwsErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn targets(&self, name: &str) -> Result<Vec<(String, Option<Target>)>, AwsError> {
        let mut targets = vec![];
        let mut next = None;
        loop {
            let answer = self.client.list_targets_by_rule().rule(name).set_next_token(next).send().await;
            let answer = answer.map_err(|e| AwsError::from_sdk(op::LIST_TARGETS.action, on(name), e))?;
            targets
                .extend(answer.targets().iter().map(|target| (target.id().to_owned(), read_target(target))));
            next = answer.next_token;
            if next.is_none() {
                return Ok(targets);
            }
        }
    }

    async fn tags(&self, rule: &ListedRule) -> Result<Tags, AwsError> {
        let answer = self.client.list_tags_for_resource().resource_arn(&rule.arn).send().await;
        let answer = answer.map_err(|e| AwsError::from_sdk(op::LIST_TAGS.action, on(&rule.name), e))?;
        Ok(answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    async fn tags_of_rules(&self, owner: &OwnerId) -> Result<ListedTags, AwsError> {
        let refused = |e| AwsError::from_sdk(op::LIST_TAGS_OF_RULES.action, "rules", e);
        let filter = TagFilter::builder().key(TAG_OWNER).values(owner.to_string()).build();
        let rules = self.tagging.get_resources().resource_type_filters("events:rule").tag_filters(filter);
        let mut pages = rules.into_paginator().send();
        let mut tags = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for rule in page.map_err(refused)?.resource_tag_mapping_list.unwrap_or_default() {
                let of_rule = rule.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
                tags.insert(rule.resource_arn.unwrap_or_default(), of_rule.collect());
            }
        }
        Ok(Arc::new(tags))
    }

    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        let mut names = vec![];
        let mut next = None;
        loop {
            let answer =
                self.client.list_rule_names_by_target().target_arn(arn).set_next_token(next).send().await;
            let answer = answer.map_err(|e| {
                AwsError::from_sdk(op::LIST_RULES_BY_TARGET.action, format!("function {arn}"), e)
            })?;
            names.extend(answer.rule_names().iter().filter(|name| name.starts_with(prefix)).cloned());
            next = answer.next_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }
}

#[async_trait]
impl EventBridgeApi for SdkEventBridge {
    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError> {
        let RuleSettings { expression, description, enabled } = settings;
        self.client
            .put_rule()
            .name(name)
            .schedule_expression(expression)
            .set_description((!description.is_empty()).then(|| description.clone()))
            .state(if *enabled { RuleState::Enabled } else { RuleState::Disabled })
            .set_tags(Some(sdk_tags(tags, name)?))
            .send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk(op::PUT_RULE.action, on(name), e))
    }

    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        let arn = self.arn(name, op::TAG_RULE.action).await?;
        let call = self.client.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(tags, name)?));
        call.send().await.map(drop).map_err(|e| AwsError::from_sdk(op::TAG_RULE.action, on(name), e))
    }

    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        let arn = self.arn(name, op::UNTAG_RULE.action).await?;
        let call = self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        call.send().await.map(drop).map_err(|e| AwsError::from_sdk(op::UNTAG_RULE.action, on(name), e))
    }

    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError> {
        let target = sdk_target(target)
            .map_err(|e| AwsError::unexpected(AwsErrorKind::Invalid, op::PUT_TARGETS.action, on(rule), e))?;
        let answer = self.client.put_targets().rule(rule).targets(target).send().await;
        let answer = answer.map_err(|e| AwsError::from_sdk(op::PUT_TARGETS.action, on(rule), e))?;
        let failed = answer.failed_entries().iter().map(|f| (f.error_code(), f.error_message())).next();
        all_done(answer.failed_entry_count(), failed, op::PUT_TARGETS.action, rule)
    }

    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError> {
        let answer = self.client.remove_targets().rule(rule).set_ids(Some(ids.to_vec())).send().await;
        let answer = answer.map_err(|e| AwsError::from_sdk(op::REMOVE_TARGETS.action, on(rule), e))?;
        let failed = answer.failed_entries().iter().map(|f| (f.error_code(), f.error_message())).next();
        all_done(answer.failed_entry_count(), failed, op::REMOVE_TARGETS.action, rule)
    }

    async fn delete_rule(&self, name: &str) -> Result<(), AwsError> {
        let answer = self.client.delete_rule().name(name).send().await;
        answer.map(drop).map_err(|e| AwsError::from_sdk(op::DELETE_RULE.action, on(name), e))
    }
}

fn on(rule: &str) -> String {
    format!("rule {rule}")
}

/// Checks the failed entries: PutTargets and RemoveTargets answer 200 even if entries have failed
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>).
fn all_done(
    failed: i32,
    first: Option<(Option<&str>, Option<&str>)>,
    action: &'static str,
    rule: &str,
) -> Result<(), AwsError> {
    if failed == 0 {
        return Ok(());
    }
    let (code, message) = first.unwrap_or_default();
    let source = format!("{failed} entries failed: {}", message.unwrap_or("no message"));
    Err(AwsError {
        code: code.map(Into::into),
        message: message.map(Into::into),
        ..AwsError::unexpected(AwsErrorKind::Unavailable, action, on(rule), source)
    })
}

/// Converts a target; `None` if the target has settings that the operator never sets.
fn read_target(target: &sdk::Target) -> Option<Target> {
    let retry_policy = target.retry_policy().map(|policy| RetryPolicy {
        maximum_retry_attempts: policy.maximum_retry_attempts(),
        maximum_event_age_seconds: policy.maximum_event_age_in_seconds(),
    });
    let dead_letter_queue_arn = target.dead_letter_config().and_then(|c| c.arn()).map(ToOwned::to_owned);
    let ours = Target {
        id: target.id().to_owned(),
        arn: target.arn().to_owned(),
        input: target.input().map(Into::into),
        retry_policy,
        dead_letter_queue_arn,
    };
    // The rebuilt target has lost all unknown settings.
    let known = sdk_target(&ours).ok().as_ref() == Some(target);
    let retry_policy = canonical_retry(ours.retry_policy.as_ref());
    known.then_some(Target { retry_policy, ..ours })
}

fn sdk_target(target: &Target) -> Result<sdk::Target, aws_sdk_eventbridge::error::BuildError> {
    let Target { id, arn, input, retry_policy, dead_letter_queue_arn } = target;
    let retry_policy = retry_policy.as_ref().map(|policy| {
        sdk::RetryPolicy::builder()
            .set_maximum_retry_attempts(policy.maximum_retry_attempts)
            .set_maximum_event_age_in_seconds(policy.maximum_event_age_seconds)
            .build()
    });
    let dead_letter =
        dead_letter_queue_arn.as_ref().map(|arn| sdk::DeadLetterConfig::builder().arn(arn).build());
    sdk::Target::builder()
        .id(id)
        .arn(arn)
        .set_input(input.clone())
        .set_retry_policy(retry_policy)
        .set_dead_letter_config(dead_letter)
        .build()
}

fn sdk_tags(tags: &Tags, rule: &str) -> Result<Vec<sdk::Tag>, AwsError> {
    tags.iter()
        .map(|(key, value)| sdk::Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|e| AwsError::unexpected(AwsErrorKind::Invalid, op::TAG_RULE.action, on(rule), e))
}
