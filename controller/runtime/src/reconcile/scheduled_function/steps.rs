//! The calls that carry out a plan for a rule.

use lambda_triggers_core::plan::rule::RuleStep;

use crate::aws::{AwsError, EventBridgeApi};

pub async fn carry_out(rules: &dyn EventBridgeApi, name: &str, steps: &[RuleStep]) -> Result<(), AwsError> {
    for step in steps {
        match step {
            RuleStep::Put(settings, tags) => rules.put_rule(name, settings, tags).await,
            RuleStep::Tag(tags) => rules.tag_rule(name, tags).await,
            RuleStep::Untag(keys) => rules.untag_rule(name, &keys.iter().cloned().collect::<Vec<_>>()).await,
            RuleStep::PutTarget(target) => rules.put_target(name, target).await,
            RuleStep::RemoveTargets(ids) => rules.remove_targets(name, ids).await,
            RuleStep::Delete => rules.delete_rule(name).await,
        }?;
    }
    Ok(())
}
