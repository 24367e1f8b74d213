//! The last day of a resource: the counts of CloudWatch for its trigger and its function.
//!
//! AWS delivers the counts each minute on a best-effort basis: a count can be late, or missing
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>). So only a counted failure is a problem,
//! and a missing run is none.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::parts::{count, part};
use super::{Names, Part, PartKind, PartState, Read, Subject, TriggerName, as_text};
use crate::explain::schedule::{NextRuns, next_runs};
use crate::plan::intent::ValidSpec;

/// The time that a history covers.
pub const HISTORY: SignedDuration = SignedDuration::from_hours(24);

/// The maximum number of due runs in [`HISTORY`]: AWS runs a schedule at most once a minute.
const MAX_RUNS: usize = 24 * 60;

/// A metric of CloudWatch. Its statistic is the sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// The namespace, such as `AWS/Lambda`.
    pub namespace: &'static str,
    /// The name, such as `Errors`.
    pub name: &'static str,
    /// The dimensions by name.
    pub dimensions: BTreeMap<&'static str, String>,
}

/// The sum of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// The metric.
    #[serde(flatten)]
    pub metric: Metric,
    /// The sum over the time of the history.
    pub sum: usize,
    /// The last minute with a count other than zero.
    #[serde(serialize_with = "as_optional_text", skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

fn as_optional_text<S: serde::Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_text(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// The last day of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The beginning of the time.
    #[serde(serialize_with = "as_text")]
    pub since: Timestamp,
    /// The trigger and the function. Their facts state the counts.
    pub parts: Vec<Part>,
    /// The counts. Empty if the metrics could not be read.
    pub counts: Vec<Count>,
}

/// A metric, and the words for its sum.
struct Counter {
    metric: &'static str,
    /// The words for a sum. The metric of a failure has no words for zero.
    words: fn(usize) -> String,
    /// The next step of the reader, for the metric of a failure.
    cure: Option<&'static str>,
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>
const OF_RULE: [Counter; 2] = [
    Counter { metric: "TriggeredRules", words: |n| times("fired", "did not fire", n), cure: None },
    Counter {
        metric: "FailedInvocations",
        words: |n| count(n, "event did not reach Lambda", "events did not reach Lambda"),
        cure: Some("check the permission on the function"),
    },
];

/// The metrics of a schedule group. AWS has no metric for a single schedule
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html>).
const OF_GROUP: [Counter; 3] = [
    Counter {
        metric: "InvocationAttemptCount",
        words: |n| count(n, "attempt to invoke a function", "attempts to invoke functions"),
        cure: None,
    },
    Counter {
        metric: "TargetErrorCount",
        words: |n| count(n, "attempt failed", "attempts failed"),
        cure: Some("check the role with lambda-triggers doctor --function"),
    },
    Counter {
        metric: "InvocationDroppedCount",
        words: |n| count(n, "run was given up", "runs were given up"),
        cure: Some("look into the dead-letter queue, if the schedule has one"),
    },
];

/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
const OF_FUNCTION: [Counter; 5] = [
    Counter {
        metric: "AsyncEventsReceived",
        words: |n| {
            if n == 0 { "received no event".into() } else { count(n, "event received", "events received") }
        },
        cure: None,
    },
    Counter { metric: "Invocations", words: |n| times("ran", "did not run", n), cure: None },
    Counter {
        metric: "Errors",
        words: |n| count(n, "run failed", "runs failed"),
        cure: Some("the log of the function has the error"),
    },
    Counter {
        metric: "Throttles",
        words: |n| count(n, "run was throttled", "runs were throttled"),
        cure: Some("check the reserved concurrency of the function"),
    },
    Counter {
        metric: "AsyncEventsDropped",
        words: |n| count(n, "event was dropped", "events were dropped"),
        cure: Some("check the retries and the maximum age of events"),
    },
];

fn times(verb: &str, never: &str, number: usize) -> String {
    match number {
        0 => never.into(),
        1 => format!("{verb} once"),
        _ => format!("{verb} {number} times"),
    }
}

/// A part with metrics.
struct Source {
    part: PartKind,
    name: String,
    namespace: &'static str,
    dimensions: BTreeMap<&'static str, String>,
    counters: &'static [Counter],
}

impl Source {
    fn metric(&self, counter: &Counter) -> Metric {
        Metric { namespace: self.namespace, name: counter.metric, dimensions: self.dimensions.clone() }
    }

    /// The part with its counts as facts.
    fn part(&self, counts: &[Count]) -> Part {
        let empty = part(self.part, &self.name);
        self.counters.iter().fold(empty, |part, counter| {
            let metric = self.metric(counter);
            let Some(count) = counts.iter().find(|count| count.metric == metric) else { return part };
            let words = (counter.words)(count.sum);
            let last = count.last.map(|last| last.strftime(" (last: %a %F %R UTC)").to_string());
            let words = words + &last.unwrap_or_default();
            match counter.cure {
                None => part.with(PartState::InPlace, words),
                Some(_) if count.sum == 0 => part,
                Some(cure) => part.with(PartState::Wrong, format!("{words}: {cure}")),
            }
        })
    }
}

/// The source of the trigger's counts. S3 counts no events.
fn of_trigger(names: &Names) -> Option<Source> {
    match &names.trigger {
        TriggerName::Rule(name) => Some(Source {
            part: PartKind::Rule,
            name: name.clone(),
            namespace: "AWS/Events",
            dimensions: [("RuleName", name.clone())].into(),
            counters: &OF_RULE,
        }),
        TriggerName::Schedule(key) => Some(Source {
            part: PartKind::Schedule,
            name: format!("all schedules of the group {}", key.group),
            namespace: "AWS/Scheduler",
            dimensions: [("ScheduleGroup", key.group.clone())].into(),
            counters: &OF_GROUP,
        }),
        TriggerName::Entries(..) => None,
    }
}

/// The source of the function's counts. The dimension `Resource` selects an alias or a version.
fn of_function(names: &Names) -> Source {
    let function = &names.function;
    let qualified = function.qualifier.as_ref().map(|qualifier| format!("{}:{qualifier}", function.name));
    let dimensions = [("FunctionName", function.name.clone())].into_iter();
    Source {
        part: PartKind::Function,
        name: function.short(),
        namespace: "AWS/Lambda",
        dimensions: dimensions.chain(qualified.map(|qualified| ("Resource", qualified))).collect(),
        counters: &OF_FUNCTION,
    }
}

/// True if the account of the credentials has the metrics of the function.
fn has_metrics(subject: &Subject, names: &Names) -> bool {
    names.function.account == subject.account
}

/// The metrics of a resource, in one Region.
pub fn metrics(subject: &Subject, names: &Names) -> Vec<Metric> {
    let function = has_metrics(subject, names).then(|| of_function(names));
    let sources = of_trigger(names).into_iter().chain(function);
    sources
        .flat_map(|source| {
            source.counters.iter().map(move |counter| source.metric(counter)).collect::<Vec<_>>()
        })
        .collect()
}

/// The history of a resource from its counts.
pub fn history(subject: &Subject, names: &Names, counts: &Read<Vec<Count>>, now: Timestamp) -> History {
    let since = now - HISTORY;
    let counted = |source: &Source| match counts {
        Ok(counts) => source.part(counts),
        Err(why) => part(source.part, &source.name).unread(why),
    };
    let trigger = of_trigger(names).map(|source| match due(subject, since, now) {
        Some(due) => {
            let part = counted(&source);
            let due = match due {
                0 => "no run was due".into(),
                _ => count(due, "run was due", "runs were due"),
            };
            Part { facts: [vec![due], part.facts].concat(), ..part }
        }
        None => counted(&source),
    });
    let function = of_function(names);
    let function = match has_metrics(subject, names) {
        true => counted(&function),
        false => {
            let why = format!("the account {} has its metrics", names.function.account);
            part(function.part, &function.name).unread(&why)
        }
    };
    let counts = counts.clone().unwrap_or_default();
    History { since, parts: trigger.into_iter().chain([function]).collect(), counts }
}

/// The number of runs that were due by the schedule of today. `None` for an interval, and for a suspended schedule.
fn due(subject: &Subject, since: Timestamp, now: Timestamp) -> Option<usize> {
    let ValidSpec::Scheduled(valid) = &subject.spec else { return None };
    if valid.spec.suspend {
        return None;
    }
    match next_runs(&valid.schedule, None, since, MAX_RUNS) {
        NextRuns::Known(runs) => Some(runs.iter().filter(|run| run.utc <= now).count()),
        NextRuns::Never => Some(0),
        NextRuns::Unknown => None,
    }
}
