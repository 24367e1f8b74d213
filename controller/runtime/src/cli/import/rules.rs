//! The reads of rules.

use lambda_triggers_core::api::Tags;
use lambda_triggers_core::plan::rule::{ObservedRule, Target};
use lambda_triggers_core::status::Component;

use crate::aws::{AwsError, AwsReads, ListedRule};
use crate::cli::read_failure::message;

/// A rule, as far as it could be read.
pub enum ReadRule {
    /// The rule with its tags and targets.
    Found {
        /// The name.
        name: String,
        /// The rule.
        rule: Box<ObservedRule>,
    },
    /// The tags or the targets could not be read.
    Unread {
        /// The name.
        name: String,
        /// The reason.
        why: String,
    },
}

/// The ARNs of the targets.
pub fn target_arns(rule: &ObservedRule) -> Vec<String> {
    let known = |(_, target): &(String, Option<Target>)| target.as_ref().map(|target| target.arn.clone());
    rule.targets.iter().filter_map(known).collect()
}

/// Reads the tags and the targets of a rule. A rule without a schedule is not imported, so its parts are not read.
pub async fn read_rule(aws: &AwsReads, region: &str, rule: ListedRule) -> ReadRule {
    let name = rule.name.clone();
    let parts = if rule.settings.expression.is_empty() || rule.managed_by.is_some() {
        Ok((Tags::new(), vec![]))
    } else {
        parts(aws, region, &rule).await
    };
    match parts {
        Ok((tags, targets)) => ReadRule::Found { name, rule: Box::new(rule.with(tags, targets)) },
        Err(error) => ReadRule::Unread { name, why: message(&error, Component::Rule) },
    }
}

async fn parts(
    aws: &AwsReads,
    region: &str,
    rule: &ListedRule,
) -> Result<(Tags, Vec<(String, Option<Target>)>), AwsError> {
    let eventbridge = aws.eventbridge(region);
    Ok((eventbridge.tags(rule).await?, eventbridge.targets(&rule.name).await?))
}
