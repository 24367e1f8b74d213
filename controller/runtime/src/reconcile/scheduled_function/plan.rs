//! The intent of a `ScheduledFunction`: the valid spec, and the plan from an observed state.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{Applied, AppliedFunction, AppliedRule, Expression, ScheduledFunctionSpec};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::permission::{PolicyView, Statement, plan_statement};
use lambda_triggers_core::plan::rule::{
    DesiredRule, RulePlan, no_next_run, plan_rule, target_in_other_account,
};
use lambda_triggers_core::plan::tags::check_count;
use lambda_triggers_core::plan::trigger::TriggerPlan;
use lambda_triggers_core::status::{Component, Failure, Outcome, Reason};

use super::observe::RuleView;
use crate::objects::{RawScheduledFunction, valid_spec};
use crate::reconcile::context::Context;
use crate::reconcile::error::Error;
use crate::reconcile::function::region;
use crate::reconcile::permission::Grant;
use crate::reconcile::status::StatusWriter;

/// A valid spec.
pub struct Valid {
    pub spec: ScheduledFunctionSpec,
    pub expression: Expression,
    pub region: String,
}

/// The valid spec of an object. The schedule appears in the status.
pub fn validate(
    object: &RawScheduledFunction,
    writer: &mut StatusWriter<'_, RawScheduledFunction>,
) -> Result<Valid, Error> {
    let spec = valid_spec(object).map_err(invalid)?;
    let expression = spec.expression().map_err(|error| invalid(error.to_string()))?;
    writer.status.schedule = Some(expression.to_string());
    writer.status.schedule_description = Some(expression.in_words());
    let region = region(writer.context, spec.region.as_deref(), spec.function.arn.as_deref());
    Ok(Valid { spec, expression, region })
}

impl Valid {
    /// The outcome if AWS matches the spec.
    pub fn outcome(&self) -> Outcome {
        let suspended = self.spec.suspend;
        let words =
            if suspended { "suspended: the rule is in place and disabled" } else { "the rule is in place" };
        Outcome::Applied { suspended, message: words.into() }
    }
}

/// The desired resources of an object.
pub struct Intent {
    pub region: String,
    pub function: FunctionArn,
    pub statement: Statement,
    pub rule: DesiredRule,
    pub spec: ScheduledFunctionSpec,
    account: String,
    /// The functions that the operator deployed for the object.
    deployed: Vec<AppliedFunction>,
    no_next_run: Option<Failure>,
}

impl Intent {
    /// The intent for a function that exists.
    pub async fn new(
        context: &Context,
        writer: &StatusWriter<'_, RawScheduledFunction>,
        valid: &Valid,
        function: FunctionArn,
        deployed: Vec<AppliedFunction>,
    ) -> Result<Self, Error> {
        let Valid { spec, expression, region } = valid;
        let account =
            context.aws(&writer.id.key).account().await.map_err(Error::aws(Component::Permission))?;
        if let Some(message) = target_in_other_account(&function, &account.id) {
            return Err(Error::found(Component::Rule, Reason::OtherAccount, message));
        }
        let default_tags = &context.settings.default_tags;
        let (owner, origin) = (&context.owner, writer.origin());
        let rule =
            DesiredRule::from_spec(owner, &origin, default_tags, spec, expression.to_string(), &function);
        check_count("spec.tags", &rule.tags).map_err(invalid)?;
        // A suspended schedule has no next run either, and the status reports the suspension.
        let no_next_run =
            if spec.suspend { None } else { no_next_run(expression, context.settings.clock.now()) };
        Ok(Self {
            region: region.clone(),
            statement: Statement::for_rules(&owner.id, &function, &account.id),
            function,
            rule,
            spec: spec.clone(),
            account: account.id,
            deployed,
            no_next_run,
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
        tags_set_before(applied, &self.region, &self.rule.name).iter().eq(self.rule.tags.keys())
    }

    /// The plan from the observed state.
    pub fn plan(
        &self,
        context: &Context,
        writer: &StatusWriter<'_, RawScheduledFunction>,
        policy: &PolicyView,
        rule: &RuleView,
    ) -> Result<TriggerPlan, Error> {
        let before = &writer.status.applied;
        let (owner, origin) = (&context.owner, writer.origin());
        let rule = match rule {
            RuleView::Matches => RulePlan::default(),
            RuleView::Read(observed) => {
                let set_before = tags_set_before(before, &self.region, &self.rule.name);
                plan_rule(&self.rule, observed.as_ref(), &set_before, owner, &origin)
                    .map_err(|conflict| self.conflicting(&conflict.to_string()))?
            }
        };
        let wanted = self.wanted(before);
        Ok(TriggerPlan {
            permission: plan_statement(policy, &self.statement, writer.trusts_others),
            rule: Some(rule),
            entries: None,
            obsolete: before.difference(&wanted),
            wanted,
        })
    }

    /// Replaces the outcome of a schedule without a next run.
    pub fn check_next_run(self, outcome: Outcome) -> Result<Outcome, Error> {
        match (outcome, self.no_next_run) {
            (Outcome::Applied { .. }, Some(failure)) => Err(failure.into()),
            (outcome, _) => Ok(outcome),
        }
    }

    /// The failure if EventBridge refuses the rule as invalid and the schedule has no next run. The AWS documentation
    /// does not say whether EventBridge accepts such a schedule. The refusal names no reason.
    pub fn refused_without_next_run(&self) -> Option<Failure> {
        self.no_next_run.clone()
    }

    /// The identities of all resources that the object needs.
    fn wanted(&self, before: &Applied) -> Applied {
        let DesiredRule { name, tags, .. } = &self.rule;
        let tag_keys = tags.keys().cloned().collect();
        Applied {
            account: Some(self.account.clone()),
            rules: vec![AppliedRule { region: self.region.clone(), name: name.clone(), tag_keys }],
            notifications: vec![],
            permissions: self.grant().wanted(before),
            functions: self.deployed.clone(),
        }
    }

    fn conflicting(&self, conflict: &str) -> Error {
        let Self { region, rule: DesiredRule { name, .. }, .. } = self;
        let message = format!(
            "the rule {name} in {region} exists and is not touched: {conflict}; delete that rule, or give this resource another name"
        );
        Error::found(Component::Rule, Reason::ConflictingRule, message)
    }
}

fn invalid(message: String) -> Error {
    Error::found(Component::Rule, Reason::InvalidSpec, message)
}

fn tags_set_before(applied: &Applied, region: &str, name: &str) -> BTreeSet<String> {
    let same = |rule: &&AppliedRule| rule.region == region && rule.name == name;
    applied.rules.iter().filter(same).flat_map(|rule| rule.tag_keys.iter().cloned()).collect()
}
