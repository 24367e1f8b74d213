//! The resources in AWS that no manifest needs any more.

use lambda_triggers_core::api::{Applied, AppliedFunction, AppliedPermission, AppliedRule};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::rules_statement_id;
use lambda_triggers_core::plan::function::{self, plan_function_release, plan_function_removal};
use lambda_triggers_core::plan::rule::{self, plan_removal};
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_core::preview::{Part, Problem, function_changes, removed};
use lambda_triggers_core::status::{Component, Failure};

use super::item::Item;
use super::observer::{Observer, Planned, of};

impl Observer<'_> {
    /// The removal of the obsolete resources of `item`, as far as the reads succeed. `others` contains what all
    /// manifests need.
    pub async fn plan_removal(&self, item: &Item, others: &[Applied]) -> Planned {
        let mut planned = Planned::default();
        if let Err(failure) = self.remove(item, others, &mut planned).await {
            planned.problems.push(Problem::from_failure(&failure));
        }
        planned
    }

    async fn remove(&self, item: &Item, others: &[Applied], planned: &mut Planned) -> Result<(), Failure> {
        let obsolete = &item.planned.obsolete;
        if obsolete.is_empty() {
            return Ok(());
        }
        self.check_credentials(item)?;
        for rule in &obsolete.rules {
            self.remove_rule(item, rule, planned).await?;
        }
        for schedule in &obsolete.schedules {
            let key = ScheduleKey::from(schedule);
            if self.has_schedule(item, &schedule.region, &key).await.map_err(of(Component::Schedule))? {
                planned.changes.push(removed(Part::Schedule, &key.to_string(), &schedule.region, ""));
            }
        }
        let mut deleted: Vec<FunctionArn> = vec![];
        for function in &obsolete.functions {
            let is_needed =
                others.iter().any(|other| other.function(&function.region, &function.name).is_some());
            if !is_needed {
                deleted.extend(self.remove_function(item, function, planned).await?);
            }
        }
        for permission in &obsolete.permissions {
            // The policy of a function goes with the function.
            if let Some(function) = FunctionArn::parse(&permission.function_arn)
                && !deleted.contains(&function.with_qualifier(None))
            {
                self.remove_permission(item, permission, &function, others, planned).await?;
            }
        }
        Ok(())
    }

    async fn remove_rule(
        &self,
        item: &Item,
        rule: &AppliedRule,
        planned: &mut Planned,
    ) -> Result<(), Failure> {
        let AppliedRule { region, name, tag_keys } = rule;
        // The tags decide about the removal, so listed tags do not count.
        let observed = self.read_rule(item, region, name, |_| false).await.map_err(of(Component::Rule))?;
        let tags = observed.as_ref().map(|rule| &rule.tags);
        let set_before = tag_keys.iter().cloned().collect();
        match plan_removal(observed.as_ref(), &set_before, &self.owner(tags), &self.origin(item, tags)) {
            Ok(steps) if steps.is_empty() => {}
            Ok(_) => planned.changes.push(removed(Part::Rule, name, region, "")),
            Err(unmarked) => {
                let failure = rule::not_deleted(name, region, &unmarked);
                planned.problems.push(Problem::from_failure(&failure));
            }
        }
        Ok(())
    }

    /// Returns the deleted function.
    async fn remove_function(
        &self,
        item: &Item,
        function: &AppliedFunction,
        planned: &mut Planned,
    ) -> Result<Option<FunctionArn>, Failure> {
        let AppliedFunction { region, name, tag_keys, async_invoke: _ } = function;
        let observed = self.aws(item).lambda(region).deployed(name).await.map_err(of(Component::Function))?;
        let Some(observed) = observed else { return Ok(None) };
        let (owner, origin) = (self.owner(Some(&observed.tags)), self.origin(item, Some(&observed.tags)));
        // A named function that the resource defined before stays, without the tags of the operator.
        let named = item.declared.function_arn(self.options).with_qualifier(None);
        if item.declared.spec.function().definition.is_none() && named == observed.arn {
            let steps = plan_function_release(&observed, &owner, &origin);
            let now = (Some(&observed), None);
            planned.changes.extend(function_changes(&steps, now, name, region, self.options.secrets));
            return Ok(None);
        }
        let set_before = tag_keys.iter().cloned().collect();
        let known = self.known_code(item, Some(&observed));
        match plan_function_removal(Some(&observed), &set_before, true, known, &owner, &origin) {
            Ok(steps) if steps.is_empty() => Ok(None),
            Ok(_) => {
                planned.changes.push(removed(Part::Function, name, region, ""));
                Ok(Some(observed.arn))
            }
            Err(unmarked) => {
                let failure = function::not_deleted(name, region, &unmarked);
                planned.problems.push(Problem::from_failure(&failure));
                Ok(None)
            }
        }
    }

    async fn remove_permission(
        &self,
        item: &Item,
        permission: &AppliedPermission,
        function: &FunctionArn,
        others: &[Applied],
        planned: &mut Planned,
    ) -> Result<(), Failure> {
        let id = &permission.statement_id;
        let users = others.iter().filter(|other| other.permissions.contains(permission)).count();
        if users > 0 {
            let resources = if users == 1 { "resource needs" } else { "resources need" };
            planned.notes.push(format!("permission {id} stays: {users} {resources} it"));
            return Ok(());
        }
        let policy = self.read_policy(item, function).await.map_err(of(Component::Permission))?;
        if !policy.is_some_and(|policy| policy.statements.contains_key(id)) {
            return Ok(());
        }
        let owner = &self.options.owner;
        if *id == rules_statement_id(owner) {
            let own = item.declared.key.rule_name(owner, item.declared.kind);
            let rules = self.aws(item).eventbridge(&function.region);
            let rules = rules.rules_with_target(&permission.function_arn, &owner.prefix()).await;
            if rules.map_err(of(Component::Rule))?.iter().any(|name| *name != own) {
                planned.notes.push(format!("permission {id} stays: other rules of this operator need it"));
                return Ok(());
            }
        }
        let words = format!("in the policy of {}", function.short());
        planned.changes.push(removed(Part::Permission, id, &function.region, &words));
        Ok(())
    }
}
