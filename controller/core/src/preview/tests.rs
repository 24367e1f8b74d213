//! Tests of the preview from values to values.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::changes::start_change;
use super::fields::differences;
use super::*;
use crate::api::{KeyFilter, ManifestError, Tags};
use crate::ownership::{OwnerId, TAG_OWNER};
use crate::plan::bucket::{Bucket, Desired, Destination, Document, Entry, Filter};
use crate::plan::function::{FunctionStep, ObservedFunction};
use crate::plan::permission::{PermissionPlan, PermissionStep, Statement};
use crate::plan::rule::{DesiredRule, ObservedRule, RulePlan, RuleSettings, RuleStep, Target};
use crate::plan::schedule::GroupPlan;
use crate::status::{Component, Failure, Reason};

mod buckets;

const REGION: &str = "eu-west-1";

fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn against() -> Against {
    Against {
        aws: true,
        base: false,
        cluster: false,
        owner_id: "1a2b3c4d".into(),
        account: None,
        region: None,
    }
}

fn source() -> Source {
    Source { file: "a.yaml".into(), line: 1 }
}

fn changed(path: &str, before: Value, after: Value) -> FieldChange {
    let some = |value: Value| Some(value).filter(|value| !value.is_null());
    FieldChange { path: path.into(), before: some(before), after: some(after), sensitive: false }
}

fn secret(path: &str) -> FieldChange {
    FieldChange { path: path.into(), before: None, after: None, sensitive: true }
}

fn change(
    part: Part,
    action: ChangeAction,
    id: &str,
    words: &str,
    fields: Vec<FieldChange>,
) -> PlannedChange {
    PlannedChange { part, action, id: id.into(), region: REGION.into(), words: words.into(), fields }
}

#[derive(Serialize)]
struct Settings {
    memory: u32,
    description: &'static str,
    input: Option<&'static str>,
    environment: BTreeMap<&'static str, &'static str>,
    layers: Vec<&'static str>,
}

#[test]
fn only_changed_settings_are_differences() {
    let old = Settings {
        memory: 128,
        description: "",
        input: Some("old"),
        environment: BTreeMap::from([("A", "1"), ("B", "2")]),
        layers: vec![],
    };
    let new = Settings {
        memory: 256,
        description: "",
        input: Some("new"),
        environment: BTreeMap::from([("A", "1"), ("B", "3")]),
        layers: vec!["one"],
    };
    let memory = changed("memory", json!(128), json!(256));
    let layers = changed("layers", Value::Null, json!(["one"]));
    assert_eq!(
        differences(Some(&old), &new, Secrets::Hide),
        [secret("environment.B"), secret("input"), layers.clone(), memory.clone()]
    );
    assert_eq!(
        differences(Some(&old), &new, Secrets::Show),
        [
            changed("environment.B", json!("2"), json!("3")),
            changed("input", json!("old"), json!("new")),
            layers,
            memory
        ]
    );
    assert_eq!(differences(Some(&old), &old, Secrets::Show), []);
    assert_eq!(
        differences(None, &old, Secrets::Hide),
        [
            secret("environment.A"),
            secret("environment.B"),
            secret("input"),
            changed("memory", Value::Null, json!(128))
        ]
    );
}

#[test]
fn a_failure_that_may_pass_leaves_the_plan_open() {
    let severity = |reason| {
        let failure = Failure::new(Component::Function, reason, "spec.function.name: why");
        let problem = Problem::from_failure(&failure);
        assert_eq!(problem.field.as_deref(), Some("spec.function.name"));
        problem.severity
    };
    for (reason, expected) in [
        (Reason::AccessDenied, Severity::Unknown),
        (Reason::Throttled, Severity::Unknown),
        (Reason::AwsUnavailable, Severity::Unknown),
        (Reason::FunctionNotFound, Severity::Error),
        (Reason::ConflictingRule, Severity::Error),
    ] {
        assert_eq!(severity(reason), expected, "{reason:?}");
    }
    let without_field = Problem::new(Reason::InvalidSpec, Severity::Error, "no spec.bucket here");
    assert_eq!(without_field.field, None);
}

#[test]
fn a_refusal_of_the_api_server_names_its_field_once() {
    let problem = |field: &str, message: &str| {
        Problem::of_manifest(&ManifestError { field: field.into(), message: message.into() })
    };
    let invalid = problem("spec.schedule", "Required value");
    assert_eq!(invalid.message, "spec.schedule: Required value");
    assert_eq!(invalid.field.as_deref(), Some("spec.schedule"));
    let unknown = problem("spec.x", "unknown field \"spec.x\"");
    assert_eq!(unknown.message, "strict decoding error: unknown field \"spec.x\"");
    assert_eq!(problem("", "name is required").field, None);
}

fn settings(expression: &str, enabled: bool) -> RuleSettings {
    RuleSettings { expression: expression.into(), description: String::new(), enabled }
}

fn target(input: Option<&str>) -> Target {
    Target {
        id: "lt-1-function".into(),
        arn: "arn:aws:lambda:eu-west-1:123456789012:function:report:live".into(),
        input: input.map(Into::into),
        retry_policy: None,
        dead_letter_queue_arn: None,
    }
}

#[test]
fn each_step_of_a_rule_is_a_change() {
    let desired = DesiredRule {
        name: "lt-1".into(),
        settings: settings("rate(1 hour)", true),
        tags: Tags::new(),
        target: target(Some("new")),
    };
    let tags = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
    let observed = ObservedRule {
        settings: settings("rate(1 hour)", false),
        has_more: false,
        managed_by: None,
        tags: tags("old", "1"),
        targets: vec![("lt-1-function".into(), Some(target(Some("old"))))],
    };
    let put = RuleStep::Put(desired.settings.clone(), Tags::new());
    let put_target = RuleStep::PutTarget(desired.target.clone());
    let steps = vec![
        put.clone(),
        RuleStep::Untag(["old".to_owned()].into()),
        RuleStep::Tag(tags("new", "2")),
        put_target.clone(),
    ];
    let plan = RulePlan { steps, ..RulePlan::default() };
    let place = (REGION, "Every hour.");
    assert_eq!(
        rule_changes(&plan, &desired, Some(&observed), place, Secrets::Hide),
        [
            change(
                Part::Rule,
                ChangeAction::Update,
                "lt-1",
                "Every hour.",
                vec![changed("enabled", json!(false), json!(true))]
            ),
            change(
                Part::Tags,
                ChangeAction::Update,
                "lt-1",
                "tags of the rule",
                vec![changed("tags[old]", json!("1"), Value::Null)]
            ),
            change(
                Part::Tags,
                ChangeAction::Update,
                "lt-1",
                "tags of the rule",
                vec![changed("tags[new]", Value::Null, json!("2"))]
            ),
            change(Part::Target, ChangeAction::Update, "lt-1-function", "report:live", vec![secret("input")]),
        ]
    );
    let plan = RulePlan { steps: vec![put, put_target], creates: true, adopted_from: None };
    let created = rule_changes(&plan, &desired, None, place, Secrets::Hide);
    let actions: Vec<(Part, ChangeAction)> = created.iter().map(|one| (one.part, one.action)).collect();
    assert_eq!(actions, [(Part::Rule, ChangeAction::Create), (Part::Target, ChangeAction::Create)]);
    let plan = RulePlan { steps: vec![RuleStep::Delete], ..RulePlan::default() };
    let deleted = change(Part::Rule, ChangeAction::Delete, "lt-1", "Every hour.", vec![]);
    assert_eq!(rule_changes(&plan, &desired, Some(&observed), place, Secrets::Hide), [deleted]);
}

#[test]
fn a_statement_is_a_change_only_if_it_is_written() {
    let statement = Statement {
        id: "lt-1-rules".into(),
        principal: "events.amazonaws.com".into(),
        source_arn: "arn:aws:events:eu-west-1:123456789012:rule/lt-1-*".into(),
        source_account: None,
    };
    let of = |plan: PermissionPlan| permission_change(&plan, &statement, "report", REGION);
    let add = PermissionStep::Add(statement.clone());
    let expected = |action| {
        Some(change(Part::Permission, action, "lt-1-rules", "the rules lt-1-* may invoke report", vec![]))
    };
    assert_eq!(of(PermissionPlan::InPlace), None);
    assert_eq!(of(PermissionPlan::External), None);
    assert_eq!(of(PermissionPlan::Write(vec![add.clone()], None)), expected(ChangeAction::Create));
    let replace = vec![PermissionStep::Remove("lt-1-rules".into()), add];
    assert_eq!(of(PermissionPlan::Write(replace, None)), expected(ChangeAction::Update));
}

#[test]
fn a_group_of_this_operator_is_no_change() {
    let of = |plan: GroupPlan| group_change(&plan, "lt-1", REGION).map(|change| change.action);
    assert_eq!(of(GroupPlan::Ours), None);
    assert_eq!(of(GroupPlan::Create(Tags::new())), Some(ChangeAction::Create));
    let take_over = GroupPlan::TakeOver { tags: Tags::new(), adopted_from: None };
    assert_eq!(of(take_over), Some(ChangeAction::TakeOver));
}

#[test]
fn the_steps_of_a_function_are_one_change_and_its_tags_another() {
    let of = |steps: &[FunctionStep]| {
        let none: Option<&ObservedFunction> = None;
        function_changes(steps, (none, None), "report", REGION, Secrets::Hide)
    };
    assert_eq!(of(&[]), []);
    let concurrency = vec![changed("reservedConcurrency", Value::Null, json!(5))];
    assert_eq!(
        of(&[
            FunctionStep::PutConcurrency(5),
            FunctionStep::Tag(Tags::from([(TAG_OWNER.into(), "1".into())]))
        ]),
        [
            change(Part::Function, ChangeAction::Update, "report", "", concurrency),
            change(
                Part::Tags,
                ChangeAction::Update,
                "report",
                "tags of the function",
                vec![changed(&format!("tags[{TAG_OWNER}]"), Value::Null, json!("1"))]
            ),
        ]
    );
    let deleted = change(Part::Function, ChangeAction::Delete, "report", "", vec![]);
    assert_eq!(of(&[FunctionStep::Delete]), [deleted]);
}

#[test]
fn definitions_of_one_function_fail_both() {
    let key = |name: &str| ObjectKey::new("media", name);
    let defined = |region: &str, name: &str, object: &str| Deployed {
        region: region.into(),
        name: name.into(),
        kind: "ScheduledFunction",
        key: key(object),
    };
    let all = [
        defined("eu-west-1", "f", "a"),
        defined("us-east-1", "f", "b"),
        defined("eu-west-1", "f", "c"),
        defined("eu-west-1", "g", "d"),
    ];
    let message = |other: &str| {
        format!(
            "the function f in eu-west-1 is also defined by the ScheduledFunction media/{other}; choose another \
             functionName, or remove the definition there"
        )
    };
    let failure = |other| Failure::new(Component::Function, Reason::ConflictingFunction, message(other));
    assert_eq!(same_function(&all), BTreeMap::from([(0, failure("c")), (2, failure("a"))]));
}

#[test]
fn the_trigger_decides_about_the_action_of_a_resource() {
    let made = |part, action| change(part, action, "x", "", vec![]);
    let decided = |changes: Vec<PlannedChange>, severity: Option<Severity>, is_gone, is_as_before| {
        let mut one = ResourcePreview::new("ScheduledFunction", &ObjectKey::new("media", "a"), source());
        one.changes = changes;
        one.problems =
            severity.map(|severity| Problem::new(Reason::InvalidSpec, severity, "why")).into_iter().collect();
        one.decide(is_gone, is_as_before, &[]);
        (one.action, one.drift)
    };
    let create = made(Part::Rule, ChangeAction::Create);
    let entry = made(Part::Entry, ChangeAction::Create);
    let taken = made(Part::Entry, ChangeAction::TakeOver);
    let permission = made(Part::Permission, ChangeAction::Create);
    for (changes, severity, gone_and_before, expected) in [
        (vec![], None, (false, false), (Action::Unchanged, false)),
        (vec![], None, (true, false), (Action::Delete, false)),
        (vec![], Some(Severity::Warning), (false, false), (Action::Unchanged, false)),
        (vec![], Some(Severity::Unknown), (false, false), (Action::Unknown, false)),
        (vec![create.clone()], Some(Severity::Error), (true, false), (Action::Blocked, false)),
        (vec![create.clone()], None, (false, false), (Action::Create, false)),
        (vec![create.clone()], None, (false, true), (Action::Create, true)),
        (vec![create], None, (true, true), (Action::Delete, false)),
        (vec![entry.clone(), taken], None, (false, false), (Action::Create, false)),
        (vec![entry, made(Part::Entry, ChangeAction::Delete)], None, (false, false), (Action::Update, false)),
        (vec![permission], None, (false, true), (Action::Update, true)),
    ] {
        let (is_gone, is_as_before) = gone_and_before;
        assert_eq!(decided(changes.clone(), severity, is_gone, is_as_before), expected, "{changes:?}");
    }
}

#[test]
fn the_result_follows_from_the_resources() {
    let resource = |name: &str, action, severity: Option<Severity>| {
        let mut one = ResourcePreview::new("ScheduledFunction", &ObjectKey::new("media", name), source());
        one.action = action;
        one.problems =
            severity.map(|severity| Problem::new(Reason::InvalidSpec, severity, "why")).into_iter().collect();
        one
    };
    let result = |resources: &[ResourcePreview]| Preview::new(against(), resources.to_vec(), vec![]).result;
    let unchanged = resource("a", Action::Unchanged, None);
    let unknown = resource("b", Action::Unknown, Some(Severity::Unknown));
    let deleted = resource("c", Action::Delete, None);
    let blocked = resource("d", Action::Blocked, Some(Severity::Error));
    assert_eq!(result(&[]), PlanResult::NoChanges);
    assert_eq!(result(std::slice::from_ref(&unchanged)), PlanResult::NoChanges);
    assert_eq!(result(&[unchanged.clone(), deleted.clone()]), PlanResult::Changes);
    assert_eq!(result(&[unknown.clone(), deleted.clone()]), PlanResult::Incomplete);
    assert_eq!(result(&[blocked.clone(), unknown.clone()]), PlanResult::Problems);
    let preview = Preview::new(against(), vec![deleted, blocked, unchanged, unknown], vec![]);
    let names: Vec<&str> = preview.resources.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    let expected =
        Summary { resources: 4, delete: 1, unchanged: 1, problems: 1, unknown: 1, ..Summary::default() };
    assert_eq!(preview.summary, expected);
}

#[test]
fn the_first_resource_of_a_region_shows_the_group() {
    let group = |region: &str| {
        let change = change(Part::ScheduleGroup, ChangeAction::Create, "lt-1a2b3c4d", "", vec![]);
        PlannedChange { region: region.into(), ..change }
    };
    let resource = |name: &str, regions: &[&str]| {
        let mut one = ResourcePreview::new("ScheduledFunction", &ObjectKey::new("media", name), source());
        one.changes = regions.iter().map(|region| group(region)).collect();
        one.changes.push(change(Part::Schedule, ChangeAction::Create, name, "", vec![]));
        one
    };
    let all = [resource("c", &["eu-west-1"]), resource("b", &["us-east-1"]), resource("a", &["eu-west-1"])];
    let preview = Preview::new(against(), all.to_vec(), vec![]);
    let expected = [resource("a", &["eu-west-1"]), resource("b", &["us-east-1"]), resource("c", &[])];
    assert_eq!(preview.resources, expected);
}

#[test]
fn a_start_date_that_depends_on_the_time_of_the_write_is_not_shown() {
    let at = |hour: i64| Some(jiff::Timestamp::from_second(hour * 3_600).unwrap());
    let shown = |old, sent, spec, is_only| {
        start_change((old, sent), spec, is_only, Secrets::Show).map(|change| (change.before, change.after))
    };
    let time = |hour: i64| Some(Value::from(format!("1970-01-01T0{hour}:00:00Z")));
    for (old, sent, spec, is_only, expected) in [
        (at(1), at(2), at(2), false, Some((time(1), time(2)))),
        (at(1), None, None, true, Some((time(1), None))),
        (at(1), at(1), at(1), false, None),
        (None, at(3), None, false, None),
        (None, at(3), None, true, Some((None, Some("(set at the write)".into())))),
        (at(1), at(3), at(2), true, Some((time(1), Some("(set at the write)".into())))),
    ] {
        assert_eq!(shown(old, sent, spec, is_only), expected, "{old:?} {sent:?} {spec:?}");
    }
}
