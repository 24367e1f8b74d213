//! Runs of schedules around clock changes, at dates and at windows.

use jiff::civil::{DateTime, date};
use proptest::prelude::*;

use super::*;

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule {
        expression: expression.parse().unwrap_or_else(|message| panic!("{expression}: {message}")),
        time_zone: (!zone.is_empty()).then(|| zone.to_owned()),
        start: None,
        end: None,
        window_minutes: None,
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The runs after `from` until `to`, found forwards. The search backwards must find the same runs.
fn runs(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let next = |last: &Timestamp| schedule.next_run(*last).filter(|run| *run <= to);
    let forwards: Vec<Timestamp> = std::iter::successors(next(&from), next).collect();
    let instant_before = |run: &Timestamp| run.checked_sub(NANOSECOND).unwrap();
    let last = |now: Timestamp| schedule.last_run(now).filter(|run| *run > from);
    let mut backwards: Vec<Timestamp> =
        std::iter::successors(last(to), |run| last(instant_before(run))).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards, "{schedule:?}");
    forwards
}

/// The runs in a local day and the day after it, as local times with offsets.
fn local_runs(expression: &str, zone: &str, day: &str) -> Vec<String> {
    let found = time_zone::find(zone).unwrap();
    let from: DateTime = format!("{day}T00:00").parse().unwrap();
    let instant = |local: DateTime| found.to_timestamp(local).unwrap().checked_sub(NANOSECOND).unwrap();
    let to = from.checked_add(jiff::Span::new().days(2)).unwrap();
    let runs = runs(&schedule(expression, zone), instant(from), instant(to));
    runs.iter().map(|run| run.to_zoned(found.clone()).strftime("%d %R %z").to_string()).collect()
}

#[test]
fn a_skipped_time_has_no_run_and_a_repeated_time_runs_at_the_first_occurrence() {
    for (expression, zone, day, expected) in [
        ("cron(30 2 * * ? *)", "America/Los_Angeles", "2027-03-14", vec!["15 02:30 -0700"]),
        ("cron(30 1 * * ? *)", "America/Los_Angeles", "2027-11-07", vec!["07 01:30 -0700", "08 01:30 -0800"]),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2027-03-28", vec!["29 02:30 +0200"]),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2027-10-31", vec!["31 02:30 +0200", "01 02:30 +0100"]),
        // The clocks of Lord Howe change by half an hour.
        ("cron(15 2 * * ? *)", "Australia/Lord_Howe", "2027-10-03", vec!["04 02:15 +1100"]),
        ("cron(45 2 * * ? *)", "Australia/Lord_Howe", "2027-10-03", vec!["03 02:45 +1100", "04 02:45 +1100"]),
        ("cron(45 1 * * ? *)", "Australia/Lord_Howe", "2027-04-04", vec!["04 01:45 +1100", "05 01:45 +1030"]),
        // Samoa had no 30 December 2011.
        ("cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29", vec!["29 12:00 -1000"]),
        ("cron(0 12 30 12 ? 2011)", "Pacific/Apia", "2011-12-29", vec![]),
        ("cron(30 2 * * ? *)", "Asia/Kolkata", "2027-03-28", vec!["28 02:30 +0530", "29 02:30 +0530"]),
    ] {
        assert_eq!(local_runs(expression, zone, day), expected, "{expression} {zone}");
    }
}

#[test]
fn an_interval_of_minutes_has_no_runs_in_the_repeated_hour() {
    let half_hours = |day| local_runs("cron(0/30 1-3 28,31 3,10 ? 2027)", "Europe/Berlin", day);
    assert_eq!(
        half_hours("2027-03-28"),
        ["28 01:00 +0100", "28 01:30 +0100", "28 03:00 +0200", "28 03:30 +0200"]
    );
    assert_eq!(
        half_hours("2027-10-31"),
        [
            "31 01:00 +0200",
            "31 01:30 +0200",
            "31 02:00 +0200",
            "31 02:30 +0200",
            "31 03:00 +0100",
            "31 03:30 +0100"
        ]
    );
}

#[test]
fn a_run_in_the_past_hour_is_the_last_run_during_the_repeated_hour() {
    let schedule = schedule("cron(30 2 * * ? *)", "Europe/Berlin");
    // 02:10 on 31 October 2027 for the second time.
    let now = time("2027-10-31T01:10:00Z");
    assert_eq!(schedule.last_run(now), Some(time("2027-10-31T00:30:00Z")));
    assert_eq!(schedule.next_run(now), Some(time("2027-11-01T01:30:00Z")));
}

#[test]
fn dates_limit_the_runs() {
    let limited = Schedule {
        start: Some(time("2027-01-02T17:00:00Z")),
        end: Some(time("2027-01-04T17:00:00Z")),
        ..schedule("cron(0 18 * * ? *)", "Europe/Berlin")
    };
    let (from, to) = (time("2026-12-24T00:00:00Z"), time("2027-02-01T00:00:00Z"));
    let days = ["2027-01-02T17:00:00Z", "2027-01-03T17:00:00Z", "2027-01-04T17:00:00Z"].map(time);
    assert_eq!(runs(&limited, from, to), days);
    assert_eq!(limited.completes_at(), limited.end);
    assert!(!limited.is_over(time("2027-01-04T16:59:59Z")));
    assert!(limited.is_over(time("2027-01-04T17:00:00Z")));
}

#[test]
fn an_interval_counts_from_its_start() {
    let daily = Schedule { start: Some(time("2027-03-27T01:30:00Z")), ..schedule("rate(1 day)", "") };
    let (from, to) = (time("2027-01-01T00:00:00Z"), time("2027-03-29T12:00:00Z"));
    let days = ["2027-03-27T01:30:00Z", "2027-03-28T01:30:00Z", "2027-03-29T01:30:00Z"].map(time);
    assert_eq!(runs(&daily, from, to), days);
    let unknown = schedule("rate(1 day)", "");
    assert_eq!((unknown.next_run(from), unknown.last_run(from)), (Some(from), None));
    assert_eq!((unknown.completes_at(), unknown.is_over(to)), (None, false));
}

#[test]
fn the_longest_interval_has_one_run() {
    let start = time("2027-01-01T00:00:00Z");
    let rare = Schedule { start: Some(start), ..schedule("rate(999999999 days)", "") };
    assert_eq!((rare.last_run(start), rare.next_run(start)), (Some(start), None));
}

#[test]
fn one_run_is_due_in_its_time_zone() {
    let once = schedule("at(2026-12-24T18:00:00)", "Europe/Berlin");
    let due = time("2026-12-24T17:00:00Z");
    assert_eq!(once.due_at(), Ok(Some(due)));
    let before = due.checked_sub(NANOSECOND).unwrap();
    assert_eq!(
        (once.next_run(before), once.last_run(before), once.is_over(before)),
        (Some(due), None, false)
    );
    assert_eq!((once.next_run(due), once.last_run(due), once.is_over(due)), (None, Some(due), true));
    let repeated = schedule("at(2027-10-31T02:30:00)", "Europe/Berlin");
    assert_eq!(repeated.due_at(), Ok(Some(time("2027-10-31T00:30:00Z"))));
    assert_eq!(schedule("rate(1 day)", "").due_at(), Ok(None));
}

#[test]
fn one_run_at_a_skipped_time_is_refused_with_a_time_that_exists() {
    let skipped = schedule("at(2027-03-28T02:30:00)", "Europe/Berlin");
    let message = "write at(2027-03-28T03:30:00) or another time that exists: the clocks of Europe/Berlin skip 2027-03-28T02:30:00";
    let error = FieldError { field: "spec.schedule".into(), message: message.into() };
    assert_eq!(skipped.due_at(), Err(error.clone()));
    assert_eq!((skipped.completes_at(), skipped.next_run(Timestamp::UNIX_EPOCH)), (None, None));
    let spec = ScheduledFunctionSpec {
        function: crate::api::FunctionRef { name: Some("f".into()), ..Default::default() },
        schedule: Some(skipped.expression.to_string()),
        time_zone: skipped.time_zone,
        ..ScheduledFunctionSpec::default()
    };
    assert_eq!(spec.check(), [error]);
}

/// AWS or the API server may know a newer time zone.
#[test]
fn an_unknown_time_zone_is_no_error_and_has_no_known_runs() {
    let now = time("2027-01-01T00:00:00Z");
    let daily = Schedule { start: Some(now), ..schedule("cron(0 18 * * ? *)", "Mars/Phobos") };
    assert_eq!((daily.next_run(now), daily.last_run(now)), (None, None));
    let once = schedule("at(2026-12-24T18:00:00)", "Mars/Phobos");
    assert_eq!((once.due_at(), once.completes_at(), once.is_over(now)), (Ok(None), None, false));
    let unknown = "The operator does not know this time zone.";
    assert_eq!(
        [daily.in_words(), once.in_words()],
        [
            format!("At 18:00 Mars/Phobos, from 1 January 2027 UTC. {unknown}"),
            format!("Once, on 24 December 2026 at 18:00 (Mars/Phobos). {unknown}")
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Compares the runs with all minutes of three days: each minute that the expression selects on the local clock,
    /// at its first occurrence.
    #[test]
    fn runs_are_the_local_minutes_of_the_expression(
        zone in prop::sample::select(&[
            "UTC", "Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia",
            "America/St_Johns", "Africa/Casablanca", "Antarctica/Troll", "Asia/Kathmandu",
        ][..]),
        change in any::<prop::sample::Index>(),
        minute in 0..60_i8, step in 1..60_i8, hour in 0..24_i8, last_hour in 0..24_i8,
    ) {
        let found = time_zone::find(zone).unwrap();
        let years = [2011, 2026, 2027].map(|year| date(year, 1, 1).to_zoned(found.clone()).unwrap().timestamp());
        let mut days = years.to_vec();
        for year in years {
            days.extend(found.following(year).take(2).map(|change| change.timestamp()));
        }
        let from = days[change.index(days.len())].checked_sub(SignedDuration::from_hours(36)).unwrap();
        let to = from.checked_add(SignedDuration::from_hours(72)).unwrap();
        let (hour, last_hour) = (hour.min(last_hour), hour.max(last_hour));
        let cron = schedule(&format!("cron({minute}/{step} {hour}-{last_hour} * * ? *)"), zone);

        let start_of_minute = Timestamp::from_second(from.as_second().div_euclid(60) * 60).unwrap();
        let minutes = std::iter::successors(Some(start_of_minute), |at| at.checked_add(SignedDuration::from_mins(1)).ok());
        let expected: Vec<Timestamp> = minutes
            .skip(1)
            .take_while(|at| *at <= to)
            .filter(|at| {
                let local = found.to_datetime(*at);
                local.minute() >= minute
                    && (local.minute() - minute) % step == 0
                    && (hour..=last_hour).contains(&local.hour())
                    && found.to_ambiguous_zoned(local).earlier().unwrap().timestamp() == *at
            })
            .collect();
        prop_assert_eq!(runs(&cron, from, to), expected);
    }
}
