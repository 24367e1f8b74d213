use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::parse_time_zone;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn explain(
    schedule: &str,
    [zone, shown_zone]: [&str; 2],
    from: &str,
) -> Result<ScheduleExplanation, Vec<FieldError>> {
    let [zone, shown_zone] = [zone, shown_zone].map(|name| parse_time_zone(name).ok());
    explain_schedule(&ScheduleQuestion {
        schedule,
        zone: zone.as_ref(),
        shown_zone: shown_zone.as_ref(),
        from: time(from),
        count: 2,
    })
}

/// The notes about clock changes.
fn notes(schedule: &str, zones: [&str; 2], from: &str) -> Vec<String> {
    explain(schedule, zones, from).unwrap().notes
}

#[test]
fn a_schedule_without_a_zone_is_a_rule_in_utc() {
    let explanation = explain("0 18 * * MON-FRI", ["", "Europe/Berlin"], "2026-11-27T16:00:00Z").unwrap();
    assert_eq!(
        serde_json::to_value(explanation).unwrap(),
        json!({
            "expression": "cron(0 18 ? * MON-FRI *)",
            "backend": "Rule",
            "timeZone": "UTC",
            "words": "At 18:00 UTC, on Monday to Friday.",
            "nextRuns": {"result": "Known", "runs": [
                {"utc": "2026-11-27T18:00:00Z", "local": "2026-11-27T19:00:00+01:00"},
                {"utc": "2026-11-30T18:00:00Z", "local": "2026-11-30T19:00:00+01:00"},
            ]},
            "notes": [
                "From 2027-03-28 on, 18:00 UTC is 20:00 in Europe/Berlin, no longer 19:00: the schedule is in UTC. \
                 spec.timeZone keeps the local time."
            ],
        })
    );
}

#[test]
fn a_schedule_with_a_zone_belongs_to_scheduler() {
    let explanation = explain("0 18 * * *", ["Europe/Berlin", ""], "2027-03-27T12:00:00Z").unwrap();
    assert_eq!(
        serde_json::to_value(explanation).unwrap(),
        json!({
            "expression": "cron(0 18 * * ? *)",
            "backend": "Scheduler",
            "timeZone": "Europe/Berlin",
            "words": "At 18:00 Europe/Berlin.",
            "nextRuns": {"result": "Known", "runs": [
                {"utc": "2027-03-27T17:00:00Z", "local": "2027-03-27T18:00:00+01:00"},
                {"utc": "2027-03-28T16:00:00Z", "local": "2027-03-28T18:00:00+02:00"},
            ]},
            "notes": [],
        })
    );
    // A run in UTC needs no second column.
    let utc = explain("0 18 * * *", ["UTC", ""], "2027-03-27T12:00:00Z").unwrap();
    assert_eq!((utc.backend, utc.time_zone.as_str()), (Backend::Scheduler, "UTC"));
    let local = |explanation: ScheduleExplanation| match explanation.next_runs {
        NextRuns::Known(runs) => runs[0].local.as_ref().map(ToString::to_string),
        other => panic!("{other:?}"),
    };
    assert_eq!(local(utc), None);
    let elsewhere = explain("0 18 * * *", ["Europe/Berlin", "Asia/Tokyo"], "2027-03-27T12:00:00Z").unwrap();
    assert_eq!(local(elsewhere).as_deref(), Some("2027-03-28T02:00:00+09:00[Asia/Tokyo]"));
}

#[test]
fn the_change_of_another_clock_moves_a_run_in_utc() {
    let note = |day, after, zone, before| {
        vec![format!(
            "From {day} on, 18:00 UTC is {after} in {zone}, no longer {before}: the schedule is in UTC. \
             spec.timeZone keeps the local time."
        )]
    };
    for (zone, from, expected) in [
        ("Europe/Berlin", "2027-06-01T00:00:00Z", note("2027-10-31", "19:00", "Europe/Berlin", "20:00")),
        (
            "America/New_York",
            "2027-01-01T00:00:00Z",
            note("2027-03-14", "14:00", "America/New_York", "13:00"),
        ),
        (
            "America/New_York",
            "2027-06-01T00:00:00Z",
            note("2027-11-07", "13:00", "America/New_York", "14:00"),
        ),
        (
            "Australia/Sydney",
            "2027-01-01T00:00:00Z",
            note("2027-04-04", "04:00", "Australia/Sydney", "05:00"),
        ),
        (
            "Australia/Sydney",
            "2027-06-01T00:00:00Z",
            note("2027-10-03", "05:00", "Australia/Sydney", "04:00"),
        ),
        ("Asia/Kolkata", "2027-01-01T00:00:00Z", vec![]),
        ("UTC", "2027-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(notes("0 18 * * *", ["", zone], from), expected, "{zone} {from}");
    }
    // No run is due between the two next changes.
    for schedule in ["cron(0 18 1 1 ? 2027)", "cron(0 18 1 1 ? 2028)", "cron(0 18 1 12 ? *)"] {
        assert_eq!(notes(schedule, ["", "Europe/Berlin"], "2026-12-02T00:00:00Z"), [""; 0], "{schedule}");
    }
}

#[test]
fn runs_in_a_skipped_or_repeated_hour_have_a_note() {
    let berlin = [
        "On 2027-03-28, the clocks of Europe/Berlin skip 02:00 to 03:00: AWS leaves out the runs of that time.",
        "On 2027-10-31, 02:00 to 03:00 occurs twice in Europe/Berlin: AWS runs the function only at the first.",
    ];
    for (schedule, expected) in [
        ("30 2 * * *", &berlin[..]),
        ("0 2 * * *", &berlin),
        ("0 * * * *", &berlin),
        ("30 2 * 3 *", &berlin[..1]),
        ("30 2 * 10 *", &berlin[1..]),
        ("0 3 * * *", &[]),
        ("59 1 * * *", &[]),
    ] {
        let found = notes(schedule, ["Europe/Berlin", ""], "2027-01-01T00:00:00Z");
        assert_eq!(found, expected, "{schedule}");
    }
    assert_eq!(
        notes("45 1 * * *", ["Australia/Lord_Howe", ""], "2027-01-01T00:00:00Z"),
        [
            "On 2027-04-04, 01:30 to 02:00 occurs twice in Australia/Lord_Howe: AWS runs the function only at the first."
        ]
    );
    let once = "at(2027-10-31T02:30:00)";
    assert_eq!(notes(once, ["Europe/Berlin", ""], "2027-01-01T00:00:00Z"), berlin[1..]);
}

#[test]
fn an_interval_has_no_known_runs() {
    let explanation = explain("rate(15 minutes)", ["", "Europe/Berlin"], "2027-01-01T00:00:00Z").unwrap();
    assert_eq!(
        serde_json::to_value(explanation).unwrap(),
        json!({
            "expression": "rate(15 minutes)",
            "backend": "Rule",
            "timeZone": "UTC",
            "words": "Every 15 minutes.",
            "nextRuns": {"result": "Unknown"},
            "notes": [
                "The first run is one interval after AWS creates the rule or changes its interval, and AWS does not \
                 tell that time. spec.startDate sets the beginning, and selects EventBridge Scheduler."
            ],
        })
    );
}

#[test]
fn a_past_schedule_never_runs() {
    for (schedule, from) in [
        ("cron(0 18 1 1 ? 2026)", "2026-01-01T18:00:00Z"),
        ("at(2026-12-24T18:00:00)", "2026-12-24T18:00:00Z"),
    ] {
        let explanation = explain(schedule, ["", ""], from).unwrap();
        assert_eq!((explanation.next_runs, explanation.notes), (NextRuns::Never, vec![]), "{schedule}");
    }
    let left = explain("at(2026-12-24T18:00:00)", ["", ""], "2026-12-24T17:59:59Z").unwrap();
    assert_eq!(
        (left.backend, left.next_runs),
        (Backend::Scheduler, NextRuns::Known(vec![Run { utc: time("2026-12-24T18:00:00Z"), local: None }]))
    );
}

#[test]
fn an_invalid_schedule_has_the_messages_of_the_crd() {
    let errors = |schedule, zone| {
        let errors = explain(schedule, [zone, ""], "2027-01-01T00:00:00Z").unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(errors("rate(1 hours)", ""), ["spec.schedule: write rate(1 hour)"]);
    assert_eq!(
        errors("rate(1 hour)", "Europe/Berlin"),
        [
            "spec.timeZone: remove timeZone, or write cron(...): an interval counts minutes, and no clock change \
          affects it"
        ]
    );
    assert_eq!(
        errors("at(2027-03-28T02:30:00)", "Europe/Berlin"),
        [
            "spec.schedule: write at(2027-03-28T03:30:00) or another time that exists: the clocks of Europe/Berlin \
          skip 2027-03-28T02:30:00"
        ]
    );
}

proptest! {
    /// A note has no effect on the runs, and each run follows the run before it.
    #[test]
    fn runs_ascend(minute in 0..60_u8, hour in 0..24_u8, zone in prop::sample::select(vec![
        "", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia",
    ]), day in 0..4000_i64) {
        let from = time("2020-01-01T00:00:00Z").checked_add(SignedDuration::from_hours(24 * day)).unwrap();
        let explanation = explain(&format!("{minute} {hour} * * *"), [zone, ""], &from.to_string()).unwrap();
        let NextRuns::Known(runs) = explanation.next_runs else { panic!("no runs") };
        let times: Vec<Timestamp> = std::iter::once(from).chain(runs.iter().map(|run| run.utc)).collect();
        prop_assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
        let is_due = |run: &Run| match &run.local {
            Some(local) => (local.hour(), local.minute()) == (hour as i8, minute as i8),
            None => zone.is_empty(),
        };
        prop_assert!(runs.iter().all(is_due), "{runs:?}");
    }
}
