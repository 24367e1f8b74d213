//! The resources in AWS that no manifest needs any more.

use lambda_triggers_core::api::Applied;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{TAG_UID, rules_statement_id};
use lambda_triggers_core::plan::function::{plan_function_release, plan_function_removal};
use lambda_triggers_core::plan::rule::plan_removal;
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_core::preview::{Part, Problem, function_changes, removed};
use lambda_triggers_core::status::{Component, Failure, Reason};

use super::declared::Declared;
use super::observer::{Observer, Planned, of};

impl Observer<'_> {
    /// Adds the removal of `planned.obsolete`. `others` contains what the other manifests need.
    pub async fn plan_removal(
        &self,
        declared: &Declared,
        planned: &mut Planned,
        others: &[&Applied],
    ) -> Result<(), Failure> {
        let mut obsolete = std::mem::take(&mut planned.obsolete);
        let mut deleted: Vec<FunctionArn> = vec![];
        for rule in &obsolete.rules {
            let observed = self.read_rule(&rule.region, &rule.name).await.map_err(of(Component::Rule))?;
            let tags = observed.as_ref().map(|rule| &rule.tags);
            let uid = tags.and_then(|tags| tags.get(TAG_UID)).cloned().unwrap_or_default();
            let set_before = rule.tag_keys.iter().cloned().collect();
            match plan_removal(observed.as_ref(), &set_before, &self.owner(tags), &declared.origin(uid)) {
                Ok(steps) if steps.is_empty() => {}
                Ok(_) => planned.changes.push(removed(Part::Rule, &rule.name, &rule.region, "")),
                Err(unmarked) => planned.problems.push(Problem::from_failure(&Failure::new(
                    Component::Rule,
                    Reason::ConflictingRule,
                    format!("the rule {} in {} is not deleted: {unmarked}", rule.name, rule.region),
                ))),
            }
        }
        for schedule in &obsolete.schedules {
            let key = ScheduleKey::from(schedule);
            let read = self.aws.scheduler(&schedule.region).schedule(&key).await;
            if read.map_err(of(Component::Schedule))?.is_some() {
                planned.changes.push(removed(Part::Schedule, &key.to_string(), &schedule.region, ""));
            }
        }
        for function in &obsolete.functions {
            let lambda = self.aws.lambda(&function.region);
            let observed = lambda.deployed(&function.name).await.map_err(of(Component::Function))?;
            let tags = observed.as_ref().map(|function| &function.tags);
            let uid = tags.and_then(|tags| tags.get(TAG_UID)).cloned().unwrap_or_default();
            let set_before = function.tag_keys.iter().cloned().collect();
            let (owner, origin) = (self.owner(tags), declared.origin(uid));
            let known = observed.as_ref().map(|function| function.code_sha256.as_str());
            let is_needed =
                others.iter().any(|other| other.functions.iter().any(|one| one.name == function.name));
            let is_left = |arn: &FunctionArn| {
                declared.function().definition.is_none()
                    && declared.function_arn(&self.options.owner, self.account).with_qualifier(None) == *arn
            };
            if is_needed {
                continue;
            }
            // A named function that the resource defined before stays, without the tags of the operator.
            if let Some(observed) = observed.as_ref().filter(|observed| is_left(&observed.arn)) {
                let steps = plan_function_release(observed, &owner, &origin);
                let now = (Some(observed), None);
                let FunctionArn { name, region, .. } = &observed.arn;
                planned.changes.extend(function_changes(&steps, now, name, region, self.options.secrets));
                continue;
            }
            match plan_function_removal(observed.as_ref(), &set_before, true, known, &owner, &origin) {
                Ok(steps) if steps.is_empty() => {}
                Ok(_) => {
                    planned.changes.push(removed(Part::Function, &function.name, &function.region, ""));
                    deleted.extend(observed.map(|observed| observed.arn));
                }
                Err(unmarked) => planned.problems.push(Problem::from_failure(&Failure::new(
                    Component::Function,
                    Reason::ConflictingFunction,
                    format!(
                        "the function {} in {} is not deleted: {unmarked}",
                        function.name, function.region
                    ),
                ))),
            }
        }
        // The policy of a function goes with the function.
        let is_gone = |arn: &str| {
            FunctionArn::parse(arn).is_some_and(|arn| deleted.contains(&arn.with_qualifier(None)))
        };
        obsolete.permissions.retain(|permission| !is_gone(&permission.function_arn));
        self.plan_permissions(declared, planned, &obsolete, others).await
    }

    async fn plan_permissions(
        &self,
        declared: &Declared,
        planned: &mut Planned,
        obsolete: &Applied,
        others: &[&Applied],
    ) -> Result<(), Failure> {
        for permission in &obsolete.permissions {
            let id = &permission.statement_id;
            let users = others.iter().filter(|other| other.permissions.contains(permission)).count();
            if users > 0 {
                let resources = if users == 1 { "resource needs" } else { "resources need" };
                planned.notes.push(format!("permission {id} stays: {users} {resources} it"));
                continue;
            }
            let Some(function) = FunctionArn::parse(&permission.function_arn) else { continue };
            let policy = self.read_policy(&function).await.map_err(of(Component::Permission))?;
            if !policy.is_some_and(|policy| policy.statements.contains_key(id)) {
                continue;
            }
            let prefix = self.options.owner.prefix();
            let own = declared.key.rule_name(&self.options.owner, declared.kind);
            if *id == rules_statement_id(&self.options.owner) {
                let rules = self.aws.eventbridge(&function.region);
                let rules = rules.rules_with_target(&permission.function_arn, &prefix).await;
                let others = rules.map_err(of(Component::Rule))?.iter().filter(|name| **name != own).count();
                if others > 0 {
                    planned
                        .notes
                        .push(format!("permission {id} stays: other rules of this operator need it"));
                    continue;
                }
            }
            let words = format!("in the policy of {}", function.short());
            planned.changes.push(removed(Part::Permission, id, &function.region, &words));
        }
        Ok(())
    }
}
