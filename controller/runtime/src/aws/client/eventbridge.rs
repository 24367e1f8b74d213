//! EventBridge through the client. Only one object reads a rule, so a single rule is not cached. Resyncs share the list
//! of rules.

use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::operations as op;
use lambda_triggers_core::ownership::{OwnerId, prefix_of};
use lambda_triggers_core::plan::rule::{RuleSettings, Target};
use lambda_triggers_core::tenancy::ResourceRef;
use tokio::time::Instant;
use tracing::warn;

use super::aws_client::Port;
use super::tenant_policy::Resource;
use crate::aws::{
    AwsError, AwsErrorKind, EventBridgeApi, EventBridgeReads, ListedRule, ListedRules, ListedTags,
};
use crate::error_chain;

/// The maximum number of rules in one page of ListRules
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html>).
const PAGE: usize = 100;

fn own(rule: &str) -> Vec<Resource<'_>> {
    vec![Resource::OwnRule(rule)]
}

impl Port<dyn EventBridgeApi> {
    /// Sends the list. A denial counts as an answer: each rule is then read separately.
    async fn send_list(&self, prefix: &str, since: Instant) -> Result<Option<ListedRules>, AwsError> {
        match self.send(&op::LIST_RULES, self.inner.list(prefix, since)).await {
            Ok(rules) => {
                let further_pages = rules.as_ref().map_or(0, |rules| rules.len()).saturating_sub(1) / PAGE;
                self.debit(&op::LIST_RULES, further_pages.try_into().unwrap_or(u32::MAX));
                Ok(rules)
            }
            Err(error) if error.kind == AwsErrorKind::Denied => {
                warn!(error = error_chain(&error), "cannot list rules; reading each rule separately");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn list_key(&self, prefix: &str) -> (String, String) {
        (self.region.clone(), prefix.to_owned())
    }
}

#[async_trait]
impl EventBridgeReads for Port<dyn EventBridgeApi> {
    async fn list(&self, prefix: &str, since: Instant) -> Result<Option<ListedRules>, AwsError> {
        self.authorize(&op::LIST_RULES, vec![Resource::OwnRules(prefix)]).await?;
        let fetch = async { self.send_list(prefix, since).await.map(Some) };
        let key = self.list_key(prefix);
        self.cache().rules.get_or_fetch(key, since, |_| true, fetch).await.map(Option::flatten)
    }

    async fn describe(&self, name: &str) -> Result<Option<ListedRule>, AwsError> {
        self.call(&op::DESCRIBE_RULE, own(name), self.inner.describe(name)).await
    }

    async fn targets(&self, name: &str) -> Result<Vec<(String, Option<Target>)>, AwsError> {
        self.call(&op::LIST_TARGETS, own(name), self.inner.targets(name)).await
    }

    async fn tags(&self, rule: &ListedRule) -> Result<Tags, AwsError> {
        self.call(&op::LIST_TAGS, own(&rule.name), self.inner.tags(rule)).await
    }

    async fn tags_of_rules(&self, owner: &OwnerId) -> Result<ListedTags, AwsError> {
        let call = self.inner.tags_of_rules(owner);
        self.call(&op::LIST_TAGS_OF_RULES, vec![Resource::OwnRules(&owner.prefix())], call).await
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
        self.call(&op::DELETE_RULE, own(name), self.inner.delete_rule(name)).await?;
        // The cached list stays right without a new read.
        if let Some(prefix) = prefix_of(name) {
            self.cache().rules.modify(&self.list_key(prefix), |rules| {
                if let Some(rules) = rules {
                    Arc::make_mut(rules).remove(name);
                }
            });
        }
        Ok(())
    }
}
