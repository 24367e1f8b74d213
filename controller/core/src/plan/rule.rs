//! The planner for an EventBridge rule and its target.
//!
//! The planner compares the desired rule with the observed rule and returns the steps. Foreign targets and tags on
//! the rule stay.

mod event;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::tags::{all_tags, is_rollout};
use crate::api::{Expression, RetryPolicy, ScheduledFunctionSpec, Tags};
use crate::arn::FunctionArn;
use crate::ownership::{
    Evidence, ObjectKey, Origin, Owner, Ownership, TAG_CLUSTER, TAG_OWNER, Unmarked, missing_owner_tag,
    ownership, target_id,
};
use crate::status::{Component, Failure, Reason};
pub use event::{adoption_event, event};

/// The default quota of rules on an event bus, which AWS can raise
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>).
pub const DEFAULT_MAX_RULES: usize = 300;

/// The settings of PutRule. PutRule resets omitted settings, so the settings are always complete
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RuleSettings {
    /// The schedule expression, such as `rate(1 hour)`.
    pub expression: String,
    /// The description; an empty text for no description.
    pub description: String,
    /// True if the rule fires.
    pub enabled: bool,
}

/// A target of a rule.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The Id of the target within the rule.
    pub id: String,
    /// The ARN of the function, with its qualifier.
    pub arn: String,
    /// JSON text that the function receives instead of the event.
    pub input: Option<String>,
    /// The limits for retries of a failed delivery.
    pub retry_policy: Option<RetryPolicy>,
    /// The queue for undeliverable events.
    pub dead_letter_queue_arn: Option<String>,
}

/// The desired rule of a `ScheduledFunction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredRule {
    /// The name of the rule.
    pub name: String,
    /// The settings of PutRule.
    pub settings: RuleSettings,
    /// All tags: the user's and the operator's.
    pub tags: Tags,
    /// The only target of the operator.
    pub target: Target,
}

/// The observed rule in EventBridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRule {
    /// The settings of PutRule. The expression is empty for a rule with only an event pattern.
    pub settings: RuleSettings,
    /// True if the rule has an event pattern or a role. The operator sets neither.
    pub has_more: bool,
    /// The AWS service that manages the rule.
    pub managed_by: Option<String>,
    /// All current tags, foreign tags included.
    pub tags: Tags,
    /// The targets by Id; `None` for a target with settings that the operator never sets, such as an input path.
    pub targets: Vec<(String, Option<Target>)>,
}

/// The observed state of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleView {
    /// The rule matches the desired rule. The tags are not read.
    Matches,
    /// The rule with its tags; `None` if not found.
    Read(Option<ObservedRule>),
}

/// A write to a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleStep {
    /// Create the rule, or replace all settings. PutRule ignores the tags of an existing rule.
    Put(RuleSettings, Tags),
    /// Set tags on an existing rule.
    Tag(Tags),
    /// Remove tags.
    Untag(BTreeSet<String>),
    /// Set a target.
    PutTarget(Target),
    /// Remove targets by Id.
    RemoveTargets(Vec<String>),
    /// Delete the rule after the removal of all targets.
    Delete,
}

/// The reason why the planner does not touch an existing rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleConflict {
    /// An AWS service manages the rule.
    #[error("it is managed by {0}")]
    Managed(String),
    /// The tags do not prove that this operator created the rule for the object.
    #[error("its tags do not name {key} and the owner id {owner}")]
    NotOurs {
        /// The object that needs the rule.
        key: ObjectKey,
        /// The owner id of this operator.
        owner: String,
    },
    /// The ownership of the rule is unknown.
    #[error(transparent)]
    Unmarked(#[from] Unmarked),
}

/// The steps for a rule.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RulePlan {
    /// The writes, in order.
    pub steps: Vec<RuleStep>,
    /// True if the plan creates the rule.
    pub creates: bool,
    /// The UID of the previous cluster if the plan adopts the rule from another cluster.
    pub adopted_from: Option<String>,
}

impl ObservedRule {
    /// True if the rule matches `desired` in all but the tags, which may be unread.
    pub fn matches(&self, desired: &DesiredRule) -> bool {
        let DesiredRule { name: _, settings, tags: _, target } = desired;
        self.managed_by.is_none() && self.has(settings) && self.target(&target.id) == Some(target)
    }

    fn has(&self, settings: &RuleSettings) -> bool {
        self.settings == *settings && !self.has_more
    }

    /// The target with this Id, unless the target has settings that the operator never sets.
    fn target(&self, id: &str) -> Option<&Target> {
        self.targets.iter().find(|(other, _)| other == id).and_then(|(_, target)| target.as_ref())
    }
}

impl RuleStep {
    /// True if the steps only apply changed default tags.
    pub fn are_rollout(steps: &[Self], default_tags: &Tags, spec: &Tags) -> bool {
        let is_rollout = |step: &Self| match step {
            Self::Tag(tags) => is_rollout(Some(tags), None, default_tags, spec),
            Self::Untag(keys) => is_rollout(None, Some(keys), default_tags, spec),
            _ => false,
        };
        !steps.is_empty() && steps.iter().all(is_rollout)
    }
}

impl DesiredRule {
    /// The desired rule of an object. `expression` is the schedule expression of the spec.
    pub fn from_spec(
        owner: &Owner,
        origin: &Origin,
        default_tags: &Tags,
        spec: &ScheduledFunctionSpec,
        expression: String,
        function: &FunctionArn,
    ) -> Self {
        let ScheduledFunctionSpec {
            function: _,
            schedule: _,
            rate: _,
            cron: _,
            time_zone: _,
            start_date: _,
            end_date: _,
            flexible_time_window_minutes: _,
            backend: _,
            input,
            input_json,
            retry_policy,
            dead_letter_queue_arn,
            description,
            suspend,
            deletion_policy: _,
            region: _,
            tags,
        } = spec;
        let tags = all_tags(default_tags, tags, origin.tags(owner));
        Self {
            name: origin.key.rule_name(&owner.id, origin.kind),
            settings: RuleSettings {
                expression,
                description: description.clone().unwrap_or_default(),
                enabled: !suspend,
            },
            tags,
            target: Target {
                id: target_id(&owner.id),
                arn: function.to_string(),
                input: input_json.clone().or_else(|| input.as_ref().map(ToString::to_string)),
                retry_policy: canonical_retry(retry_policy.as_ref()),
                dead_letter_queue_arn: dead_letter_queue_arn.clone(),
            },
        }
    }
}

/// The error message for a function outside the rule's `account`; `None` if the function is in the account.
///
/// EventBridge requires a role on a target in another account
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html>). The operator sets no
/// role.
pub fn target_in_other_account(function: &FunctionArn, account: &str) -> Option<String> {
    let there = &function.account;
    (there != account).then(|| {
        format!(
            "the function {} is in account {there}, and its rule would be in account {account}: EventBridge \
             invokes a function of another account only with a role on the target, which this operator does \
             not set. Create this resource in a namespace with a role of account {there}, or name a function \
             of account {account}",
            function.short()
        )
    })
}

/// The steps from the observed to the desired rule.
///
/// Foreign targets and tags stay. `set_before` contains the keys of the tags that the operator has set. Keys in
/// `set_before` without a desired tag are removed.
pub fn plan_rule(
    desired: &DesiredRule,
    observed: Option<&ObservedRule>,
    set_before: &BTreeSet<String>,
    owner: &Owner,
    origin: &Origin,
) -> Result<RulePlan, RuleConflict> {
    let DesiredRule { name: _, settings, tags, target } = desired;
    let put = || RuleStep::Put(settings.clone(), tags.clone());
    let Some(observed) = observed else {
        let steps = vec![put(), RuleStep::PutTarget(target.clone())];
        return Ok(RulePlan { steps, creates: true, adopted_from: None });
    };
    match owned_by(observed, set_before, owner, origin)? {
        Ownership::Ours => {}
        Ownership::Unknown => return Err(Unmarked::new(owner, origin).into()),
        Ownership::Foreign => {
            return Err(RuleConflict::NotOurs { key: origin.key.clone(), owner: owner.id.to_string() });
        }
    }
    let mut steps = vec![];
    if !observed.has(settings) {
        steps.push(put());
    }
    let set: Tags = tags.iter().filter(|(k, v)| observed.tags.get(*k) != Some(v)).map(own_pair).collect();
    let stale = |tag: &&String| observed.tags.contains_key(*tag) && !tags.contains_key(*tag);
    let unset: BTreeSet<String> = set_before.iter().filter(stale).cloned().collect();
    // Untag first: a rule with 50 tags has no room for new tags.
    if !unset.is_empty() {
        steps.push(RuleStep::Untag(unset));
    }
    if !set.is_empty() {
        steps.push(RuleStep::Tag(set));
    }
    if observed.target(&target.id) != Some(target) {
        steps.push(RuleStep::PutTarget(target.clone()));
    }
    let cluster = observed.tags.get(TAG_CLUSTER).filter(|cluster| **cluster != owner.cluster);
    Ok(RulePlan { steps, creates: false, adopted_from: cluster.cloned() })
}

/// The steps that delete a rule without a read of the rule. `set_before` contains the keys of the tags in the record.
///
/// The operator records a rule after a read has shown that the rule is absent, or belongs to the object. `None` if the
/// record does not show the owner tag: a read must then decide, with [`plan_removal`].
pub fn plan_recorded_removal(set_before: &BTreeSet<String>, owner: &Owner) -> Option<[RuleStep; 2]> {
    let is_ours = set_before.contains(TAG_OWNER);
    is_ours.then(|| [RuleStep::RemoveTargets(vec![target_id(&owner.id)]), RuleStep::Delete])
}

/// The steps that delete a rule. A foreign rule stays, even under the name of the object's rule.
///
/// The targets are removed first, because EventBridge does not delete a rule with targets
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html>).
///
/// # Errors
///
/// Returns [`Unmarked`] for a rule of unknown ownership. If the operator skipped the rule silently, the rule would
/// continue to invoke the function.
pub fn plan_removal(
    observed: Option<&ObservedRule>,
    set_before: &BTreeSet<String>,
    owner: &Owner,
    origin: &Origin,
) -> Result<Vec<RuleStep>, Unmarked> {
    let Some(observed) = observed else { return Ok(vec![]) };
    match owned_by(observed, set_before, owner, origin) {
        Ok(Ownership::Ours) => {}
        // A removal that failed half-way has removed the operator's target, and a rule without targets invokes nothing.
        Ok(Ownership::Unknown) if set_before.contains(TAG_OWNER) && observed.targets.is_empty() => {}
        Ok(Ownership::Unknown) => return Err(Unmarked::new(owner, origin)),
        Ok(Ownership::Foreign) | Err(_) => return Ok(vec![]),
    }
    let ids: Vec<String> = observed.targets.iter().map(|(id, _)| id.clone()).collect();
    let targets = (!ids.is_empty()).then_some(RuleStep::RemoveTargets(ids));
    let tag = missing_owner_tag(&observed.tags, owner).map(RuleStep::Tag);
    Ok(tag.into_iter().chain(targets).chain([RuleStep::Delete]).collect())
}

/// The failure if a rule of unknown ownership is not deleted.
pub fn not_deleted(name: &str, region: &str, unmarked: &Unmarked) -> Failure {
    let message = format!("the rule {name} in {region} is not deleted: {unmarked}");
    Failure::new(Component::Rule, Reason::ConflictingRule, message)
}

/// The owner of a rule with the object's rule name. The operator's target is a trace, because a rule made by hand has
/// a target with another Id.
fn owned_by(
    rule: &ObservedRule,
    set_before: &BTreeSet<String>,
    owner: &Owner,
    origin: &Origin,
) -> Result<Ownership, RuleConflict> {
    if let Some(service) = &rule.managed_by {
        return Err(RuleConflict::Managed(service.clone()));
    }
    let target = target_id(&owner.id);
    let evidence = Evidence {
        recorded: set_before.contains(TAG_OWNER),
        named: true,
        trace: rule.targets.iter().any(|(id, _)| *id == target),
    };
    Ok(ownership(&rule.tags, owner, origin, evidence))
}

/// The canonical form of a retry policy, for comparison: both values, or `None` for the defaults of AWS. AWS may or
/// may not return default values
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html>).
pub fn canonical_retry(policy: Option<&RetryPolicy>) -> Option<RetryPolicy> {
    let RetryPolicy { maximum_retry_attempts, maximum_event_age_seconds } = policy?;
    let (attempts, age) =
        (maximum_retry_attempts.unwrap_or(185), maximum_event_age_seconds.unwrap_or(86_400));
    let full = RetryPolicy { maximum_retry_attempts: Some(attempts), maximum_event_age_seconds: Some(age) };
    ((attempts, age) != (185, 86_400)).then_some(full)
}

fn own_pair((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// The failure of a schedule without a run after `now`. EventBridge accepts the schedule but never invokes the
/// function. The message is the same on every resync.
pub fn no_next_run(expression: &Expression, now: Timestamp) -> Option<Failure> {
    if expression.next_run(now, &TimeZone::UTC).is_some() {
        return None;
    }
    let message = match expression.last_run(now, &TimeZone::UTC) {
        Some(last) => format!(
            "{expression} had its last run on {} UTC and never runs again: write a later year, or delete this \
             resource",
            last.strftime("%F at %R")
        ),
        None => {
            format!(
                "{expression} never runs, because its day does not exist in any of its years: write a day that \
                 exists"
            )
        }
    };
    Some(Failure::new(Component::Rule, Reason::NoNextRun, message))
}

#[cfg(test)]
mod tests;
