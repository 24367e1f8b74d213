//! EventBridge: rules on the default bus, with tags and targets.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use lambda_triggers::aws::{AwsError, EventBridgeApi, EventBridgeReads, ListedRule, ListedRules, ListedTags};
use lambda_triggers_core::api::{RetryPolicy, Tags};
use lambda_triggers_core::ownership::{OwnerId, TAG_OWNER};
use lambda_triggers_core::plan::rule::{ObservedRule, RuleSettings, Target, canonical_retry};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ACCOUNT;
use super::client::SimClient;
use super::errors::Op;
use super::journal::Effect;
use super::policies::missing_as_none;
use super::runs::Timer;
use super::state::{Answer, AwsState};
use crate::aws_proxy::events::{has_targets, merged, missing};
use crate::aws_proxy::events_check::{MAX_RULES_PER_BUS, check_rule, check_targets, exceeded, invalid};
use crate::aws_proxy::state::RuleKey;
use crate::aws_proxy::wire::Refusal;
use crate::sim::fault_injector::View;

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub settings: RuleSettings,
    /// True if the rule also has an event pattern or a role.
    pub has_more: bool,
    /// The AWS service that manages the rule.
    pub managed_by: Option<String>,
    pub tags: Tags,
    /// Targets in wire form, since foreign targets can have more members than our targets.
    pub targets: Vec<Value>,
    /// The runs to come. `None` for a rule without a schedule, and for rules of other writers.
    pub timer: Option<Timer>,
}

impl Rule {
    fn listed(&self, key: &RuleKey) -> ListedRule {
        let Self { settings, has_more, managed_by, .. } = self.clone();
        let arn = format!("arn:aws:events:{}:{ACCOUNT}:rule/{}", key.region, key.name);
        ListedRule { name: key.name.clone(), arn, settings, has_more, managed_by }
    }

    pub fn observed(&self) -> ObservedRule {
        let Self { settings, has_more, managed_by, tags, targets, timer: _ } = self.clone();
        let id = |target: &Value| target["Id"].as_str().unwrap_or_default().to_owned();
        let targets = targets.iter().map(|target| (id(target), read_target(target))).collect();
        ObservedRule { settings, has_more, managed_by, tags, targets }
    }
}

impl AwsState {
    fn rule_mut(&mut self, key: &RuleKey, change: impl FnOnce(&mut Rule) -> Answer<()>) -> Answer<()> {
        let mut rule = self.rules.get(key).ok_or_else(|| missing(key))?.clone();
        if let Some(service) = &rule.managed_by {
            let text = format!("Rule {} is managed by {service}: it cannot be changed.", key.name);
            return Err(Refusal::new(400, "ManagedRuleException", text));
        }
        change(&mut rule)?;
        // A write without a change must not hide the last change from a stale read.
        if self.rules.get(key) != Some(&rule) {
            self.rules.set(key.clone(), Some(rule));
        }
        Ok(())
    }

    pub fn put_rule(&mut self, op: &Op, key: &RuleKey, settings: &RuleSettings, tags: &Tags) -> Answer<()> {
        let RuleSettings { expression, description, enabled } = settings;
        let state = if *enabled { "ENABLED" } else { "DISABLED" };
        let request = json!({
            "Name": key.name, "ScheduleExpression": expression, "Description": description, "State": state,
        });
        check_rule(&request, &key.bus)?;
        let timer = Timer::new(expression, self.now());
        let settings = settings.clone();
        if self.rules.get(key).is_some() {
            self.rule_mut(key, |rule| {
                if rule.settings.expression != settings.expression {
                    rule.timer = timer;
                }
                rule.settings = settings;
                rule.has_more = false;
                Ok(())
            })?;
            self.note(op, None, Effect::Changed);
            return Ok(());
        }
        if self.rules.iter().filter(|(other, _)| other.region == key.region).count() >= MAX_RULES_PER_BUS {
            return Err(exceeded());
        }
        let tags = tags.clone();
        let rule = Rule { settings, has_more: false, managed_by: None, tags, targets: vec![], timer };
        self.rules.set(key.clone(), Some(rule));
        self.note(op, None, Effect::Created);
        Ok(())
    }

    /// The rules with this name prefix.
    fn list(&self, region: &str, prefix: &str, view: View) -> BTreeMap<String, ListedRule> {
        let mut keys = self.rules.keys();
        keys.retain(|key| key.region == region && key.name.starts_with(prefix));
        let listed = |key: &RuleKey| Some((key.name.clone(), self.rules.seen(key, view)?.listed(key)));
        keys.into_iter().filter_map(listed).collect()
    }

    /// The tags of the rules with this owner tag, by ARN.
    fn tags_of_rules(&self, region: &str, owner: &str, view: View) -> BTreeMap<String, Tags> {
        let keys = self.rules.keys().into_iter().filter(|key| key.region == region);
        let rules = keys.filter_map(|key| Some((key, self.rules.seen(key, view)?)));
        let own = rules.filter(|(_, rule)| rule.tags.get(TAG_OWNER).is_some_and(|tag| tag == owner));
        own.map(|(key, rule)| (key.arn(&self.account), rule.tags.clone())).collect()
    }

    /// The names of the rules with this target and this name prefix. A stale list shows the state before the last
    /// change.
    fn rules_with_target(&self, region: &str, arn: &str, prefix: &str, view: View) -> Vec<String> {
        let aims_at = |rule: &Rule| rule.targets.iter().any(|target| target["Arn"] == arn);
        let here = |key: &&RuleKey| key.region == region && key.name.starts_with(prefix);
        let mut keys = self.rules.keys();
        keys.retain(|key| here(key) && self.rules.seen(key, view).is_some_and(aims_at));
        keys.into_iter().map(|key| key.name.clone()).collect()
    }

    fn tag_rule(&mut self, op: &Op, key: &RuleKey, change: impl FnOnce(&mut Tags)) -> Answer<()> {
        self.rule_mut(key, |rule| {
            change(&mut rule.tags);
            Ok(())
        })?;
        self.note(op, None, Effect::Changed);
        Ok(())
    }

    /// Sets a target in wire form.
    pub fn put_target(&mut self, op: &Op, key: &RuleKey, target: Value) -> Answer<()> {
        check_targets(std::slice::from_ref(&target), &self.account)?;
        let id = target["Id"].as_str().unwrap_or_default().to_owned();
        let mut known = false;
        self.rule_mut(key, |rule| {
            known = rule.targets.iter().any(|other| other["Id"] == id);
            rule.targets = merged(&rule.targets, vec![target])?;
            Ok(())
        })?;
        self.note(op, Some(&id), if known { Effect::Changed } else { Effect::Created });
        Ok(())
    }

    pub fn remove_targets(&mut self, op: &Op, key: &RuleKey, ids: &[String]) -> Answer<()> {
        if ids.is_empty() {
            return Err(invalid("Ids must have at least one member."));
        }
        let mut gone = vec![];
        self.rule_mut(key, |rule| {
            let is_gone = |target: &Value| ids.iter().any(|id| target["Id"] == *id);
            gone.extend(rule.targets.iter().filter(|target| is_gone(target)).cloned());
            rule.targets.retain(|target| !is_gone(target));
            Ok(())
        })?;
        for target in gone {
            self.note(op, target["Id"].as_str(), Effect::Deleted);
        }
        Ok(())
    }

    pub fn delete_rule(&mut self, op: &Op, key: &RuleKey) -> Answer<()> {
        if self.rules.get(key).is_none() {
            return Ok(());
        }
        self.rule_mut(key, |rule| if rule.targets.is_empty() { Ok(()) } else { Err(has_targets()) })?;
        self.rules.set(key.clone(), None);
        self.note(op, None, Effect::Deleted);
        Ok(())
    }
}

/// A target in wire form, without unset members.
fn wire_target(target: &Target) -> Value {
    let Target { id, arn, input, retry_policy, dead_letter_queue_arn } = target;
    let mut wire = json!({"Id": id, "Arn": arn});
    if let Some(input) = input {
        wire["Input"] = json!(input);
    }
    if let Some(RetryPolicy { maximum_retry_attempts, maximum_event_age_seconds }) = retry_policy {
        wire["RetryPolicy"] = json!({});
        for (member, value) in [
            ("MaximumRetryAttempts", maximum_retry_attempts),
            ("MaximumEventAgeInSeconds", maximum_event_age_seconds),
        ] {
            if let Some(value) = value {
                wire["RetryPolicy"][member] = json!(value);
            }
        }
    }
    if let Some(arn) = dead_letter_queue_arn {
        wire["DeadLetterConfig"] = json!({"Arn": arn});
    }
    wire
}

/// A target as the port returns the target. `None` if the target has members that the port does not know.
fn read_target(wire: &Value) -> Option<Target> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let number = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
    let retry_policy = wire.get("RetryPolicy").map(|policy| RetryPolicy {
        maximum_retry_attempts: number(&policy["MaximumRetryAttempts"]),
        maximum_event_age_seconds: number(&policy["MaximumEventAgeInSeconds"]),
    });
    let target = Target {
        id: text(&wire["Id"])?,
        arn: text(&wire["Arn"])?,
        input: text(&wire["Input"]),
        retry_policy,
        dead_letter_queue_arn: text(&wire["DeadLetterConfig"]["Arn"]),
    };
    let known = wire_target(&target) == *wire;
    let retry_policy = canonical_retry(target.retry_policy.as_ref());
    known.then_some(Target { retry_policy, ..target })
}

impl SimClient {
    fn rule_key(&self, name: &str) -> RuleKey {
        RuleKey { region: self.region.clone(), bus: "default".into(), name: name.to_owned() }
    }

    /// A read of a rule.
    async fn read_rule<T: Send + 'static>(
        &self,
        action: &'static str,
        name: &str,
        read: impl Fn(&Rule) -> T + Send + 'static,
    ) -> Result<T, AwsError> {
        let key = self.rule_key(name);
        let read = move |state: &mut AwsState, view: View| {
            state.rules.seen(&key, view).map(&read).ok_or_else(|| missing(&key))
        };
        self.call(self.reading(action, on(name)), read).await
    }

    /// A write to a rule.
    async fn on_rule(
        &self,
        action: &'static str,
        name: &str,
        write: impl Fn(&mut AwsState, &Op, &RuleKey) -> Answer<()> + Send + 'static,
    ) -> Result<(), AwsError> {
        let op = self.writing(action, on(name));
        let (key, call) = (self.rule_key(name), op.clone());
        self.call(op, move |state, _| write(state, &call, &key)).await
    }
}

fn on(rule: &str) -> String {
    format!("rule {rule}")
}

#[async_trait]
impl EventBridgeReads for SimClient {
    async fn list(&self, prefix: &str, _since: Instant) -> Result<Option<ListedRules>, AwsError> {
        let op = self.reading("events:ListRules", format!("rules {prefix}*"));
        let (region, prefix) = (self.region.clone(), prefix.to_owned());
        let list = move |state: &mut AwsState, view: View| Ok(state.list(&region, &prefix, view));
        self.call(op, list).await.map(|rules| Some(Arc::new(rules)))
    }

    async fn describe(&self, name: &str) -> Result<Option<ListedRule>, AwsError> {
        let key = self.rule_key(name);
        missing_as_none(self.read_rule("events:DescribeRule", name, move |rule| rule.listed(&key)).await)
    }

    async fn targets(&self, name: &str) -> Result<Vec<(String, Option<Target>)>, AwsError> {
        self.read_rule("events:ListTargetsByRule", name, |rule| rule.observed().targets).await
    }

    async fn tags(&self, rule: &ListedRule) -> Result<Tags, AwsError> {
        self.read_rule("events:ListTagsForResource", &rule.name, |rule| rule.tags.clone()).await
    }

    async fn tags_of_rules(&self, owner: &OwnerId) -> Result<ListedTags, AwsError> {
        let op = self.reading("tag:GetResources", "rules");
        let (region, owner) = (self.region.clone(), owner.to_string());
        self.call(op, move |state, view| Ok(Arc::new(state.tags_of_rules(&region, &owner, view)))).await
    }

    async fn rules_with_target(&self, arn: &str, prefix: &str) -> Result<Vec<String>, AwsError> {
        let op = self.reading("events:ListRuleNamesByTarget", format!("function {arn}"));
        let (region, arn, prefix) = (self.region.clone(), arn.to_owned(), prefix.to_owned());
        self.call(op, move |state, view| Ok(state.rules_with_target(&region, &arn, &prefix, view))).await
    }
}

#[async_trait]
impl EventBridgeApi for SimClient {
    async fn put_rule(&self, name: &str, settings: &RuleSettings, tags: &Tags) -> Result<(), AwsError> {
        let (settings, tags) = (settings.clone(), tags.clone());
        self.on_rule("events:PutRule", name, move |state, op, key| state.put_rule(op, key, &settings, &tags))
            .await
    }

    async fn tag_rule(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        let tags = tags.clone();
        self.on_rule("events:TagResource", name, move |state, op, key| {
            state.tag_rule(op, key, |present| present.extend(tags.clone()))
        })
        .await
    }

    async fn untag_rule(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        let gone = keys.to_vec();
        self.on_rule("events:UntagResource", name, move |state, op, key| {
            state.tag_rule(op, key, |present| present.retain(|tag, _| !gone.contains(tag)))
        })
        .await
    }

    async fn put_target(&self, rule: &str, target: &Target) -> Result<(), AwsError> {
        let target = wire_target(target);
        self.on_rule("events:PutTargets", rule, move |state, op, key| {
            state.put_target(op, key, target.clone())
        })
        .await
    }

    async fn remove_targets(&self, rule: &str, ids: &[String]) -> Result<(), AwsError> {
        let ids = ids.to_vec();
        let remove = move |state: &mut AwsState, op: &Op, key: &RuleKey| state.remove_targets(op, key, &ids);
        self.on_rule("events:RemoveTargets", rule, remove).await
    }

    async fn delete_rule(&self, name: &str) -> Result<(), AwsError> {
        self.on_rule("events:DeleteRule", name, |state, op, key| state.delete_rule(op, key)).await
    }
}
