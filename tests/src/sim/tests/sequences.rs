//! Sequences of valid and invalid specs for one live object. The end must be the same as after a fresh start with the
//! last spec. The operator reports each invalid spec, and recovers with the next valid spec.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{parallel, print_figures, seeds};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::oracles::{Oracle, Watchdog, judge};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE, Run};

/// The number of sequences in `make test`.
const SEQUENCES: usize = 1_000;

/// A kind of object, with an existing or a deployed function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Triggered,
    TriggeredDeployed,
    Scheduled,
    ScheduledDeployed,
}

const SUBJECTS: [Subject; 4] =
    [Subject::Triggered, Subject::TriggeredDeployed, Subject::Scheduled, Subject::ScheduledDeployed];

impl Subject {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Triggered | Self::TriggeredDeployed => "S3TriggeredFunction",
            Self::Scheduled | Self::ScheduledDeployed => "ScheduledFunction",
        }
    }

    /// A valid spec.
    fn spec(self) -> Value {
        let definition = json!({
            "functionName": "own", "runtime": "python3.13", "handler": "app.handler",
            "roleArn": "arn:aws:iam::123456789012:role/functions",
            "code": {"inline": {"app.py": "def handler(event, context): pass"}},
        });
        let function = match self {
            Self::Triggered | Self::Scheduled => json!({"name": "resize"}),
            Self::TriggeredDeployed | Self::ScheduledDeployed => json!({"definition": definition}),
        };
        match self {
            Self::Triggered | Self::TriggeredDeployed => {
                json!({"function": function, "bucket": "photos", "filters": [{"prefix": "images/"}]})
            }
            Self::Scheduled | Self::ScheduledDeployed => {
                json!({"function": function, "schedule": "rate(1 hour)"})
            }
        }
    }

    /// The changing properties as JSON pointers into the spec, each with valid and invalid values. A null removes the
    /// property.
    fn properties(self) -> Vec<(&'static str, Vec<Value>)> {
        let tags = || json!([null, {"team": "a"}, {"team": "b", "stage": "x"}, {"aws:team": "a"}, {"lambda-triggers.dev/owner": "x"}]);
        let mut properties = vec![
            ("/suspend", json!([null, true, false])),
            ("/deletionPolicy", json!([null, "Retain", "Delete", "Keep"])),
        ];
        match self {
            Self::Triggered | Self::TriggeredDeployed => properties.extend([
                ("/bucket", json!(["photos", "archive", "nowhere", "far", "No_Bucket", "arn:aws:s3:::photos"])),
                ("/events", json!([null, ["s3:ObjectCreated:*"], ["s3:ObjectCreated:Put", "s3:ObjectTagging:*"], ["s3:ObjectCreated:Copy"], ["s3:Unknown"], []])),
                ("/filters", json!([null, [{"prefix": "images/"}], [{"prefix": "a/"}, {"prefix": "b/", "suffix": ".png"}], [{"suffix": ".csv"}], [{"prefix": "a/"}, {"prefix": "a/b/"}], [{"prefix": "in/*"}]])),
            ]),
            Self::Scheduled | Self::ScheduledDeployed => properties.extend([
                ("/schedule", json!(["rate(1 hour)", "rate(1 hours)", "cron(0 18 ? * MON-FRI *)", "cron(0 18 * * MON-FRI *)", "*/5 * * * *", "@daily", "at(2025-01-01T00:00:00)", "at(2030-01-01T00:00:00)", "at(2030-02-31T00:00:00)", "soon", null])),
                ("/backend", json!([null, "Rule", "Scheduler", "Cron"])),
                ("/timeZone", json!([null, "Europe/Berlin", "Asia/Kolkata", "Mars/Phobos"])),
                ("/startDate", json!([null, "2025-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "tomorrow"])),
                ("/endDate", json!([null, "2025-06-01T00:00:00Z", "2031-01-01T00:00:00Z"])),
                ("/flexibleTimeWindowMinutes", json!([null, 2, 15, 0])),
                ("/input", json!([null, {"a": 1}, [1, 2], "text"])),
                ("/description", json!([null, "one", "two"])),
                ("/retryPolicy", json!([null, {"maximumRetryAttempts": 2}, {"maximumRetryAttempts": 186}, {"maximumEventAgeSeconds": 60}, {"maximumEventAgeSeconds": 1}])),
                ("/deadLetterQueueArn", json!([null, "arn:aws:sqs:eu-west-1:123456789012:dead", "arn:aws:sns:eu-west-1:123456789012:dead"])),
                ("/tags", tags()),
            ]),
        }
        match self {
            Self::Triggered | Self::Scheduled => properties.push((
                "/function",
                json!([{"name": "resize"}, {"name": "report"}, {"name": "nobody"}, {"arn": "arn:aws:lambda:eu-west-1:123456789012:function:report"}, {"arn": "report"}, {"name": "resize", "qualifier": "live"}, {}]),
            )),
            Self::TriggeredDeployed | Self::ScheduledDeployed => properties.extend([
                ("/function/definition/functionName", json!([null, "own", "other", "theirs", "no name"])),
                ("/function/definition/code", json!([{"inline": {"app.py": "1"}}, {"inline": {"app.py": "2"}}, {"configMap": {"name": "nowhere"}}, {}, {"image": "nginx"}])),
                ("/function/definition/memorySizeMB", json!([null, 128, 512, 64, 20_000])),
                ("/function/definition/timeout", json!([null, 30, 0, 901])),
                ("/function/definition/handler", json!(["app.handler", "app.other", null])),
                ("/function/definition/environment", json!([null, {"A": "1"}, {"A": "2", "B": "3"}, {"AWS_REGION": "x"}])),
                ("/function/definition/tags", tags()),
                ("/function/definition/reservedConcurrency", json!([null, 0, 5, 5000])),
                ("/function/definition/description", json!([null, "one", "two"])),
            ]),
        }
        let values = |values: Value| values.as_array().cloned().unwrap_or_default();
        properties.into_iter().map(|(property, all)| (property, values(all))).collect()
    }

    pub fn object(self, spec: &Value) -> Value {
        json!({
            "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": self.kind(),
            "metadata": {"name": "live", "namespace": NAMESPACE}, "spec": spec,
        })
    }
}

/// The spec with one changed property.
fn changed(spec: &Value, property: &str, value: Value) -> Value {
    let mut spec = spec.clone();
    let (parent, field) = property.rsplit_once('/').unwrap_or_default();
    let Some(fields) = spec.pointer_mut(parent).and_then(Value::as_object_mut) else { return spec };
    match value {
        Value::Null => fields.remove(field),
        value => fields.insert(field.into(), value),
    };
    spec
}

/// A description of a wrong status of an idle object. The object must be ready, or Stalled with a message.
fn wrong_status(sim: &Sim, subject: Subject) -> Option<String> {
    let object = sim.cluster.get(subject.kind(), NAMESPACE, "live")?;
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is = |kind: &str, status: &str| {
        conditions.iter().any(|c| {
            c["type"] == kind
                && c["status"] == status
                && c["message"].as_str().is_some_and(|text| text.len() > 10)
        })
    };
    let seen = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    (!(seen && (is("Ready", "True") || is("Ready", "False") && is("Stalled", "True"))))
        .then(|| format!("{} at rest: {}", object["spec"], object["status"]))
}

/// Applies a sequence of specs. Returns the result of the last spec, and all wrong statuses.
async fn play(sim: &Sim, subject: Subject, specs: &[(Value, bool)]) -> (Run, Vec<String>) {
    workflows::prepare(sim);
    let watchdog = Watchdog::watch(sim, &[]);
    let operator = sim.start();
    let mut wrong_statuses = vec![];
    for (spec, checked) in specs {
        let object = subject.object(spec);
        let applied =
            if *checked { sim.cluster.apply(&object) } else { sim.cluster.apply_unchecked(&object) };
        applied.unwrap_or_else(|refused| panic!("{spec}: {refused:?}"));
        workflows::until_idle(sim).await;
        wrong_statuses.extend(wrong_status(sim, subject));
    }
    workflows::until_orphan_check(sim).await;
    workflows::until_idle(sim).await;
    watchdog.at_rest(sleep(workflows::RESYNC_PERIOD)).await;
    operator.kill();
    (workflows::result(sim, 0, watchdog.findings()), wrong_statuses)
}

/// The API server's refusal of a spec.
fn refusal(subject: Subject, spec: &Value) -> Option<String> {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            sim.cluster.apply(&subject.object(spec)).err().map(|refused| format!("{refused:?}"))
        },
    )
}

/// A sequence that starts with a valid spec and changes one or two properties in each step. A spec that the API server
/// refuses is dropped, or is accepted as if an older CRD had no such rule.
pub fn sequence(subject: Subject, random: &mut StdRng) -> Vec<(Value, bool)> {
    let properties = subject.properties();
    let mut specs = vec![(subject.spec(), true)];
    for _ in 0..random.random_range(2..6) {
        let mut spec = specs.last().map(|(spec, _)| spec.clone()).unwrap_or_default();
        if random.random_bool(0.2) {
            spec = subject.spec();
        }
        for _ in 0..random.random_range(1..3) {
            let Some((property, values)) = properties.choose(random) else { continue };
            spec = changed(&spec, property, values.choose(random).cloned().unwrap_or_default());
        }
        match refusal(subject, &spec) {
            None => specs.push((spec, true)),
            Some(_) if random.random_bool(0.5) => specs.push((spec, false)),
            Some(_) => {}
        }
    }
    if random.random_bool(0.5) {
        specs.push((subject.spec(), true));
    }
    specs
}

/// The violations of a sequence.
fn findings(number: usize) -> (usize, Vec<String>) {
    let mut random = StdRng::seed_from_u64(number as u64);
    let subject = SUBJECTS[number % SUBJECTS.len()];
    let specs = sequence(subject, &mut random);
    let run = |specs: &[(Value, bool)]| {
        simulate(1, |_: &Call| CallFault::Pass, async |sim| play(&sim, subject, specs).await)
    };
    let (lived, wrong_statuses) = run(&specs);
    let last = specs.len() - 1;
    let (fresh, _) = run(&specs[last..]);
    let counts = |oracle: Oracle| match oracle {
        // Retained resources, and resources of an invalid last spec, keep their earlier state.
        Oracle::EndState => lived.conditions == fresh.conditions && is_ready(&fresh) && !retained(&specs),
        Oracle::Effects | Oracle::Foreign => false,
        // The operator tries a refused spec again.
        Oracle::Rest => is_ready(&lived),
        Oracle::Gone
        | Oracle::Ready
        | Oracle::ReadyInDoubt
        | Oracle::Runs
        | Oracle::Secret
        | Oracle::Kstatus => true,
    };
    let mut findings: Vec<String> =
        judge(&seeds::own_entries_only(fresh.clone()), &seeds::own_entries_only(lived.clone()))
            .into_iter()
            .filter(|f| counts(f.oracle))
            .map(|f| f.to_string())
            .collect();
    if is_ready(&fresh) != is_ready(&lived) {
        findings.push(format!("{:?}\n  from a fresh start {:?}", lived.conditions, fresh.conditions));
    }
    findings.extend(wrong_statuses);
    (
        specs.len(),
        findings.into_iter().map(|finding| format!("sequence {number}: {finding}\n  of {specs:?}")).collect(),
    )
}

fn retained(specs: &[(Value, bool)]) -> bool {
    specs.iter().any(|(spec, _)| spec["deletionPolicy"] == "Retain")
}

fn is_ready(run: &Run) -> bool {
    run.conditions.values().flatten().any(|[kind, status, ..]| kind == "Ready" && status == "True")
}

#[test]
fn any_sequence_ends_like_a_fresh_start() {
    let results = parallel::each(SEQUENCES, findings);
    let mut steps = 0;
    let mut failures = vec![];
    for result in results {
        let (count, wrong) = result.unwrap_or_else(|panic| (0, vec![panic]));
        steps += count;
        failures.extend(wrong);
    }
    print_figures(&format!("sequences: {SEQUENCES}, {steps} specs"));
    assert!(failures.is_empty(), "{} findings:\n{}", failures.len(), failures.join("\n"));
}
