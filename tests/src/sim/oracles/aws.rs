//! Checks of the state of AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use lambda_triggers_core::api::{
    AppliedNotification, AppliedPermission, S3TriggeredFunctionSpec, ScheduledFunctionSpec, Tags,
    TriggerStatus,
};
use lambda_triggers_core::ownership::{ObjectKey, OwnEntryId, TAG_OWNER, TAG_UID};
use lambda_triggers_core::plan::bucket::{Document, Entry};
use serde::Deserialize;
use serde_json::Value;

use super::schedules::{is_own_group, missing_schedules, schedules_of};
use crate::sim::aws::{ACCOUNT, Applied, Effect, Snapshot, Writer};
use crate::sim::kube::{Change, Event};
use crate::sim::run::owner;

/// The creations and deletions of the operator, in an order that does not depend on time.
pub fn effects(journal: &[Applied]) -> Vec<Applied> {
    let counts = |applied: &&Applied| applied.by == Writer::Operator && applied.effect != Effect::Changed;
    let mut effects: Vec<Applied> = journal.iter().filter(counts).cloned().collect();
    effects.sort_by_key(|applied| format!("{applied:?}"));
    effects
}

/// A snapshot with names in place of UIDs. UIDs depend on the number of created objects, so UIDs differ between runs.
pub fn with_names(mut aws: Snapshot, journal: &[Change]) -> Snapshot {
    let mut names = BTreeMap::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for Change { key, object, .. } in journal.iter().filter(|change| change.event == Event::Added) {
        let time = times.entry(format!("{} {key}", key.resource)).or_default();
        *time += 1;
        names.insert(
            object["metadata"]["uid"].as_str().unwrap_or_default(),
            format!("{} {key} #{time}", key.resource),
        );
    }
    let tags = aws.rules.values_mut().map(|rule| &mut rule.tags);
    for tags in tags.chain(aws.functions.values_mut().map(|function| &mut function.tags)) {
        let uid = tags.get(TAG_UID).and_then(|uid| names.get(uid.as_str()));
        if let Some(name) = uid.cloned() {
            tags.insert(TAG_UID.into(), name);
        }
    }
    aws
}

/// The differences between two states.
pub fn differences(expected: &Snapshot, found: &Snapshot) -> Vec<String> {
    let Snapshot { buckets, policies, rules, schedules, schedule_groups, functions } = expected;
    [
        differing("bucket", buckets, &found.buckets),
        differing("policy", policies, &found.policies),
        differing("rule", rules, &found.rules),
        differing("schedule", schedules, &found.schedules),
        differing(
            "schedule group",
            &known_groups(schedule_groups, &found.schedule_groups),
            &known_groups(&found.schedule_groups, schedule_groups),
        ),
        differing("function", functions, &found.functions),
    ]
    .concat()
}

/// The groups without our own group, if `others` does not have our group. The operator makes or adopts the group with
/// the first schedule, and an object can be deleted earlier. So only the owner of our group is compared.
fn known_groups(groups: &BTreeMap<String, Tags>, others: &BTreeMap<String, Tags>) -> BTreeMap<String, Tags> {
    let known = groups.iter().filter(|(arn, _)| !is_own_group(arn) || others.contains_key(*arn));
    let tags = |arn: &str, mut tags: Tags| {
        tags.retain(|tag, _| !is_own_group(arn) || tag == TAG_OWNER);
        tags
    };
    known.map(|(arn, found)| (arn.clone(), tags(arn, found.clone()))).collect()
}

fn differing<V: PartialEq + Debug>(
    what: &str,
    expected: &BTreeMap<String, V>,
    found: &BTreeMap<String, V>,
) -> Vec<String> {
    let new = found.keys().filter(|name| !expected.contains_key(*name));
    let names = expected.keys().chain(new).filter(|name| expected.get(*name) != found.get(*name));
    let text = |name: &String| {
        format!("{what} {name}: {:?}\n  without faults: {:?}", found.get(name), expected.get(name))
    };
    names.map(text).collect()
}

/// The document without our own entries and without adopted entries.
pub fn without_own(xml: &str, adopted: &[&str]) -> String {
    let mut document = document(xml);
    let stays = |entry: &Entry| {
        let id = entry.id.as_deref().unwrap_or_default();
        OwnEntryId::parse(&owner(), id).is_none() && !adopted.contains(&id)
    };
    document.children.retain(|child| child.entry.as_ref().is_none_or(stays));
    document.to_xml()
}

fn document(xml: &str) -> Document {
    Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"))
}

/// Our own entries, with their buckets.
fn own_entries(aws: &Snapshot) -> Vec<(&String, Entry, OwnEntryId)> {
    let of = |(bucket, xml): (_, &String)| {
        let entries: Vec<Entry> = document(xml).entries().cloned().collect();
        let own = |entry: Entry| {
            let id = OwnEntryId::parse(&owner(), entry.id.as_deref()?)?;
            Some((bucket, entry, id))
        };
        entries.into_iter().filter_map(own).collect::<Vec<_>>()
    };
    aws.buckets.iter().flat_map(of).collect()
}

/// The remaining AWS resources of a deleted object.
pub fn left_of(object: &Value, aws: &Snapshot) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, meta) = (text(&object["kind"]), &object["metadata"]);
    let key = ObjectKey::new(text(&meta["namespace"]), text(&meta["name"]));
    let mut left = vec![];
    if kind == "S3TriggeredFunction" {
        let base_name = key.base_name(&owner());
        let entries =
            own_entries(aws).into_iter().filter(|(_, _, id)| id.base_name == base_name && !id.retained);
        left.extend(entries.map(|(bucket, entry, _)| format!("the {} in {bucket}", entry.describe())));
    } else {
        let name = format!(":rule/{}", key.rule_name(&owner(), &kind));
        left.extend(aws.rules.keys().filter(|arn| arn.ends_with(&name)).map(|arn| format!("the rule {arn}")));
        left.extend(schedules_of(&key, aws).map(|arn| format!("the schedule {arn}")));
    }
    let made_for = |name: &str| {
        let functions = aws.functions.iter();
        let tagged = functions.filter(|(_, function)| {
            let tag = |key: &str| function.tags.get(key).map(String::as_str);
            tag("lambda-triggers.dev/kind") == Some(&kind)
                && tag("lambda-triggers.dev/namespace") == Some(&key.namespace)
                && tag("lambda-triggers.dev/name") == Some(name)
        });
        tagged.map(|(arn, _)| format!("the function {arn}")).collect::<Vec<_>>()
    };
    left.extend(made_for(&key.name));
    left
}

/// Our own permission statements that no entry, no rule and no object needs.
pub fn unneeded_statements(aws: &Snapshot, objects: &[Value]) -> Vec<String> {
    let prefix = owner().prefix();
    let entries = own_entries(aws);
    let needed = |function: &String, statement: &Value| {
        let source = statement["Condition"].to_string();
        entries.iter().any(|(bucket, entry, _)| {
            entry.arn == *function && source.contains(&format!("\"arn:aws:s3:::{bucket}\""))
        }) || aws.rules.iter().any(|(arn, rule)| {
            arn.contains(&format!(":rule/{prefix}"))
                && source.contains(":rule/")
                && rule.targets.values().any(|target| target["Arn"] == function.as_str())
        })
    };
    let status = |object: &Value| TriggerStatus::deserialize(&object["status"]).unwrap_or_default();
    let claimed: Vec<AppliedPermission> =
        objects.iter().flat_map(|object| status(object).applied.permissions).collect();
    let is_claimed = |function: &String, sid: &String| {
        claimed.iter().any(|claim| claim.function_arn == *function && claim.statement_id == *sid)
    };
    let own = |(function, statements): (&String, &BTreeMap<String, Value>)| {
        let own = statements.iter().filter(|(sid, _)| sid.starts_with(&prefix));
        own.filter(|(sid, statement)| !needed(function, statement) && !is_claimed(function, sid))
            .map(|(sid, _)| format!("the statement {sid} on {function}, which nothing needs"))
            .collect::<Vec<_>>()
    };
    aws.policies.iter().flat_map(own).collect()
}

/// The AWS resources that a ready object claims and AWS lacks.
pub fn missing(object: &Value, aws: &Snapshot) -> Vec<String> {
    let status = TriggerStatus::deserialize(&object["status"]).unwrap_or_default();
    let function = status.function_arn.clone().unwrap_or_default();
    let mut missing = vec![];
    for permission in &status.applied.permissions {
        let policy = aws.policies.get(&permission.function_arn);
        if policy.is_none_or(|statements| !statements.contains_key(&permission.statement_id)) {
            missing.push(format!("the statement {permission:?}"));
        }
    }
    for applied in &status.applied.functions {
        let arn = format!("arn:aws:lambda:{}:{ACCOUNT}:function:{}", applied.region, applied.name);
        if !aws.functions.contains_key(&arn) {
            missing.push(format!("the function {arn}"));
        }
    }
    if let Ok(spec) = S3TriggeredFunctionSpec::deserialize(&object["spec"]) {
        missing.extend(missing_entries(&spec, &status.applied.notifications, &function, aws));
    } else if let Ok(spec) = ScheduledFunctionSpec::deserialize(&object["spec"]) {
        for applied in &status.applied.rules {
            let arn = format!("arn:aws:events:{}:{ACCOUNT}:rule/{}", applied.region, applied.name);
            let input = |target: &Value| {
                target["Input"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok())
            };
            let right = aws.rules.get(&arn).is_some_and(|rule| {
                Some(&rule.settings.expression) == status.schedule.as_ref()
                    && rule.settings.enabled != spec.suspend
                    && rule.targets.values().any(|target| {
                        target["Arn"] == function.as_str()
                            && input(target).unwrap_or_default() == object["spec"]["input"]
                    })
            });
            if !right {
                missing.push(format!("the rule {arn} as wanted, but {:?}", aws.rules.get(&arn)));
            }
        }
        missing.extend(missing_schedules(object, &spec, &status, aws));
    } else {
        missing.push("a spec that can be read".into());
    }
    missing
}

fn missing_entries(
    spec: &S3TriggeredFunctionSpec,
    applied: &[AppliedNotification],
    function: &str,
    aws: &Snapshot,
) -> Vec<String> {
    let entries = own_entries(aws);
    let events: BTreeSet<String> = spec.events.iter().cloned().collect();
    let in_place = |bucket: &str, id: &String| {
        entries.iter().any(|(at, entry, _)| {
            *at == bucket && entry.id.as_ref() == Some(id) && entry.arn == function && entry.events == events
        })
    };
    let ids = applied.iter().flat_map(|at| at.ids.iter().map(move |id| (at.bucket.as_str(), id)));
    ids.filter(|(bucket, id)| in_place(bucket, id) == spec.suspend)
        .map(|(bucket, id)| format!("the entry {id} in {bucket}, suspended: {}", spec.suspend))
        .collect()
}
