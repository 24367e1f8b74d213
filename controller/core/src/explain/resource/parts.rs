//! The parts of a resource in AWS, compared with its spec.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Names, Observed, ObservedTrigger, Part, PartKind, PartState, Read, Subject, TriggerName, problem,
};
use crate::api::{PermissionPolicy, RetryPolicy};
use crate::arn::FunctionArn;
use crate::ownership::{OwnerId, target_id};
use crate::plan::bucket::{Bucket, Document, Entry};
use crate::plan::intent::ValidSpec;
use crate::plan::permission::{Policy, Statement};
use crate::plan::rule::{ObservedRule, Target};
use crate::plan::schedule::{ObservedSchedule, ScheduleKey};
use crate::status::Component;

/// The parts of a resource.
pub fn parts(subject: &Subject, names: &Names, observed: &Observed, now: Timestamp) -> Vec<Part> {
    let mut parts = vec![function(names, &observed.function)];
    let exists = matches!(observed.function, Ok(Some(_)));
    if let Some(statement) = names.statement.as_ref().filter(|_| exists) {
        parts.push(permission(subject, names, statement, observed));
    }
    parts.push(match (&names.trigger, &observed.trigger) {
        (TriggerName::Rule(name), ObservedTrigger::Rule { rule, .. }) => {
            rule_part(subject, names, name, rule)
        }
        (TriggerName::Schedule(key), ObservedTrigger::Schedule(schedule)) => {
            schedule_part(subject, names, key, schedule, now)
        }
        (TriggerName::Entries(bucket, entries), ObservedTrigger::Entries(document)) => {
            bucket_part(bucket, entries, document)
        }
        (TriggerName::Rule(name), _) => part(PartKind::Rule, name).unread(NOT_OBSERVED),
        (TriggerName::Schedule(key), _) => part(PartKind::Schedule, &key.to_string()).unread(NOT_OBSERVED),
        (TriggerName::Entries(bucket, _), _) => part(PartKind::Bucket, &bucket.name).unread(NOT_OBSERVED),
    });
    for part in &mut parts {
        part.condition = problem(&subject.status, component(part.part));
    }
    parts
}

const NOT_OBSERVED: &str = "it was not looked at";

fn component(part: PartKind) -> Component {
    match part {
        PartKind::Function => Component::Function,
        PartKind::Permission => Component::Permission,
        PartKind::Rule | PartKind::Target => Component::Rule,
        PartKind::Schedule => Component::Schedule,
        PartKind::Bucket | PartKind::Entry => Component::Notification,
    }
}

/// A part in place, without facts.
pub(super) fn part(part: PartKind, name: &str) -> Part {
    Part { part, name: name.into(), state: PartState::InPlace, facts: vec![], condition: None, parts: vec![] }
}

impl Part {
    pub(super) fn with(mut self, state: PartState, fact: impl Into<String>) -> Self {
        // The worst state of all facts counts.
        if self.state == PartState::InPlace {
            self.state = state;
        }
        self.facts.push(fact.into());
        self
    }

    fn fact(self, fact: impl Into<String>) -> Self {
        self.with(PartState::InPlace, fact)
    }

    fn missing(self) -> Self {
        self.with(PartState::Missing, "does not exist")
    }

    pub(super) fn unread(self, why: &str) -> Self {
        self.with(PartState::Unread, format!("not read: {why}"))
    }
}

fn function(names: &Names, read: &Read<Option<Option<String>>>) -> Part {
    let part = part(PartKind::Function, &names.function.short());
    match read {
        Err(why) => part.unread(why),
        Ok(None) => part.with(PartState::Missing, format!("does not exist in {}", names.function.region)),
        Ok(Some(Some(why))) => part.with(PartState::Wrong, format!("cannot be invoked: {why}")),
        Ok(Some(None)) => part.fact("exists"),
    }
}

fn permission(subject: &Subject, names: &Names, statement: &Statement, observed: &Observed) -> Part {
    let part = part(PartKind::Permission, &statement.id);
    let policy = match &observed.policy {
        Err(why) => return part.unread(why),
        Ok(policy) => policy,
    };
    let source = statement.source();
    let users = match &observed.trigger {
        ObservedTrigger::Entries(Ok(document)) => {
            Some(count(sharing_entries(document, &subject.owner, names), "resource needs", "resources need"))
        }
        ObservedTrigger::Rule { sharing: Ok(sharing), .. } => {
            Some(count(sharing.len(), "rule needs", "rules need"))
        }
        _ => None,
    };
    let part = match state(policy, statement, subject.spec.function().permission) {
        Permission::Own => part.fact(format!("lets {source} invoke the function")),
        Permission::Others(sid) => {
            part.fact(format!("the statement {sid} of others lets {source} invoke the function"))
        }
        Permission::Unsure => part.with(
            PartState::Wrong,
            format!("the policy has no statement that surely lets {source} invoke the function"),
        ),
        Permission::Missing => {
            part.with(PartState::Missing, format!("missing, so {source} may not invoke the function"))
        }
    };
    match users {
        Some(users) => part.fact(format!("{users} it")),
        None => part,
    }
}

/// A number with its noun, in the singular for one.
pub(super) fn count(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// The permission of a trigger.
enum Permission {
    /// The operator's statement is in place.
    Own,
    /// The statement of others with this Sid permits the invocation.
    Others(String),
    /// Another tool manages the policy, and no statement surely permits the invocation.
    Unsure,
    /// Nothing permits the invocation.
    Missing,
}

fn state(policy: &Policy, statement: &Statement, managed_by: PermissionPolicy) -> Permission {
    let is_own = policy.statements.get(&statement.id).is_some_and(|found| found.as_ref() == Some(statement));
    match policy.permitted_by(statement) {
        _ if is_own => Permission::Own,
        Some(sid) => Permission::Others(sid.to_owned()),
        None if managed_by == PermissionPolicy::External => Permission::Unsure,
        None => Permission::Missing,
    }
}

/// The number of resources with entries for the same function in the bucket.
fn sharing_entries(document: &Document, owner: &OwnerId, names: &Names) -> usize {
    let function = names.function.to_string();
    let own =
        document.entries().filter(|entry| entry.arn == function).filter_map(|entry| entry.own_id(owner));
    own.map(|id| id.base_name).collect::<BTreeSet<_>>().len()
}

fn rule_part(subject: &Subject, names: &Names, name: &str, read: &Read<Option<ObservedRule>>) -> Part {
    let part = part(PartKind::Rule, name);
    let rule = match read {
        Err(why) => return part.unread(why),
        Ok(None) => return part.missing(),
        Ok(Some(rule)) => rule,
    };
    let part = enabled(part, subject, rule.settings.enabled);
    let mut part = expression(part, subject, &rule.settings.expression);
    let own = target_id(&subject.owner);
    match rule.targets.iter().find(|(id, _)| *id == own) {
        None => part.parts.push(self::part(PartKind::Target, &own).missing()),
        Some((_, None)) => part.parts.push(
            self::part(PartKind::Target, &own)
                .with(PartState::Wrong, "has settings that the operator never sets"),
        ),
        Some((_, Some(Target { arn, input, retry_policy, dead_letter_queue_arn, .. }))) => {
            let part_of_target = target(&own, arn, names, input.is_some());
            part.parts.push(deliveries(
                part_of_target,
                retry_policy.as_ref(),
                dead_letter_queue_arn.as_deref(),
            ));
        }
    }
    match rule.targets.iter().filter(|(id, _)| *id != own).count() {
        0 => part,
        others => part.fact(count(others, "target is of others", "targets are of others")),
    }
}

fn schedule_part(
    subject: &Subject,
    names: &Names,
    key: &ScheduleKey,
    read: &Read<Option<ObservedSchedule>>,
    now: Timestamp,
) -> Part {
    let part = part(PartKind::Schedule, &key.to_string());
    let is_over = matches!(&subject.spec, ValidSpec::Scheduled(valid) if valid.schedule.is_over(now));
    let settings = match read {
        Err(why) => return part.unread(why),
        Ok(None) if is_over => return part.fact("no longer exists, because no run is left"),
        Ok(None) => return part.missing(),
        Ok(Some(schedule)) => &schedule.settings,
    };
    let part = enabled(part, subject, settings.enabled);
    let mut part = expression(part, subject, &settings.expression).fact(format!("in {}", settings.time_zone));
    if let Some(minutes) = settings.window_minutes {
        part = part.fact(format!("within {minutes} minutes"));
    }
    if let Some(end) = settings.end {
        part = part.fact(format!("until {end}"));
    }
    let to = &settings.target;
    let role = to.role_arn.rsplit('/').next().unwrap_or_default();
    let target =
        target(&names.function.short(), &to.arn, names, to.input.is_some()).fact(format!("by role {role}"));
    part.parts.push(deliveries(target, Some(&to.retry_policy), to.dead_letter_queue_arn.as_deref()));
    part
}

/// Adds the state of the trigger, which `spec.suspend` decides about.
fn enabled(part: Part, subject: &Subject, is_enabled: bool) -> Part {
    match (is_enabled, subject.spec.is_suspended()) {
        (true, false) => part.fact("enabled"),
        (false, true) => part.fact("disabled, as spec.suspend says"),
        (true, true) => part.with(PartState::Wrong, "enabled, and spec.suspend is true"),
        (false, false) => part.with(PartState::Wrong, "disabled, and spec.suspend is false"),
    }
}

fn expression(part: Part, subject: &Subject, found: &str) -> Part {
    let wanted = match &subject.spec {
        ValidSpec::Scheduled(valid) => valid.schedule.expression.to_string(),
        ValidSpec::S3(_) => return part,
    };
    if wanted == found {
        part.fact(found)
    } else {
        part.with(PartState::Wrong, format!("{found}, and the spec says {wanted}"))
    }
}

fn target(name: &str, arn: &str, names: &Names, has_input: bool) -> Part {
    let part = part(PartKind::Target, name);
    let found = FunctionArn::parse(arn).map_or_else(|| arn.to_owned(), |arn| arn.short());
    let part = if arn == names.function.to_string() {
        part.fact(format!("invokes {found}"))
    } else {
        part.with(PartState::Wrong, format!("invokes {found}, and the spec says {}", names.function.short()))
    };
    part.fact(if has_input { "input is set" } else { "no input" })
}

/// Adds the retries and the queue of a target. AWS's defaults are 185 retries and 24 hours.
fn deliveries(part: Part, retry: Option<&RetryPolicy>, queue: Option<&str>) -> Part {
    let attempts = retry.and_then(|retry| retry.maximum_retry_attempts).unwrap_or(185);
    let seconds = retry.and_then(|retry| retry.maximum_event_age_seconds).unwrap_or(86_400);
    let age = if seconds % 3600 == 0 { format!("{} h", seconds / 3600) } else { format!("{seconds} s") };
    let queue = queue.map(|arn| format!("dead-letter queue {}", arn.rsplit(':').next().unwrap_or_default()));
    part.fact(format!("up to {attempts} retries in {age}"))
        .fact(queue.unwrap_or_else(|| "no dead-letter queue".into()))
}

fn bucket_part(bucket: &Bucket, entries: &[Entry], read: &Read<Document>) -> Part {
    let part = part(PartKind::Bucket, &bucket.name);
    let document = match read {
        Err(why) => return part.unread(why),
        Ok(document) => document,
    };
    let total = count(document.entries().count(), "entry", "entries");
    let mut part = part.fact(format!("{total} in all"));
    if entries.is_empty() {
        return part.fact("no entry, as spec.suspend says");
    }
    part.parts = entries.iter().map(|entry| entry_part(entry, document)).collect();
    part
}

fn entry_part(wanted: &Entry, document: &Document) -> Part {
    let id = wanted.id.as_deref().unwrap_or_default();
    let events: Vec<&str> = wanted.events.iter().map(String::as_str).collect();
    let part = part(PartKind::Entry, id).fact(wanted.filter.describe()).fact(events.join(", "));
    match document.entries().find(|entry| entry.id == wanted.id) {
        None => part.missing(),
        Some(found) if found == wanted => part,
        Some(found) => part.with(PartState::Wrong, format!("the bucket has {}", found.describe())),
    }
}
