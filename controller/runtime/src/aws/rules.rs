//! Whole rules. The settings, the tags and the targets of a rule come from separate calls.

use std::collections::BTreeMap;

use lambda_triggers_core::api::Tags;
use lambda_triggers_core::plan::rule::ObservedRule;

use super::{AwsError, AwsErrorKind, EventBridgeReads, ListedRule, ListedRules};

/// Reads a rule with its tags and targets; `None` if not found.
pub async fn read_rule(rules: &dyn EventBridgeReads, name: &str) -> Result<Option<ObservedRule>, AwsError> {
    match rules.describe(name).await? {
        Some(rule) => read_parts(rules, rule).await.map(Some),
        None => Ok(None),
    }
}

/// Reads the tags and the targets of a rule that a list shows; `None` if the list has no such rule. Without a list, the
/// rule is read, too. `known` contains listed tags by ARN, which may be old: they count for a rule that `is_in_place` with
/// them.
pub async fn read_listed_rule(
    rules: &dyn EventBridgeReads,
    listed: Option<&ListedRules>,
    name: &str,
    known: &BTreeMap<String, Tags>,
    is_in_place: impl Fn(&ObservedRule) -> bool,
) -> Result<Option<ObservedRule>, AwsError> {
    let Some(listed) = listed else { return read_rule(rules, name).await };
    let Some(rule) = listed.get(name) else { return Ok(None) };
    let read = match known.get(&rule.arn) {
        Some(tags) => read_targets(rules, rule, tags, is_in_place).await,
        None => read_parts(rules, rule.clone()).await,
    };
    match read {
        // The rule was deleted after the list.
        Err(error) if error.kind == AwsErrorKind::NotFound => read_rule(rules, name).await,
        rule => rule.map(Some),
    }
}

async fn read_parts(rules: &dyn EventBridgeReads, rule: ListedRule) -> Result<ObservedRule, AwsError> {
    let (tags, targets) = (rules.tags(&rule).await?, rules.targets(&rule.name).await?);
    Ok(rule.with(tags, targets))
}

/// Reads the targets, and the tags of a rule that is not in place with the known tags.
async fn read_targets(
    rules: &dyn EventBridgeReads,
    rule: &ListedRule,
    known: &Tags,
    is_in_place: impl Fn(&ObservedRule) -> bool,
) -> Result<ObservedRule, AwsError> {
    let observed = rule.clone().with(known.clone(), rules.targets(&rule.name).await?);
    match is_in_place(&observed) {
        true => Ok(observed),
        false => Ok(ObservedRule { tags: rules.tags(rule).await?, ..observed }),
    }
}
