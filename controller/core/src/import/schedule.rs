//! The import of a schedule of EventBridge Scheduler.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::finding::{Finding, HandOver, Imported, Outcome};
use super::function::{FunctionState, function_ref};
use super::input::input_fields;
use super::maker::Maker;
use super::manifest::Manifest;
use super::names::Names;
use super::runs::Runs;
use super::settings::ImportSettings;
use crate::api::{Backend, ScheduledFunctionSpec};
use crate::arn::FunctionArn;
use crate::ownership::OwnerId;
use crate::plan::rule::canonical_retry;
use crate::plan::schedule::{ObservedSchedule, ScheduleKey, ScheduleSettings, ScheduleTarget};

/// A schedule of EventBridge Scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundSchedule {
    /// The group and the name.
    pub key: ScheduleKey,
    /// The Region of the schedule.
    pub region: String,
    /// The schedule.
    pub schedule: ObservedSchedule,
    /// The function of the target.
    pub function: FunctionState,
    /// The maker of the schedule, if the file of a tool shows the maker. A schedule has no tags.
    pub made_by: Option<Maker>,
}

/// Imports a schedule: a suspended `ScheduledFunction`, or the reason why not.
pub fn import_schedule(
    settings: &ImportSettings,
    names: &mut Names,
    found: &FoundSchedule,
    now: Timestamp,
) -> Finding {
    let FoundSchedule { key, region, schedule, function: _, made_by } = found;
    let made_by = made_by.clone();
    let ScheduleSettings { expression, time_zone, enabled, .. } = &schedule.settings;
    let part = format!("schedule {key} ({expression}, {time_zone})");
    let manifest = function(settings, found).and_then(|function| {
        let spec = spec(settings, found, &function);
        let is_over = spec.to_schedule().is_ok_and(|schedule| schedule.is_over(now));
        if is_over {
            return Err(Outcome::Stays("it is over: no run is left".into()));
        }
        let origin = vec![format!("Imported from schedule {key}")];
        let manifest = Manifest::of_schedule(settings, names, &key.name, &spec, origin);
        manifest.map(|manifest| (spec, manifest)).map_err(Outcome::NotImported)
    });
    let (spec, manifest) = match manifest {
        Ok(result) => result,
        Err(outcome) => return Finding::new(part, made_by, outcome),
    };
    let runs = spec.to_schedule().ok().filter(|_| *enabled);
    let hand_over = HandOver::Schedule {
        group: key.group.clone(),
        name: key.name.clone(),
        region: region.clone(),
        runs: runs.map(|schedule| Runs::after(&schedule, now)),
    };
    let outcome = Outcome::Imported(Box::new(Imported { manifest, hand_over, permissions: vec![] }));
    Finding { notes: notes(&schedule.settings.target), ..Finding::new(part, made_by, outcome) }
}

fn notes(target: &ScheduleTarget) -> Vec<String> {
    let role = format!(
        "EventBridge Scheduler uses the operator's role in place of {}: set --scheduler-role-arn",
        target.role_arn
    );
    let event = "it has no input, so the function receives the operator's event in place of Scheduler's";
    [Some(role), target.input.is_none().then(|| event.to_owned())].into_iter().flatten().collect()
}

/// The function of a schedule; otherwise what becomes of the schedule.
fn function(settings: &ImportSettings, found: &FoundSchedule) -> Result<FunctionArn, Outcome> {
    let FoundSchedule { key, region, schedule, function: state, made_by: _ } = found;
    let not_imported = |why: String| Err(Outcome::NotImported(why));
    if let Some(owner) =
        OwnerId::from_name(&key.name).or_else(|| OwnerId::from_name(&format!("{}-", key.group)))
    {
        return Err(Outcome::Stays(format!("an operator with the owner id {owner} has it")));
    }
    if schedule.has_more {
        let why = "it has settings without an equivalent, such as a KMS key or parameters of another service";
        return not_imported(why.into());
    }
    let arn = &schedule.settings.target.arn;
    match FunctionArn::parse(arn) {
        None => not_imported(format!("its target is no function: {arn}")),
        Some(function) if function.account != settings.account => {
            not_imported(format!("its function is in account {}", function.account))
        }
        Some(function) if function.region != *region => {
            not_imported(format!("its function is in {}", function.region))
        }
        Some(_) if *state == FunctionState::Missing => {
            not_imported(format!("its function does not exist: {arn}"))
        }
        Some(function) => Ok(function),
    }
}

fn spec(settings: &ImportSettings, found: &FoundSchedule, function: &FunctionArn) -> ScheduledFunctionSpec {
    let ObservedSchedule { settings: schedule, start, has_more: _ } = &found.schedule;
    let ScheduleSettings { expression, time_zone, end, window_minutes, description, target, .. } = schedule;
    let (input, input_json) = input_fields(target.input.as_deref());
    // AWS ignores both dates of a one-time schedule, and the time zone of an interval.
    let is_one_time = expression.starts_with("at(");
    let date = |time: Option<Timestamp>| time.filter(|_| !is_one_time).map(Time);
    let has_zone = time_zone != "UTC" && !expression.starts_with("rate(");
    let mut spec = ScheduledFunctionSpec {
        function: function_ref(settings, function),
        schedule: Some(expression.clone()),
        time_zone: has_zone.then(|| time_zone.clone()),
        start_date: date(*start),
        end_date: date(*end),
        flexible_time_window_minutes: *window_minutes,
        input,
        input_json,
        retry_policy: canonical_retry(Some(&target.retry_policy)),
        dead_letter_queue_arn: target.dead_letter_queue_arn.clone(),
        description: Some(description.clone()).filter(|text| !text.is_empty()),
        suspend: true,
        deletion_policy: settings.deletion_policy,
        region: settings.region_field(&found.region),
        ..ScheduledFunctionSpec::default()
    };
    // Without any field that needs Scheduler, the operator could choose a rule.
    if spec.backend(Backend::Rule) == Backend::Rule {
        spec.backend = Some(Backend::Scheduler);
    }
    spec
}
