//! A rule of EventBridge and its target: what is wanted, what is there, and the steps between.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::tags::{all_tags, is_rollout};
use crate::api::{Expression, RetryPolicy, ScheduledFunctionSpec, Tags};
use crate::arn::FunctionArn;
use crate::ownership::{
    Evidence, Origin, Ownership, TAG_CLUSTER, TAG_OWNER, Unmarked, missing_owner_tag, ownership,
};
use crate::ownership::{ObjectKey, Owner};
use crate::status::{Component, Failure, Reason};

/// What PutRule sets, all of it: the call resets what it is not given
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSettings {
    /// The schedule expression.
    pub expression: String,
    /// The description; empty for none.
    pub description: String,
    /// Whether the rule fires.
    pub enabled: bool,
}

/// A target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its Id within the rule.
    pub id: String,
    /// The ARN of the function, with its qualifier.
    pub arn: String,
    /// JSON text that the function receives in place of the event.
    pub input: Option<String>,
    /// How often and how long a failed delivery is tried again.
    pub retry_policy: Option<RetryPolicy>,
    /// The queue for events that could not be delivered.
    pub dead_letter_queue_arn: Option<String>,
}

/// A rule as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredRule {
    /// Its name.
    pub name: String,
    /// What PutRule sets.
    pub settings: RuleSettings,
    /// Its tags: the user's and ours.
    pub tags: Tags,
    /// Its one target.
    pub target: Target,
}

/// A rule as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRule {
    /// What PutRule sets; the expression is empty for a rule with an event pattern alone.
    pub settings: RuleSettings,
    /// Whether it has an event pattern besides, or a role: settings of which we make none.
    pub has_more: bool,
    /// The AWS service that manages it.
    pub managed_by: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Its targets; none where one has settings of which we make none, such as an input path.
    pub targets: Vec<(String, Option<Target>)>,
}

/// A write to a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleStep {
    /// Create the rule, or set all of its settings. Tags count for a new rule only.
    Put(RuleSettings, Tags),
    /// Set tags on a rule that exists: PutRule ignores tags there.
    Tag(Tags),
    /// Remove tags.
    Untag(BTreeSet<String>),
    /// Set a target.
    PutTarget(Target),
    /// Remove targets by Id.
    RemoveTargets(Vec<String>),
    /// Delete the rule, which has no targets any more.
    Delete,
}

/// Why a rule of the wanted name is not touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleConflict {
    /// An AWS service manages it.
    #[error("it is managed by {0}")]
    Managed(String),
    /// Its tags do not say that it was made for the object by this operator.
    #[error("its tags do not say that it was made for {key} by the operator with owner id {owner}")]
    NotOurs {
        /// The object that wanted it.
        key: ObjectKey,
        /// Our owner id.
        owner: String,
    },
    /// Its ownership is unknown.
    #[error(transparent)]
    Unmarked(#[from] Unmarked),
}

/// The steps for a rule.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RulePlan {
    /// The writes, in order.
    pub steps: Vec<RuleStep>,
    /// The UID of the cluster from which the rule is taken over.
    pub adopted_from: Option<String>,
}

impl RuleStep {
    /// Whether the steps bring a rule to other default tags, and do nothing else.
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
    /// The rule that a resource wants. `expression` is what its schedule comes to.
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
                id: target_id(owner),
                arn: function.to_string(),
                input: input_json.clone().or_else(|| input.as_ref().map(ToString::to_string)),
                retry_policy: canonical_retry(retry_policy.as_ref()),
                dead_letter_queue_arn: dead_letter_queue_arn.clone(),
            },
        }
    }
}

/// The Id of our target within a rule.
fn target_id(owner: &Owner) -> String {
    format!("{}function", owner.id.prefix())
}

/// The message for a function of another account than the rule's `account`.
///
/// EventBridge requires a role on a target in another account
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html>). The operator sets no role.
pub fn target_in_other_account(function: &FunctionArn, account: &str) -> Option<String> {
    let there = &function.account;
    (there != account).then(|| {
        format!(
            "the function {} is in account {there}, and its rule would be in account {account}: EventBridge invokes a function \
             of another account only with a role on the target, which this operator does not set. Make this resource in a \
             namespace to which the tenancy file gives a role of account {there}, or name a function of account {account}",
            function.short()
        )
    })
}

/// What makes a rule so. Targets and tags that somebody added to our rule are left alone: `set_before` are the keys
/// of the tags that we set, of which those are removed that are wanted no more.
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
        return Ok(RulePlan { steps, adopted_from: None });
    };
    match owned_by(observed, set_before, owner, origin)? {
        Ownership::Ours => {}
        Ownership::Unknown => return Err(Unmarked::new(owner, origin).into()),
        Ownership::Foreign => {
            return Err(RuleConflict::NotOurs { key: origin.key.clone(), owner: owner.id.to_string() });
        }
    }
    let mut steps = vec![];
    if observed.settings != *settings || observed.has_more {
        steps.push(put());
    }
    let set: Tags = tags.iter().filter(|(k, v)| observed.tags.get(*k) != Some(v)).map(own_pair).collect();
    let stale = |tag: &&String| observed.tags.contains_key(*tag) && !tags.contains_key(*tag);
    let unset: BTreeSet<String> = set_before.iter().filter(stale).cloned().collect();
    // Old tags go first: a rule with 50 tags has no room for new ones.
    if !unset.is_empty() {
        steps.push(RuleStep::Untag(unset));
    }
    if !set.is_empty() {
        steps.push(RuleStep::Tag(set));
    }
    let found =
        observed.targets.iter().find(|(id, _)| *id == target.id).and_then(|(_, found)| found.as_ref());
    if found != Some(target) {
        steps.push(RuleStep::PutTarget(target.clone()));
    }
    let cluster = observed.tags.get(TAG_CLUSTER).filter(|cluster| **cluster != owner.cluster);
    Ok(RulePlan { steps, adopted_from: cluster.cloned() })
}

/// What takes a rule away: its targets first, since a rule that has any cannot be deleted
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html>). A rule that is not ours is
/// left alone, whatever its name.
///
/// # Errors
/// [`Unmarked`] for a rule of unknown ownership: a rule left in silence would go on to run the function.
pub fn plan_removal(
    observed: Option<&ObservedRule>,
    set_before: &BTreeSet<String>,
    owner: &Owner,
    origin: &Origin,
) -> Result<Vec<RuleStep>, Unmarked> {
    let Some(observed) = observed else { return Ok(vec![]) };
    match owned_by(observed, set_before, owner, origin) {
        Ok(Ownership::Ours) => {}
        Ok(Ownership::Unknown) => return Err(Unmarked::new(owner, origin)),
        Ok(Ownership::Foreign) | Err(_) => return Ok(vec![]),
    }
    let ids: Vec<String> = observed.targets.iter().map(|(id, _)| id.clone()).collect();
    let targets = (!ids.is_empty()).then_some(RuleStep::RemoveTargets(ids));
    let tag = missing_owner_tag(&observed.tags, owner).map(RuleStep::Tag);
    Ok(tag.into_iter().chain(targets).chain([RuleStep::Delete]).collect())
}

/// The owner of a rule with the name of the object's rule. Our target is a trace: a rule made by hand has a target with
/// another Id.
fn owned_by(
    rule: &ObservedRule,
    set_before: &BTreeSet<String>,
    owner: &Owner,
    origin: &Origin,
) -> Result<Ownership, RuleConflict> {
    if let Some(service) = &rule.managed_by {
        return Err(RuleConflict::Managed(service.clone()));
    }
    let target = target_id(owner);
    let evidence = Evidence {
        recorded: set_before.contains(TAG_OWNER),
        named: true,
        trace: rule.targets.iter().any(|(id, _)| *id == target),
    };
    Ok(ownership(&rule.tags, owner, origin, evidence))
}

/// A retry policy with both values, or none where it says what AWS does anyway: the form in which two compare,
/// whether or not a server fills in defaults
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

/// The failure of a schedule that has no run after `now`: EventBridge takes it, and never invokes the function. The message
/// stays the same from one look to the next.
pub fn no_next_run(expression: &Expression, now: Timestamp) -> Option<Failure> {
    if expression.next_run(now).is_some() {
        return None;
    }
    let message = match expression.last_run(now) {
        Some(last) => format!(
            "{expression} had its last run on {} UTC and never runs again: write a schedule with a later year, or delete this \
             resource",
            last.strftime("%F at %R")
        ),
        None => {
            format!("{expression} never runs, since no year in it has such a day: write a day that comes")
        }
    };
    Some(Failure::new(Component::Rule, Reason::NoNextRun, message))
}

#[cfg(test)]
mod tests;
