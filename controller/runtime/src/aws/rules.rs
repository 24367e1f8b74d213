//! Whole rules. The settings, the tags and the targets of a rule come from separate calls.

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
/// rule is read, too.
pub async fn read_listed_rule(
    rules: &dyn EventBridgeReads,
    listed: Option<&ListedRules>,
    name: &str,
) -> Result<Option<ObservedRule>, AwsError> {
    let Some(listed) = listed else { return read_rule(rules, name).await };
    let Some(rule) = listed.get(name) else { return Ok(None) };
    match read_parts(rules, rule.clone()).await {
        // The rule was deleted after the list.
        Err(error) if error.kind == AwsErrorKind::NotFound => read_rule(rules, name).await,
        rule => rule.map(Some),
    }
}

async fn read_parts(rules: &dyn EventBridgeReads, rule: ListedRule) -> Result<ObservedRule, AwsError> {
    let (tags, targets) = (rules.tags(&rule).await?, rules.targets(&rule.name).await?);
    Ok(rule.with(tags, targets))
}
