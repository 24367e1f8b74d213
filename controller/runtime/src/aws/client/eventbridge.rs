//! EventBridge through the client. Only one object reads a rule, so a single rule is not cached. Resyncs share the list
//! of rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::operations as op;
use lambda_triggers_core::ownership::prefix_of;
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target};
use lambda_triggers_core::tenancy::ResourceRef;
use tracing::warn;

use super::aws_client::Port;
use super::tenant_policy::Resource;
use crate::aws::call_context::CallContext;
use crate::aws::{AwsError, AwsErrorKind, EventBridgeApi, EventBridgeReads, ListedRule};
use crate::error_chain;

/// The maximum number of rules in one page of ListRules
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html>).
const PAGE: usize = 100;

fn own(rule: &str) -> Vec<Resource<'_>> {
    vec![Resource::OwnRule(rule)]
}

impl Port<dyn EventBridgeApi> {
    async fn send_list(&self, prefix: &str) -> Result<Vec<ListedRule>, AwsError> {
        let rules = self.send(&op::LIST_RULES, self.inner.list(prefix)).await?;
        let further_pages = rules.len().saturating_sub(1) / PAGE;
        self.debit(&op::LIST_RULES, further_pages.try_into().unwrap_or(u32::MAX));
        Ok(rules)
    }

    /// The rule from the list shared by all resyncs; `None` if the list does not contain the rule.
    async fn listed(&self, name: &str) -> Result<Option<ListedRule>, AwsError> {
        let shares = CallContext::current().oldest_cached_read().is_some();
        let Some(prefix) = prefix_of(name).filter(|_| shares) else { return Ok(None) };
        let list = async {
            let rules = match self.send_list(prefix).await {
                Ok(rules) => rules,
                Err(error) if error.kind == AwsErrorKind::Denied => {
                    warn!(error = error_chain(&error), "cannot list rules; reading each rule separately");
                    vec![]
                }
                Err(error) => return Err(error),
            };
            Ok(Some(Arc::new(
                rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect::<BTreeMap<_, _>>(),
            )))
        };
        let key = (self.region.clone(), prefix.to_owned());
        let rules = self.cache().rules.get_or_fetch(key, |_| true, list).await?;
        Ok(rules.and_then(|rules| rules.get(name).cloned()))
    }
}

#[async_trait]
impl EventBridgeReads for Port<dyn EventBridgeApi> {
    async fn list(&self, prefix: &str) -> Result<Vec<ListedRule>, AwsError> {
        self.authorize(&op::LIST_RULES, vec![Resource::OwnRules(prefix)]).await?;
        self.send_list(prefix).await
    }

    async fn complete(&self, rule: ListedRule) -> Result<ObservedRule, AwsError> {
        self.authorize(&op::LIST_TARGETS, own(&rule.name)).await?;
        self.send(&op::LIST_TARGETS, self.inner.complete(rule)).await
    }

    async fn rule(&self, name: &str) -> Result<Option<ObservedRule>, AwsError> {
        self.authorize(&op::DESCRIBE_RULE, own(name)).await?;
        if let Some(rule) = self.listed(name).await? {
            match self.send(&op::LIST_TARGETS, self.inner.complete(rule)).await {
                Err(error) if error.kind == AwsErrorKind::NotFound => {}
                complete => return complete.map(Some),
            }
        }
        let rule = self.send(&op::DESCRIBE_RULE, self.inner.rule(name)).await?;
        if rule.is_some() {
            self.debit(&op::LIST_TARGETS, op::LIST_TARGETS.requests);
        }
        Ok(rule)
    }

    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        let call = self.inner.rules_with_target(arn, prefix);
        self.call(&op::LIST_RULES_BY_TARGET, vec![Resource::OwnRules(prefix)], call).await
    }
}

#[async_trait]
impl EventBridgeApi for Port<dyn EventBridgeApi> {
    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError> {
        self.call(&op::PUT_RULE, own(name), self.inner.put_rule(name, settings, tags)).await
    }

    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        self.call(&op::TAG_RULE, own(name), self.inner.tag_rule(name, tags)).await
    }

    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        self.call(&op::UNTAG_RULE, own(name), self.inner.untag_rule(name, keys)).await
    }

    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError> {
        let mut resources = vec![Resource::OwnRule(rule), Resource::RuleTarget(&target.arn)];
        let queue = target.dead_letter_queue_arn.clone().map(ResourceRef::DeadLetterQueue);
        resources.extend(queue.map(Resource::Ref));
        self.call(&op::PUT_TARGETS, resources, self.inner.put_target(rule, target)).await
    }

    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError> {
        self.call(&op::REMOVE_TARGETS, own(rule), self.inner.remove_targets(rule, ids)).await
    }

    async fn delete_rule(&self, name: &str) -> Result<(), AwsError> {
        self.call(&op::DELETE_RULE, own(name), self.inner.delete_rule(name)).await
    }
}
