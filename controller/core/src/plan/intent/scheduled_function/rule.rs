//! The intent of a `ScheduledFunction` with a rule of EventBridge.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::valid::{Operator, Valid};
use crate::api::{Applied, AppliedFunction, AppliedRule, Schedule, ScheduledFunctionSpec};
use crate::arn::FunctionArn;
use crate::ownership::{Origin, Owner};
use crate::plan::permission::{Grant, PolicyView, Statement, plan_statement};
use crate::plan::rule::{DesiredRule, ObservedRule, RuleConflict, RulePlan, RuleView, plan_rule};
use crate::plan::tags::check_count;
use crate::plan::trigger::TriggerPlan;
use crate::status::{Component, Failure, Outcome, Reason};

/// The desired resources of an object with a rule.
#[derive(Clone, Debug)]
pub struct RuleIntent {
    /// The Region of the rule.
    pub region: String,
    /// The function to invoke.
    pub function: FunctionArn,
    /// The operator's statement for the function's policy.
    pub statement: Statement,
    /// The desired rule.
    pub rule: DesiredRule,
    /// When the rule runs.
    pub schedule: Schedule,
    /// The spec.
    pub spec: ScheduledFunctionSpec,
    owner: Owner,
    origin: Origin,
    account: String,
    /// The functions that the operator deployed for the object.
    deployed: Vec<AppliedFunction>,
    no_next_run: Option<Failure>,
}

impl RuleIntent {
    /// The intent for a function that exists.
    ///
    /// # Errors
    ///
    /// The rule would have too many tags.
    pub fn new(
        operator: Operator<'_>,
        origin: Origin,
        valid: &Valid,
        function: FunctionArn,
        deployed: Vec<AppliedFunction>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let Valid { spec, schedule, backend: _, region } = valid;
        let expression = &schedule.expression;
        let Operator { owner, default_tags, account } = operator;
        let rule =
            DesiredRule::from_spec(owner, &origin, default_tags, spec, expression.to_string(), &function);
        check_count("spec.tags", &rule.tags).map_err(invalid)?;
        Ok(Self {
            region: region.clone(),
            statement: Statement::for_rules(&owner.id, &function, account),
            function,
            rule,
            schedule: schedule.clone(),
            spec: spec.clone(),
            owner: owner.clone(),
            origin,
            account: account.into(),
            deployed,
            no_next_run: valid.no_next_run(now),
        })
    }

    /// The permission of EventBridge.
    pub fn grant(&self) -> Grant<'_> {
        Grant {
            function: &self.function,
            statement: &self.statement,
            managed_by: self.spec.function.permission,
            source: "EventBridge".into(),
        }
    }

    /// True if the status records the rule.
    pub fn is_recorded(&self, applied: &Applied) -> bool {
        applied.rules.iter().any(|rule| rule.region == self.region && rule.name == self.rule.name)
    }

    /// True if the status records exactly the keys of the desired tags. The default tags may have changed.
    pub fn has_recorded_tag_keys(&self, applied: &Applied) -> bool {
        self.tags_set_before(applied).iter().eq(self.rule.tags.keys())
    }

    /// The plan from the observed state. `recorded` contains the resources in the status. With `trusts_others`, an
    /// equivalent foreign statement is enough.
    ///
    /// # Errors
    ///
    /// A foreign rule has the name of the desired rule.
    pub fn plan(
        &self,
        recorded: &Applied,
        trusts_others: bool,
        policy: &PolicyView,
        rule: &RuleView,
    ) -> Result<TriggerPlan, Failure> {
        let rule = match rule {
            RuleView::Matches => RulePlan::default(),
            RuleView::Read(observed) => self
                .plan_rule(recorded, observed.as_ref())
                .map_err(|conflict| self.conflicting(&conflict.to_string()))?,
        };
        let wanted = self.wanted(recorded);
        Ok(TriggerPlan {
            permission: plan_statement(policy, &self.statement, trusts_others),
            rule: Some(rule),
            schedule: None,
            entries: None,
            obsolete: recorded.difference(&wanted),
            wanted,
        })
    }

    /// True if the observed rule needs no change. `recorded` contains the resources in the status.
    pub fn is_in_place(&self, recorded: &Applied, observed: &ObservedRule) -> bool {
        self.plan_rule(recorded, Some(observed)) == Ok(RulePlan::default())
    }

    fn plan_rule(
        &self,
        recorded: &Applied,
        observed: Option<&ObservedRule>,
    ) -> Result<RulePlan, RuleConflict> {
        plan_rule(&self.rule, observed, &self.tags_set_before(recorded), &self.owner, &self.origin)
    }

    /// The outcome if AWS matches the spec.
    pub fn outcome(&self) -> Outcome {
        let suspended = self.spec.suspend;
        let words =
            if suspended { "suspended: the rule is in place and disabled" } else { "the rule is in place" };
        Outcome::Applied { suspended, message: words.into() }
    }

    /// Replaces the outcome of a schedule without a next run.
    ///
    /// # Errors
    ///
    /// AWS matches the spec, and the schedule has no next run.
    pub fn check_next_run(self, outcome: Outcome) -> Result<Outcome, Failure> {
        match (outcome, self.no_next_run) {
            (Outcome::Applied { .. }, Some(failure)) => Err(failure),
            (outcome, _) => Ok(outcome),
        }
    }

    /// The failure if EventBridge refuses the rule as invalid and the schedule has no next run. The AWS documentation
    /// does not say whether EventBridge accepts such a schedule. The refusal names no reason.
    pub fn refused_without_next_run(&self) -> Option<Failure> {
        self.no_next_run.clone()
    }

    /// The identities of all resources that the object needs.
    fn wanted(&self, recorded: &Applied) -> Applied {
        let DesiredRule { name, tags, .. } = &self.rule;
        let tag_keys = tags.keys().cloned().collect();
        Applied {
            account: Some(self.account.clone()),
            rules: vec![AppliedRule { region: self.region.clone(), name: name.clone(), tag_keys }],
            schedules: vec![],
            notifications: vec![],
            permissions: self.grant().wanted(recorded),
            functions: self.deployed.clone(),
        }
    }

    /// The recorded keys of the rule's tags.
    fn tags_set_before(&self, applied: &Applied) -> BTreeSet<String> {
        let is_same = |rule: &&AppliedRule| rule.region == self.region && rule.name == self.rule.name;
        applied.rules.iter().filter(is_same).flat_map(|rule| rule.tag_keys.iter().cloned()).collect()
    }

    fn conflicting(&self, conflict: &str) -> Failure {
        let Self { region, rule: DesiredRule { name, .. }, .. } = self;
        let message = format!(
            "the rule {name} in {region} exists and is not touched: {conflict}; delete that rule, or give this resource another name"
        );
        Failure::new(Component::Rule, Reason::ConflictingRule, message)
    }
}

fn invalid(message: String) -> Failure {
    Failure::new(Component::Rule, Reason::InvalidSpec, message)
}
