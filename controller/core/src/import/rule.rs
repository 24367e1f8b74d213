//! The import of a rule with a schedule.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::finding::{Finding, HandOver, Imported, Outcome};
use super::function::{FunctionState, function_ref};
use super::input::input_fields;
use super::maker::Maker;
use super::manifest::Manifest;
use super::names::Names;
use super::runs::Runs;
use super::settings::ImportSettings;
use crate::api::{ScheduledFunctionSpec, Tags};
use crate::arn::FunctionArn;
use crate::ownership::OwnerId;
use crate::plan::rule::{ObservedRule, Target};

/// The beginning of the keys that the operator reserves for its own tags.
const RESERVED_TAGS: &str = "lambda-triggers.dev/";

/// A rule of the default event bus.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRule {
    /// The name of the rule.
    pub name: String,
    /// The Region of the rule.
    pub region: String,
    /// The rule with tags and targets.
    pub rule: ObservedRule,
    /// The functions of the targets, by ARN.
    pub functions: BTreeMap<String, FunctionState>,
    /// The maker of the rule, if the file of a tool shows the maker.
    pub made_by: Option<Maker>,
}

/// Imports a rule: a suspended `ScheduledFunction` for each target, or one finding with the reason why not. A rule of
/// which one target cannot be imported stays as a whole, since the hand-over disables the whole rule.
pub fn import_rule(
    settings: &ImportSettings,
    names: &mut Names,
    found: &FoundRule,
    now: Timestamp,
) -> Vec<Finding> {
    let FoundRule { name, region: _, rule, functions, made_by } = found;
    let by_tags = || {
        let of_functions = functions.values().filter_map(FunctionState::tags);
        std::iter::once(&rule.tags).chain(of_functions).find_map(Maker::of_tags)
    };
    let made_by = made_by.clone().or_else(by_tags);
    let part = match rule.settings.expression.as_str() {
        "" => format!("rule {name}"),
        expression => format!("rule {name} ({expression})"),
    };
    let targets = match targets(settings, found) {
        Ok(targets) => targets,
        Err(outcome) => return vec![Finding::new(part, made_by, outcome)],
    };
    let mut names_with_these = names.clone();
    let mut findings = vec![];
    for (target, function) in targets {
        let spec = spec(settings, found, target, &function);
        let origin = vec![format!("Imported from rule {name}")];
        let manifest = Manifest::of_schedule(settings, &mut names_with_these, name, &spec, origin);
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(why) => return vec![Finding::new(part, made_by, Outcome::NotImported(why))],
        };
        let runs = spec.to_schedule().ok().filter(|_| rule.settings.enabled);
        let hand_over = HandOver::Rule {
            name: name.clone(),
            region: found.region.clone(),
            target_ids: rule.targets.iter().map(|(id, _)| id.clone()).collect(),
            runs: runs.map(|schedule| Runs::after(&schedule, now)),
        };
        let part = format!("{part}, target {}", function.short());
        let state = functions.get(&target.arn);
        let source =
            format!("arn:{}:events:{}:{}:rule/{name}", function.partition, found.region, settings.account);
        let permissions = state.map(|state| state.permissions(&function, "events.amazonaws.com", &source));
        let permissions = permissions.unwrap_or_default();
        let outcome = Outcome::Imported(Box::new(Imported { manifest, hand_over, permissions }));
        let queue = target.dead_letter_queue_arn.as_ref();
        let queue =
            queue.map(|queue| format!("the policy of {queue} must also permit the operator's rules, lt-*"));
        let notes = queue.into_iter().chain(state.and_then(FunctionState::note)).collect();
        findings.push(Finding { notes, ..Finding::new(part, made_by.clone(), outcome) });
    }
    *names = names_with_these;
    findings
}

/// The targets with their functions; otherwise what becomes of the rule.
fn targets<'a>(
    settings: &ImportSettings,
    found: &'a FoundRule,
) -> Result<Vec<(&'a Target, FunctionArn)>, Outcome> {
    let FoundRule { name, region, rule, functions, made_by: _ } = found;
    let not_imported = |why: String| Err(Outcome::NotImported(why));
    if let Some(owner) = OwnerId::from_name(name) {
        return Err(Outcome::Stays(format!("an operator with the owner id {owner} has it")));
    }
    if let Some(service) = &rule.managed_by {
        return Err(Outcome::Stays(format!("{service} manages it")));
    }
    if rule.settings.expression.is_empty() {
        return Err(Outcome::Stays("it has an event pattern and no schedule".into()));
    }
    if rule.has_more {
        return not_imported("it has an event pattern or a role beside its schedule".into());
    }
    if rule.targets.is_empty() {
        return not_imported("it has no target, so it runs nothing".into());
    }
    let mut targets = vec![];
    for (id, target) in &rule.targets {
        let Some(target) = target else {
            return not_imported(format!(
                "its target {id:?} has settings without an equivalent, such as an input path, an input transformer \
                 or a role"
            ));
        };
        match FunctionArn::parse(&target.arn) {
            None => return not_imported(format!("its target {id:?} is no function: {}", target.arn)),
            Some(function) if function.account != settings.account => {
                return not_imported(format!(
                    "its target {id:?} is a function of account {}, which EventBridge invokes only with a role",
                    function.account
                ));
            }
            Some(function) if function.region != *region => {
                return not_imported(format!("its target {id:?} is a function of {}", function.region));
            }
            Some(_) if functions.get(&target.arn) == Some(&FunctionState::Missing) => {
                return not_imported(format!("its target {id:?} does not exist: {}", target.arn));
            }
            Some(function) => targets.push((target, function)),
        }
    }
    Ok(targets)
}

fn spec(
    settings: &ImportSettings,
    found: &FoundRule,
    target: &Target,
    function: &FunctionArn,
) -> ScheduledFunctionSpec {
    let ObservedRule { settings: rule, tags, .. } = &found.rule;
    let (input, input_json) = input_fields(target.input.as_deref());
    ScheduledFunctionSpec {
        function: function_ref(settings, function),
        schedule: Some(rule.expression.clone()),
        input,
        input_json,
        retry_policy: target.retry_policy.clone(),
        dead_letter_queue_arn: target.dead_letter_queue_arn.clone(),
        description: Some(rule.description.clone()).filter(|text| !text.is_empty()),
        suspend: true,
        deletion_policy: settings.deletion_policy,
        region: settings.region_field(&found.region),
        tags: own_tags(tags),
        ..ScheduledFunctionSpec::default()
    }
}

/// The tags that a user may set.
fn own_tags(tags: &Tags) -> Tags {
    let is_reserved =
        |key: &str| key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(RESERVED_TAGS);
    tags.iter().filter(|(key, _)| !is_reserved(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}
