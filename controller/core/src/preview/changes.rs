//! The changes of the plans of [`crate::plan`].

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{FieldChange, Secrets, differences};
use super::{ChangeAction, Part, PlannedChange};
use crate::api::Tags;
use crate::plan::function::{EventInvokeConfig, FunctionStep, ObservedFunction};
use crate::plan::permission::{PermissionPlan, PermissionStep, Statement};
use crate::plan::rule::{DesiredRule, ObservedRule, RulePlan, RuleStep};
use crate::plan::schedule::{DesiredSchedule, GroupPlan, ObservedSchedule, SchedulePlan, ScheduleStep};

/// The changes of a rule with its tags and its target. `words` describes the schedule.
pub fn rule_changes(
    plan: &RulePlan,
    desired: &DesiredRule,
    observed: Option<&ObservedRule>,
    (region, words): (&str, &str),
    secrets: Secrets,
) -> Vec<PlannedChange> {
    let change = |part, action, id: &str, words: &str, fields| PlannedChange {
        part,
        action,
        id: id.into(),
        region: region.into(),
        words: words.into(),
        fields,
    };
    let made = if plan.creates { ChangeAction::Create } else { ChangeAction::Update };
    let rule = |action, fields| change(Part::Rule, action, &desired.name, words, fields);
    let tags = |fields| change(Part::Tags, ChangeAction::Update, &desired.name, "tags of the rule", fields);
    let current = |key: &String| observed.and_then(|observed| observed.tags.get(key));
    plan.steps
        .iter()
        .map(|step| match step {
            RuleStep::Put(settings, _) => {
                rule(made, differences(observed.map(|observed| &observed.settings), settings, secrets))
            }
            RuleStep::Tag(new) => tags(set_tags(new, current, secrets)),
            RuleStep::Untag(keys) => {
                tags(keys.iter().map(|key| tag(key, current(key), None, secrets)).collect())
            }
            RuleStep::PutTarget(target) => {
                let old =
                    observed.and_then(|observed| observed.targets.iter().find(|(id, _)| *id == target.id));
                let action = if old.is_some() { ChangeAction::Update } else { ChangeAction::Create };
                let old = old.and_then(|(_, target)| target.as_ref());
                let words = function_of(&target.arn);
                change(Part::Target, action, &target.id, words, differences(old, target, secrets))
            }
            RuleStep::RemoveTargets(_) | RuleStep::Delete => rule(ChangeAction::Delete, vec![]),
        })
        .collect()
}

/// The change of a schedule. `words` describes the schedule.
pub fn schedule_change(
    plan: &SchedulePlan,
    desired: &DesiredSchedule,
    observed: Option<&ObservedSchedule>,
    (region, words): (&str, &str),
    secrets: Secrets,
) -> Option<PlannedChange> {
    let old = observed.map(|observed| &observed.settings);
    let (action, fields) = match plan.step.as_ref()? {
        ScheduleStep::Create(body) => (ChangeAction::Create, differences(None, &body.settings, secrets)),
        ScheduleStep::Update(body) => {
            let mut fields = differences(old, &body.settings, secrets);
            let starts = (observed.and_then(|observed| observed.start), body.start);
            fields.extend(start_change(starts, desired.schedule.start, fields.is_empty(), secrets));
            (ChangeAction::Update, fields)
        }
        ScheduleStep::Delete => (ChangeAction::Delete, vec![]),
    };
    Some(PlannedChange {
        part: Part::Schedule,
        action,
        id: desired.key.to_string(),
        region: region.into(),
        words: words.into(),
        fields,
    })
}

/// The change of the StartDate, from the observed to the sent StartDate. Only a StartDate of the spec is shown: the time of
/// the write decides about any other StartDate, and the same manifests give the same text.
pub(super) fn start_change(
    (old, sent): (Option<Timestamp>, Option<Timestamp>),
    spec: Option<Timestamp>,
    is_only_change: bool,
    secrets: Secrets,
) -> Option<FieldChange> {
    let text = |time: Option<Timestamp>| time.map(|time| Value::from(time.to_string()));
    let second = |time: Option<Timestamp>| time.map(Timestamp::as_second);
    let after = match second(sent) == second(spec) {
        true if old != sent => text(sent),
        false if is_only_change => Some("(set at the write)".into()),
        _ => return None,
    };
    Some(FieldChange::new("start", text(old), after, secrets))
}

/// The change of the group of all schedules.
pub fn group_change(plan: &GroupPlan, group: &str, region: &str) -> Option<PlannedChange> {
    let (action, words) = match plan {
        GroupPlan::Ours => return None,
        GroupPlan::Create(_) => (ChangeAction::Create, "the group of all schedules of this operator"),
        GroupPlan::TakeOver { .. } => (ChangeAction::TakeOver, "from another cluster with this owner id"),
    };
    let (id, region, words) = (group.into(), region.into(), words.into());
    Some(PlannedChange { part: Part::ScheduleGroup, action, id, region, words, fields: vec![] })
}

/// The change of the statement in the policy of `function`.
pub fn permission_change(
    plan: &PermissionPlan,
    statement: &Statement,
    function: &str,
    region: &str,
) -> Option<PlannedChange> {
    let PermissionPlan::Write(steps, _) = plan else { return None };
    let replaces = steps.iter().any(|step| matches!(step, PermissionStep::Remove(_)));
    Some(PlannedChange {
        part: Part::Permission,
        action: if replaces { ChangeAction::Update } else { ChangeAction::Create },
        id: statement.id.clone(),
        region: region.into(),
        words: format!("{} may invoke {function}", statement.source()),
        fields: vec![],
    })
}

/// The changes of a function. The steps of a function are one change, and the tags are another change.
pub fn function_changes(
    steps: &[FunctionStep],
    observed: (Option<&ObservedFunction>, Option<&EventInvokeConfig>),
    name: &str,
    region: &str,
    secrets: Secrets,
) -> Vec<PlannedChange> {
    let (observed, invoke) = observed;
    let (mut fields, mut tags, mut action) = (vec![], vec![], ChangeAction::Update);
    let current = |key: &String| observed.and_then(|observed| observed.tags.get(key));
    let concurrency = observed.and_then(|observed| observed.reserved_concurrency).map(Value::from);
    for step in steps {
        match step {
            FunctionStep::Create(desired) => {
                action = ChangeAction::Create;
                fields.extend(differences(None, &desired.configuration, secrets));
            }
            FunctionStep::UpdateCode(..) => fields.push(FieldChange::new("code", None, None, secrets)),
            FunctionStep::UpdateConfiguration(new) => {
                fields.extend(differences(observed.map(|observed| &observed.configuration), &**new, secrets));
            }
            FunctionStep::Tag(new) => tags.extend(set_tags(new, current, secrets)),
            FunctionStep::Untag(keys) => {
                tags.extend(keys.iter().map(|key| tag(key, current(key), None, secrets)));
            }
            FunctionStep::PutConcurrency(runs) => {
                let after = Some(Value::from(*runs));
                fields.push(FieldChange::new("reservedConcurrency", concurrency.clone(), after, secrets));
            }
            FunctionStep::DeleteConcurrency => {
                fields.push(FieldChange::new("reservedConcurrency", concurrency.clone(), None, secrets));
            }
            FunctionStep::PutEventInvokeConfig(new) => fields.extend(differences(invoke, new, secrets)),
            FunctionStep::DeleteEventInvokeConfig => {
                fields.extend(differences(invoke, &EventInvokeConfig::default(), secrets));
            }
            FunctionStep::Delete => action = ChangeAction::Delete,
        }
    }
    let change = |part, action, words: &str, fields| PlannedChange {
        part,
        action,
        id: name.into(),
        region: region.into(),
        words: words.into(),
        fields,
    };
    let is_changed = !fields.is_empty() || action != ChangeAction::Update;
    let function = is_changed.then(|| change(Part::Function, action, "", fields));
    let tags =
        (!tags.is_empty()).then(|| change(Part::Tags, ChangeAction::Update, "tags of the function", tags));
    function.into_iter().chain(tags).collect()
}

/// A part that the resource no longer needs.
pub fn removed(part: Part, id: &str, region: &str, words: &str) -> PlannedChange {
    let (id, region, words) = (id.into(), region.into(), words.into());
    PlannedChange { part, action: ChangeAction::Delete, id, region, words, fields: vec![] }
}

fn set_tags<'a>(
    new: &Tags,
    current: impl Fn(&String) -> Option<&'a String>,
    secrets: Secrets,
) -> Vec<FieldChange> {
    new.iter().map(|(key, value)| tag(key, current(key), Some(value), secrets)).collect()
}

fn tag(key: &str, before: Option<&String>, after: Option<&String>, secrets: Secrets) -> FieldChange {
    let value = |text: Option<&String>| text.map(|text| Value::from(text.as_str()));
    FieldChange::new(format!("tags[{key}]"), value(before), value(after), secrets)
}

/// Name and qualifier in the ARN of a function.
fn function_of(arn: &str) -> &str {
    arn.split_once(":function:").map_or(arn, |(_, name)| name)
}
