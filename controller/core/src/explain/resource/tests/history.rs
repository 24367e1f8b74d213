//! Tests of the last day of a resource.

use serde_json::json;

use super::*;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The history as lines, with these sums and last minutes. All other sums are zero.
fn lines(subject: &Subject, sums: &[(&str, usize, &str)]) -> Vec<String> {
    let names = Names::of(subject);
    let count = |metric: Metric| {
        let sum = sums.iter().find(|(name, ..)| *name == metric.name);
        Count { metric, sum: sum.map_or(0, |sum| sum.1), last: sum.map(|sum| at(sum.2)) }
    };
    let counts = metrics(subject, &names).into_iter().map(count).collect();
    explain(subject, &names, Ok(counts))
}

fn explain(subject: &Subject, names: &Names, counts: Read<Vec<Count>>) -> Vec<String> {
    let observed = Observed {
        function: Ok(Some(None)),
        policy: Ok(Policy::default()),
        trigger: ObservedTrigger::Rule { rule: Ok(None), sharing: Ok(vec![]) },
        counts: Some(counts),
    };
    let history = explain_resource(subject, names, &observed, now()).history.unwrap();
    assert_eq!(history.since, at("2026-11-26T16:00:00Z"));
    let line =
        |part: &Part| format!("{:?} {} {:?}: {}", part.part, part.name, part.state, part.facts.join("; "));
    history.parts.iter().map(line).collect()
}

#[test]
fn the_history_states_the_due_runs_and_the_counts() {
    let report = scheduled(named("report"), Backend::Rule, false);
    assert_eq!(
        lines(&report, &[]),
        [
            format!("Rule {RULE} InPlace: 1 run was due; did not fire"),
            "Function report InPlace: received no event; did not run".to_owned(),
        ]
    );
    let run = "2026-11-26T18:00:00Z";
    assert_eq!(
        lines(&report, &[("TriggeredRules", 1, run), ("AsyncEventsReceived", 1, run), ("Invocations", 2, run)]),
        [
            format!("Rule {RULE} InPlace: 1 run was due; fired once (last: Thu 2026-11-26 18:00 UTC)"),
            "Function report InPlace: 1 event received (last: Thu 2026-11-26 18:00 UTC); ran 2 times (last: Thu \
             2026-11-26 18:00 UTC)"
                .to_owned(),
        ]
    );
    // A suspended schedule has no due runs.
    let suspended = scheduled(named("report"), Backend::Rule, true);
    assert_eq!(lines(&suspended, &[])[0], format!("Rule {RULE} InPlace: did not fire"));
}

#[test]
fn a_counted_failure_is_a_problem_with_the_next_step() {
    let report = scheduled(named("report"), Backend::Rule, false);
    let run = "2026-11-27T15:59:00Z";
    let failures =
        ["FailedInvocations", "Errors", "Throttles", "AsyncEventsDropped"].map(|name| (name, 2, run));
    assert_eq!(
        lines(&report, &failures),
        [
            format!(
                "Rule {RULE} Wrong: 1 run was due; did not fire; 2 events did not reach Lambda (last: Fri 2026-11-27 \
                 15:59 UTC): check the permission on the function"
            ),
            "Function report Wrong: received no event; did not run; 2 runs failed (last: Fri 2026-11-27 15:59 UTC): the \
             log of the function has the error; 2 runs were throttled (last: Fri 2026-11-27 15:59 UTC): check the \
             reserved concurrency of the function; 2 events were dropped (last: Fri 2026-11-27 15:59 UTC): check the \
             retries and the maximum age of events"
                .to_owned(),
        ]
    );
}

#[test]
fn a_schedule_has_the_counts_of_its_group() {
    let report = scheduled(named("report"), Backend::Scheduler, false);
    let run = "2026-11-26T18:00:00Z";
    let sums = [
        ("InvocationAttemptCount", 12, run),
        ("TargetErrorCount", 1, run),
        ("InvocationDroppedCount", 1, run),
    ];
    assert_eq!(
        lines(&report, &sums)[0],
        "Schedule all schedules of the group lt-1a2b3c4d Wrong: 1 run was due; 12 attempts to invoke functions (last: Thu \
         2026-11-26 18:00 UTC); 1 attempt failed (last: Thu 2026-11-26 18:00 UTC): check the role with lambda-triggers \
         doctor --function; 1 run was given up (last: Thu 2026-11-26 18:00 UTC): look into the dead-letter queue, if the \
         schedule has one"
    );
}

#[test]
fn the_metrics_are_those_of_the_rule_and_of_the_alias() {
    let function = FunctionRef { qualifier: Some("live".into()), ..named("report") };
    let report = scheduled(function, Backend::Rule, false);
    let names = Names::of(&report);
    let shown = serde_json::to_value(metrics(&report, &names)).unwrap();
    let of_rule = |name| json!({"namespace": "AWS/Events", "name": name, "dimensions": {"RuleName": RULE}});
    let of_function = |name| {
        json!({
            "namespace": "AWS/Lambda", "name": name,
            "dimensions": {"FunctionName": "report", "Resource": "report:live"},
        })
    };
    let expected = json!([
        of_rule("TriggeredRules"),
        of_rule("FailedInvocations"),
        of_function("AsyncEventsReceived"),
        of_function("Invocations"),
        of_function("Errors"),
        of_function("Throttles"),
        of_function("AsyncEventsDropped"),
    ]);
    assert_eq!(shown, expected);
    // S3 counts no events.
    let thumbs = s3(&[""], false);
    assert_eq!(lines(&thumbs, &[]), ["Function thumb InPlace: received no event; did not run"]);
}

#[test]
fn metrics_that_cannot_be_read_are_unknown() {
    let report = scheduled(named("report"), Backend::Rule, false);
    let names = Names::of(&report);
    assert_eq!(
        explain(&report, &names, Err("denied".into())),
        [
            format!("Rule {RULE} Unread: 1 run was due; not read: denied"),
            "Function report Unread: not read: denied".to_owned(),
        ]
    );
    // Another account has the metrics of its functions.
    let arn = format!("arn:aws:lambda:{REGION}:210987654321:function:report");
    let foreign = FunctionRef { arn: Some(arn), ..FunctionRef::default() };
    let foreign = Subject { spec: scheduled(foreign, Backend::Rule, false).spec, ..report };
    let read = metrics(&foreign, &Names::of(&foreign));
    assert_eq!(read.iter().map(|metric| metric.namespace).collect::<Vec<_>>(), ["AWS/Events"; 2]);
    let other = lines(&foreign, &[]);
    assert!(other[1].ends_with("Unread: not read: the account 210987654321 has its metrics"), "{other:?}");
}
