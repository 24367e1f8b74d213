//! Changes of AWS by other writers, which a preview shows with the changes of the manifests.

use futures::FutureExt;
use lambda_triggers_core::api::Tags;
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::Configuration;
use lambda_triggers_core::plan::rule::RuleSettings;
use lambda_triggers_core::plan::schedule::ScheduleKey;
use serde_json::{Value, json};

use crate::sim::aws::{MemoryAws, REGION, RuleSnapshot};
use crate::sim::run::owner;
use crate::sim::tests::chaos::changed;
use crate::sim::workflows::{FOREIGN, permit};

/// A change of AWS, with its name.
pub type Change = (&'static str, fn(&MemoryAws));

/// Changes that the operator finds in the next resync.
pub const CHANGES: [Change; 11] = [
    ("the entries are removed", remove_entries),
    ("a foreign entry is added", add_foreign_entry),
    ("a foreign statement is added", add_foreign_statement),
    ("the statements are removed", remove_statements),
    ("the rules are deleted", |aws| each_rule(aws, |name, _| aws.delete_rule(name))),
    ("the rules are disabled", disable_rules),
    ("the targets are removed", remove_targets),
    ("the schedules are deleted", delete_schedules),
    ("the schedules are disabled", disable_schedules),
    ("the deployed function is deleted", |aws| aws.delete_function(&aws.function("own"))),
    ("a function is deleted and created again", |aws| {
        aws.delete_function(&aws.function("resize"));
        aws.create_function(&aws.function("resize"));
    }),
];

/// Changes that the operator finds within a day.
pub const HIDDEN_CHANGES: [Change; 2] =
    [("the users' tags are removed", remove_tags), ("the deployed function is changed", change_function)];

fn remove_entries(aws: &MemoryAws) {
    aws.put_notification("photos", FOREIGN).ok();
}

fn add_foreign_entry(aws: &MemoryAws) {
    let read = aws.notification("photos").unwrap_or_default();
    aws.put_notification("photos", &changed(&read, 1, aws.document_writes().len())).ok();
}

fn add_foreign_statement(aws: &MemoryAws) {
    permit(aws, "resize", "by-hand");
}

fn remove_statements(aws: &MemoryAws) {
    for (arn, statements) in aws.snapshot().policies {
        let Some(function) = FunctionArn::parse(&arn) else { continue };
        let own = statements.keys().filter(|sid| sid.starts_with(&owner().prefix()));
        own.for_each(|sid| aws.remove_statement(&function, sid));
    }
}

/// Calls `act` with the name of each rule of the operator.
fn each_rule(aws: &MemoryAws, act: impl Fn(&str, RuleSnapshot)) {
    for (arn, rule) in aws.snapshot().rules {
        let name = arn.rsplit('/').next().unwrap_or_default();
        if name.starts_with(&owner().prefix()) {
            act(name, rule);
        }
    }
}

fn disable_rules(aws: &MemoryAws) {
    each_rule(aws, |name, rule| {
        let settings = RuleSettings { enabled: false, ..rule.settings };
        aws.outside().eventbridge(REGION).put_rule(name, &settings, &Tags::new()).now_or_never();
    });
}

fn remove_targets(aws: &MemoryAws) {
    each_rule(aws, |name, rule| {
        let ids: Vec<String> = rule.targets.into_keys().collect();
        aws.outside().eventbridge(REGION).remove_targets(name, &ids).now_or_never();
    });
}

/// The schedules of the operator, with the members of GetSchedule.
fn schedules(aws: &MemoryAws) -> impl Iterator<Item = Value> {
    let group = owner().group_name();
    aws.snapshot().schedules.into_values().filter(move |schedule| schedule["GroupName"] == group)
}

fn delete_schedules(aws: &MemoryAws) {
    for schedule in schedules(aws) {
        let name = schedule["Name"].as_str().unwrap_or_default().to_owned();
        let key = ScheduleKey { group: owner().group_name(), name };
        aws.outside().scheduler(REGION).delete_schedule(&key).now_or_never();
    }
}

fn disable_schedules(aws: &MemoryAws) {
    for mut schedule in schedules(aws) {
        schedule["State"] = json!("DISABLED");
        aws.write_scheduler("scheduler:UpdateSchedule", &schedule).ok();
    }
}

fn remove_tags(aws: &MemoryAws) {
    each_rule(aws, |name, rule| {
        let own = rule.tags.into_keys().filter(|key| !key.starts_with("lambda-triggers.dev/"));
        aws.outside().eventbridge(REGION).untag_rule(name, &own.collect::<Vec<_>>()).now_or_never();
    });
}

fn change_function(aws: &MemoryAws) {
    let function = aws.snapshot().functions.remove(&aws.function("own").to_string());
    let Some(function) = function else { return };
    let changed = Configuration { description: "by hand".into(), ..function.configuration };
    aws.outside().lambda(REGION).update_configuration("own", &changed).now_or_never();
}
