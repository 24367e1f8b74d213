//! Changes of AWS as text. A preview has changes, and two states of AWS differ by changes.

use std::collections::{BTreeMap, BTreeSet};

use lambda_triggers_core::plan::bucket::{Destination, Document, Entry};
use lambda_triggers_core::plan::schedule::ScheduleKey;
use lambda_triggers_core::preview::{ChangeAction, EntryAction, FieldChange, Part, PlannedChange, Preview};
use serde::Serialize;
use serde_json::Value;

use crate::sim::aws::{FunctionSnapshot, RuleSnapshot, Snapshot};
use crate::sim::run::{Sim, owner};

/// AWS, with the settings that a preview shows.
pub struct Observed {
    aws: Snapshot,
    /// The settings of each schedule, by ARN.
    schedules: BTreeMap<String, Value>,
}

impl Observed {
    pub async fn new(sim: &Sim) -> Self {
        let aws = sim.aws.snapshot();
        let mut schedules = BTreeMap::new();
        for arn in aws.schedules.keys() {
            let [region, path] = [3, 5].map(|field| arn.split(':').nth(field).unwrap_or_default());
            let names: Vec<&str> = path.split('/').skip(1).collect();
            let [group, name] = [0, 1].map(|at| names.get(at).copied().unwrap_or_default().to_owned());
            let read = sim.aws.outside().scheduler(region).schedule(&ScheduleKey { group, name }).await;
            let found = read.unwrap_or_else(|error| panic!("{error:?}"));
            schedules
                .insert(arn.clone(), found.map(|dated| value(&dated.schedule.settings)).unwrap_or_default());
        }
        Self { aws, schedules }
    }
}

/// The changes of a preview.
pub fn planned(preview: &Preview) -> BTreeSet<String> {
    let changes = preview.resources.iter().flat_map(|resource| &resource.changes);
    let mut facts: BTreeSet<String> =
        changes.filter(|change| change.part != Part::Entry).flat_map(facts_of).collect();
    for bucket in &preview.buckets {
        for entry in &bucket.entries {
            let action = match entry.action {
                EntryAction::None => continue,
                EntryAction::Create => ChangeAction::Create,
                EntryAction::Update => ChangeAction::Update,
                EntryAction::Delete => ChangeAction::Delete,
                EntryAction::TakeOver => ChangeAction::TakeOver,
            };
            let id = entry.id.clone().unwrap_or_default();
            let content = format!("{} {:?} {}", entry.arn, entry.events, entry.keys);
            facts.insert(fact(Part::Entry, action, "", &format!("{} {id}", bucket.name), &content));
        }
    }
    facts
}

fn facts_of(change: &PlannedChange) -> Vec<String> {
    let PlannedChange { part, action, id, region, words, fields } = change;
    if *part == Part::Permission {
        return vec![fact(*part, *action, region, id, words.rsplit(' ').next().unwrap_or_default())];
    }
    // The start of a rate is the time of the write.
    let fields = fields.iter().filter(|field| field.path != "start" && *part != Part::Target);
    let fields: Vec<String> = fields.map(shown).collect();
    let all = whole(*part).chain(fields);
    all.map(|content| fact(*part, *action, region, id, &content)).collect()
}

/// The changes between two states of AWS.
pub fn done(before: &Observed, after: &Observed) -> BTreeSet<String> {
    let (old, new) = (&before.aws, &after.aws);
    [
        rules(old, new),
        schedules(before, after),
        permissions(old, new),
        functions(old, new),
        notifications(old, new),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn rules(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let mut facts = vec![];
    for (arn, action) in changed(&old.rules, &new.rules) {
        let name = arn.rsplit('/').next().unwrap_or_default();
        let [one, other] = [old, new].map(|aws| aws.rules.get(arn));
        let settings = |rule: Option<&RuleSnapshot>| rule.map(|rule| value(&rule.settings));
        facts.extend(change(Part::Rule, action, arn, name, differences(settings(one), settings(other))));
        if action == ChangeAction::Delete {
            continue;
        }
        let targets = |rule: Option<&RuleSnapshot>| rule.map(|rule| rule.targets.clone()).unwrap_or_default();
        for (id, action) in changed(&targets(one), &targets(other)) {
            facts.push(fact(Part::Target, action, region_of(arn), id, ""));
        }
        if action == ChangeAction::Update {
            let of = |rule: Option<&RuleSnapshot>| rule.map(|rule| value(&rule.tags));
            facts.extend(change(Part::Tags, action, arn, name, tags(of(one), of(other))));
        }
    }
    facts
}

fn schedules(before: &Observed, after: &Observed) -> Vec<String> {
    let mut facts = vec![];
    for (arn, action) in changed(&before.aws.schedules, &after.aws.schedules) {
        let path = arn.split_once(":schedule/").unwrap_or_default().1;
        let [one, other] = [before, after].map(|aws| aws.schedules.get(arn).cloned());
        facts.push(fact(Part::Schedule, action, region_of(arn), path, ""));
        facts.extend(change(Part::Schedule, action, arn, path, differences(one, other)));
    }
    for (arn, action) in changed(&before.aws.schedule_groups, &after.aws.schedule_groups) {
        let action = if action == ChangeAction::Update { ChangeAction::TakeOver } else { action };
        facts.push(fact(
            Part::ScheduleGroup,
            action,
            region_of(arn),
            arn.rsplit('/').next().unwrap_or_default(),
            "",
        ));
    }
    facts
}

/// The statements of functions that still exist. The policy of a function goes with the function.
fn permissions(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let (none, mut facts) = (BTreeMap::new(), vec![]);
    let arns: BTreeSet<&String> = old.policies.keys().chain(new.policies.keys()).collect();
    let has = |aws: &Snapshot, arn: &str| {
        let function = arn.splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
        aws.functions.contains_key(&function)
    };
    for arn in arns.into_iter().filter(|arn| !has(old, arn) || has(new, arn)) {
        let [one, other] = [old, new].map(|aws| aws.policies.get(arn).unwrap_or(&none));
        let short = arn.split_once(":function:").unwrap_or_default().1;
        for (sid, action) in changed(one, other) {
            facts.push(fact(Part::Permission, action, region_of(arn), sid, short));
        }
    }
    facts
}

fn functions(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let mut facts = vec![];
    for (arn, action) in changed(&old.functions, &new.functions) {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let [one, other] = [old, new].map(|aws| aws.functions.get(arn));
        let mut contents = differences(one.map(settings), other.map(settings));
        // The code of a new function is no change.
        contents.retain(|content| content != "code" || action == ChangeAction::Update);
        facts.extend(change(Part::Function, action, arn, name, contents));
        if action == ChangeAction::Update {
            let of = |function: Option<&FunctionSnapshot>| function.map(|function| value(&function.tags));
            facts.extend(change(Part::Tags, action, arn, name, tags(of(one), of(other))));
        }
    }
    facts
}

/// The changed entries of functions. The operator removes a foreign entry only to take it over.
fn notifications(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let mut facts = vec![];
    for name in new.buckets.keys() {
        let of = |aws: &Snapshot| aws.buckets.get(name).map(|document| entries(document)).unwrap_or_default();
        let (one, other) = (of(old), of(new));
        for (id, action) in changed(&one, &other) {
            let action = match action {
                ChangeAction::Delete if !id.starts_with(&owner().prefix()) => ChangeAction::TakeOver,
                action => action,
            };
            let Some(entry) = other.get(id).or_else(|| one.get(id)) else { continue };
            let content = format!("{} {:?} {}", entry.arn, entry.events, entry.filter.describe());
            facts.push(fact(Part::Entry, action, "", &format!("{name} {id}"), &content));
        }
    }
    facts
}

/// The facts of a part: the part itself, and its changed settings. An update without a changed setting is no fact.
fn change(part: Part, action: ChangeAction, arn: &str, id: &str, contents: Vec<String>) -> Vec<String> {
    if contents.is_empty() && action == ChangeAction::Update {
        return vec![];
    }
    let contents = if action == ChangeAction::Delete { vec![] } else { contents };
    let all = whole(part).chain(contents);
    all.map(|content| fact(part, action, region_of(arn), id, &content)).collect()
}

/// The content of the fact for the part itself. Tags are facts one by one.
fn whole(part: Part) -> impl Iterator<Item = String> {
    (part != Part::Tags).then(String::new).into_iter()
}

fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

fn fact(part: Part, action: ChangeAction, region: &str, id: &str, content: &str) -> String {
    format!("{part:?} {action:?} {region} {id} {content}")
}

/// The keys whose values differ.
fn changed<'a, V: PartialEq>(
    old: &'a BTreeMap<String, V>,
    new: &'a BTreeMap<String, V>,
) -> Vec<(&'a String, ChangeAction)> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let action = |key: &'a String| match (old.get(key), new.get(key)) {
        (Some(one), Some(other)) => (one != other).then_some((key, ChangeAction::Update)),
        (None, Some(_)) => Some((key, ChangeAction::Create)),
        _ => Some((key, ChangeAction::Delete)),
    };
    keys.into_iter().filter_map(action).collect()
}

/// The settings of a function under the names that a preview uses.
fn settings(function: &FunctionSnapshot) -> Value {
    let mut all = value(&function.configuration);
    all["code"] = function.code_sha256.clone().into();
    all["reservedConcurrency"] = function.reserved_concurrency.into();
    let invoke = function.event_invoke_config.as_ref().map(value);
    for (name, value) in invoke.as_ref().and_then(Value::as_object).into_iter().flatten() {
        all[name] = value.clone();
    }
    all
}

fn entries(document: &str) -> BTreeMap<String, Entry> {
    let document = Document::parse(document).unwrap_or_else(|error| panic!("{error}"));
    document
        .entries()
        .map(|entry| (entry.id.clone().unwrap_or_default(), entry.clone()))
        .filter(|(_, entry)| entry.destination == Destination::Function)
        .collect()
}

fn value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn tags(before: Option<Value>, after: Option<Value>) -> Vec<String> {
    let (old, new) = (leaves(before), leaves(after));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let field = |key: &&String| line(&format!("tags[{key}]"), old.get(*key), new.get(*key));
    keys.iter().filter(|key| old.get(**key) != new.get(**key)).map(field).collect()
}

/// The settings that differ.
fn differences(before: Option<Value>, after: Option<Value>) -> Vec<String> {
    let (old, new) = (leaves(before), leaves(after));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = paths.into_iter().filter(|path| old.get(*path) != new.get(*path));
    changed.map(|path| line(path, old.get(path), new.get(path))).collect()
}

fn shown(field: &FieldChange) -> String {
    line(&field.path, field.before.as_ref(), field.after.as_ref())
}

/// The code is opaque in a preview.
fn line(path: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    let text = |value: Option<&Value>| value.map(ToString::to_string).unwrap_or_default();
    match path {
        "code" => "code".to_owned(),
        _ => format!("{path}: {} -> {}", text(before), text(after)),
    }
}

/// The leaves of a value by path. Empty values are absent.
fn leaves(value: Option<Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), value.unwrap_or_default())];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(fields) => {
                open.extend(fields.into_iter().map(|(name, value)| {
                    (if path.is_empty() { name } else { format!("{path}.{name}") }, value)
                }))
            }
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            leaf => {
                found.insert(path, leaf);
            }
        }
    }
    found
}
