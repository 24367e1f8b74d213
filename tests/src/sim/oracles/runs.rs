//! Checks of the runs of schedules.

use jiff::{SignedDuration, Timestamp};
use lambda_triggers_core::ownership::ObjectKey;
use serde_json::Value;

use crate::kstatus::is_ready;
use crate::scheduler::due::Timing;
use crate::sim::aws::Run;
use crate::sim::run::owner;

/// The due times after `from` and until `to` at which a ready object did not run exactly once, at any backend. Only cron
/// expressions are judged: the begin of a rate is unknown. The spec must be the same in the whole time.
///
/// # Panics
/// If AWS refuses the expression or the time zone of a ready object.
pub fn wrong_runs(object: &Value, runs: &[Run], from: Timestamp, to: Timestamp) -> Vec<String> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let date = |field: &str| spec[field].as_str().and_then(|date| date.parse::<Timestamp>().ok());
    let expression = text(&status["schedule"]);
    if !is_ready(object) || spec["suspend"] == true || !expression.starts_with("cron(") {
        return vec![];
    }
    let zone = spec["timeZone"].as_str().unwrap_or("UTC");
    let timing = Timing::new(&expression, zone, from);
    let timing = timing.unwrap_or_else(|| panic!("{expression} in {zone} is ready, but AWS refuses it"));
    let timing = Timing { start: date("startDate"), end: date("endDate"), ..timing };
    let key = ObjectKey::new(text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
    let name = key.rule_name(&owner(), "ScheduledFunction");
    // A run can begin at the end of its window.
    let window = SignedDuration::from_mins(spec["flexibleTimeWindowMinutes"].as_i64().unwrap_or_default());
    let of =
        |due: Timestamp| runs.iter().filter(|run| run.name == name && run.due == due).collect::<Vec<_>>();
    let due = timing.times_after(from).take_while(|due| *due + window <= to);
    let wrong = due.map(|due| (due, of(due))).filter(|(_, runs)| runs.len() != 1);
    wrong
        .map(|(due, runs)| format!("{key} was due at {due}, and ran {} times: {runs:?}", runs.len()))
        .collect()
}
