//! The import of schedules of EventBridge Scheduler.

use super::rule::NOW;
use super::*;
use crate::plan::schedule::{ObservedSchedule, ScheduleKey, ScheduleSettings, ScheduleTarget, full_retry};

const ROLE: &str = "arn:aws:iam::123456789012:role/scheduler";

fn schedule(expression: &str) -> FoundSchedule {
    let settings = ScheduleSettings {
        expression: expression.into(),
        time_zone: "UTC".into(),
        end: None,
        window_minutes: None,
        enabled: true,
        deletes_itself: false,
        description: String::new(),
        target: ScheduleTarget {
            arn: arn("report"),
            role_arn: ROLE.into(),
            input: Some("{\"report\":\"daily\"}".into()),
            retry_policy: full_retry(None),
            dead_letter_queue_arn: None,
        },
    };
    FoundSchedule {
        key: ScheduleKey { group: "default".into(), name: "nightly".into() },
        region: "eu-west-1".into(),
        schedule: ObservedSchedule { settings, start: None, has_more: false },
        function: function(&[], &[]),
        made_by: None,
    }
}

fn import(found: &FoundSchedule) -> Finding {
    import_schedule(&settings(), &mut Names::default(), found, NOW.parse().unwrap())
}

/// The spec of the changed schedule, without the fields that all have.
fn spec(expression: &str, change: impl FnOnce(&mut FoundSchedule)) -> Value {
    let mut found = schedule(expression);
    change(&mut found);
    let (_, sign, mut spec, ..) = row(&import(&found));
    assert_eq!(sign, "imported", "{spec}");
    for (field, value) in [
        ("function", json!({"name": "report"})),
        ("suspend", json!(true)),
        ("deletionPolicy", json!("Retain")),
        ("input", json!({"report": "daily"})),
    ] {
        assert_eq!(spec.as_object_mut().unwrap().remove(field), Some(value), "{field}");
    }
    spec
}

#[test]
fn a_schedule_keeps_its_time_zone_dates_and_window() {
    let date = |text: &str| Some(text.parse().unwrap());
    assert_eq!(
        spec("cron(0 18 ? * MON-FRI *)", |found| {
            found.schedule.settings.time_zone = "Europe/Berlin".into();
            found.schedule.settings.window_minutes = Some(15);
            found.schedule.start = date("2026-01-01T00:00:00Z");
            found.schedule.settings.end = date("2027-01-01T00:00:00Z");
        }),
        json!({
            "schedule": "cron(0 18 ? * MON-FRI *)",
            "timeZone": "Europe/Berlin",
            "flexibleTimeWindowMinutes": 15,
            "startDate": "2026-01-01T00:00:00Z",
            "endDate": "2027-01-01T00:00:00Z",
        })
    );
    assert_eq!(
        spec("rate(1 hour)", |found| {
            found.schedule.settings.time_zone = "Europe/Berlin".into();
            found.schedule.start = date("2026-01-01T00:00:00Z");
        }),
        json!({"schedule": "rate(1 hour)", "startDate": "2026-01-01T00:00:00Z"})
    );
    assert_eq!(
        spec("at(2026-12-24T18:00:00)", |found| {
            found.schedule.start = date("2026-01-01T00:00:00Z");
            found.schedule.settings.end = date("2027-01-01T00:00:00Z");
        }),
        json!({"schedule": "at(2026-12-24T18:00:00)"})
    );
}

#[test]
fn a_schedule_that_a_rule_could_run_stays_with_scheduler() {
    assert_eq!(
        spec("cron(0 18 ? * MON-FRI *)", |_| {}),
        json!({"schedule": "cron(0 18 ? * MON-FRI *)", "backend": "Scheduler"})
    );
    let queue = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:dead");
    let expected = json!({
        "schedule": "rate(1 hour)",
        "backend": "Scheduler",
        "description": "Reports.",
        "deadLetterQueueArn": queue,
        "retryPolicy": {"maximumRetryAttempts": 0, "maximumEventAgeSeconds": 86400},
        "region": "us-east-1",
    });
    let changed = spec("rate(1 hour)", |found| {
        found.region = "us-east-1".into();
        let settings = &mut found.schedule.settings;
        settings.description = "Reports.".into();
        settings.target.arn = settings.target.arn.replace("eu-west-1", "us-east-1");
        settings.target.dead_letter_queue_arn = Some(queue);
        settings.target.retry_policy.maximum_retry_attempts = Some(0);
    });
    assert_eq!(changed, expected);
}

#[test]
fn a_schedule_has_its_hand_over_and_notes() {
    let mut found = schedule("at(2026-12-24T18:00:00)");
    found.schedule.settings.target.input = None;
    let finding = import(&found);
    let Outcome::Imported(imported) = &finding.outcome else { panic!("{finding:?}") };
    let at = |runs| HandOver::Schedule {
        group: "default".into(),
        name: "nightly".into(),
        region: "eu-west-1".into(),
        runs,
    };
    let next = "2026-12-24T18:00:00Z".parse().unwrap();
    let quiet = vec![QuietTime { from: None, until: "2026-12-24T17:59:00Z".parse().unwrap() }];
    assert_eq!(imported.hand_over, at(Some(Runs::At { next, following: None, quiet })));
    let notes = [
        format!(
            "EventBridge Scheduler uses the operator's role in place of {ROLE}: set --scheduler-role-arn"
        ),
        "it has no input, so the function receives the operator's event in place of Scheduler's".into(),
    ];
    assert_eq!(finding.notes, notes);
    assert_eq!(finding.part, "schedule default/nightly (at(2026-12-24T18:00:00), UTC)");

    found.schedule.settings.enabled = false;
    let Outcome::Imported(imported) = import(&found).outcome else { panic!() };
    assert_eq!(imported.hand_over, at(None));
}

#[test]
fn a_schedule_without_an_equivalent_has_a_reason() {
    let row = |change: fn(&mut FoundSchedule)| {
        let mut found = schedule("rate(1 day)");
        change(&mut found);
        let (_, sign, why, ..) = super::row(&import(&found));
        (sign, why.as_str().unwrap().to_owned())
    };
    let rows = [
        row(|found| found.key.group = "lt-0a1b2c3d".into()),
        row(|found| found.schedule.has_more = true),
        row(|found| found.schedule.settings.target.arn = "arn:aws:scheduler:::aws-sdk:lambda:invoke".into()),
        row(|found| {
            found.schedule.settings.target.arn = "arn:aws:lambda:eu-west-1:210987654321:function:f".into();
        }),
        row(|found| found.schedule.settings.target.arn = arn("f").replace("eu-west-1", "us-east-1")),
        row(|found| found.function = FunctionState::Missing),
        row(|found| found.schedule.settings.expression = "at(2026-01-01T00:00:00)".into()),
        row(|found| found.schedule.settings.expression = "every day".into()),
    ];
    let expected = [
        ("stays", "an operator with the owner id 0a1b2c3d has it"),
        (
            "not imported",
            "it has settings without an equivalent, such as a KMS key or parameters of another service",
        ),
        ("not imported", "its target is no function: arn:aws:scheduler:::aws-sdk:lambda:invoke"),
        ("not imported", "its function is in account 210987654321"),
        ("not imported", "its function is in us-east-1"),
        (
            "not imported",
            "its function does not exist: arn:aws:lambda:eu-west-1:123456789012:function:report",
        ),
        ("stays", "it is over: no run is left"),
    ];
    assert_eq!(rows[..7], expected.map(|(sign, why)| (sign, why.to_owned())));
    assert!(rows[7].1.starts_with("spec.schedule: Invalid value: \"every day\""), "{rows:?}");
}
