//! Compares the grammar with croner, an independent implementation.

use croner::Cron as Croner;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use proptest::prelude::*;

use super::super::describe::croner;
use super::*;

fn parse(text: &str) -> Expression {
    text.parse().unwrap_or_else(|message| panic!("{text}: {message}"))
}

/// croner's schedule for the expression that EventBridge gets.
fn croner_of_aws(expression: &Expression) -> Option<Croner> {
    croner(&expression.as_cron()?.for_croner())
}

/// croner's schedule for the five fields of a CronJob.
fn croner_of_cronjob(fields: &str) -> Croner {
    let parser =
        CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).sloppy_ranges(true);
    parser.build().parse(fields).unwrap_or_else(|error| panic!("{fields}: {error}"))
}

/// The next 40 runs, at most, after 11:58 on 29 February 2028, a leap day.
fn next_runs(cron: &Croner) -> Vec<Zoned> {
    let mut at: Zoned = "2028-02-29T11:58:00[UTC]".parse().unwrap();
    let mut runs = Vec::new();
    while let (true, Ok(next)) = (runs.len() < 40, cron.find_next_occurrence(&at, false)) {
        runs.push(next.clone());
        at = next;
    }
    runs
}

fn assert_same_runs(crontab: &str) {
    let expression = parse(crontab);
    let ours = croner_of_aws(&expression).unwrap_or_else(|| panic!("croner refuses {expression}"));
    assert_eq!(next_runs(&ours), next_runs(&croner_of_cronjob(crontab)), "{crontab} became {expression}");
}

#[test]
fn all_spellings_of_sunday_are_equivalent() {
    for days in [
        "0", "7", "SUN", "sun", "5-7", "FRI-SUN", "0-1", "SUN-MON", "6,0", "*/3", "*/7", "1-5/2", "0-6",
        "0-7",
    ] {
        assert_same_runs(&format!("0 12 * * {days}"));
    }
}

/// croner continues to a seventh day. A CronJob has no seventh day
/// (<https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format>).
#[test]
fn a_step_through_the_week_ends_on_saturday() {
    assert_eq!(parse("0 12 * * 1/2").to_string(), "cron(0 12 ? * MON,WED,FRI *)");
    assert_eq!(parse("0 12 * * 1/6").to_string(), "cron(0 12 ? * MON *)");
}

#[test]
fn aws_schedules_run_at_the_documented_times() {
    for (schedule, runs) in [
        ("cron(0 12 ? * 1 *)", ["2028-03-05T12:00", "2028-03-12T12:00"]),
        ("cron(0 12 ? * L *)", ["2028-03-04T12:00", "2028-03-11T12:00"]),
        ("cron(0 12 ? * 6L *)", ["2028-03-31T12:00", "2028-04-28T12:00"]),
        ("cron(0 12 ? * 3#2 *)", ["2028-03-14T12:00", "2028-04-11T12:00"]),
        ("cron(0 12 L * ? *)", ["2028-02-29T12:00", "2028-03-31T12:00"]),
        ("cron(0 12 LW 4,9 ? *)", ["2028-04-28T12:00", "2028-09-29T12:00"]),
        ("cron(0 12 15W 4,10 ? *)", ["2028-04-14T12:00", "2028-10-16T12:00"]),
        ("cron(1/10 12 ? * * *)", ["2028-02-29T12:01", "2028-02-29T12:11"]),
        ("cron(0 20-2 ? * MON-FRI *)", ["2028-02-29T20:00", "2028-02-29T21:00"]),
        ("cron(0 20-2/3 ? * MON-FRI *)", ["2028-02-29T20:00", "2028-02-29T23:00"]),
        ("cron(0 12 ? * SAT-SUN *)", ["2028-03-04T12:00", "2028-03-05T12:00"]),
        ("cron(0 12 ? NOV-FEB FRI-MON *)", ["2028-11-03T12:00", "2028-11-04T12:00"]),
        ("cron(58-1 13 ? * * *)", ["2028-02-29T13:00", "2028-02-29T13:01"]),
        ("cron(0 12 31-1 * ? *)", ["2028-03-01T12:00", "2028-03-31T12:00"]),
        ("cron(0 0 1 1 ? 1971/2)", ["2029-01-01T00:00", "2031-01-01T00:00"]),
        ("cron(0 0 1 1 ? */2)", ["2030-01-01T00:00", "2032-01-01T00:00"]),
    ] {
        let found = next_runs(&croner_of_aws(&parse(schedule)).unwrap());
        let found: Vec<String> = found.iter().take(2).map(|run| run.strftime("%FT%R").to_string()).collect();
        assert_eq!(found, runs, "{schedule}");
    }
}

#[test]
fn five_fields_with_a_too_long_translation_are_refused() {
    let crontab = format!("{} 0 * * *", ["0-59/2"; 4].join(","));
    assert_eq!(crontab.parse::<Expression>(), Err(messages::EXPRESSION_TOO_LONG.to_owned()));
}

/// A list of items, each made from a number, a range or a step between `min` and `max`.
fn plain(min: u16, max: u16) -> impl Strategy<Value = String> {
    list(min, max, |a, b| format!("{}-{}", a.min(b), a.max(b)))
}

/// Like [`plain`], with ranges that may wrap around.
fn wrapping(min: u16, max: u16) -> impl Strategy<Value = String> {
    list(min, max, |a, b| format!("{a}-{b}"))
}

fn list(min: u16, max: u16, range: fn(u16, u16) -> String) -> impl Strategy<Value = String> {
    let step = 1..=(max - min).min(31);
    let item = (min..=max, min..=max, step, 0..5_u8).prop_map(move |(a, b, step, form)| match form {
        0 => format!("*/{step}"),
        1 => range(a, b),
        2 => format!("{}/{step}", range(a, b)),
        3 => format!("{a}/{step}"),
        _ => a.to_string(),
    });
    let list = prop::collection::vec(item, 1..3).prop_map(|items| items.join(","));
    prop_oneof![Just("*".to_owned()), list]
}

/// AWS's two day fields, in all forms.
fn days() -> impl Strategy<Value = (String, String)> {
    let special = |forms: &'static [&'static str]| prop::sample::select(forms).prop_map(str::to_owned);
    let of_the_month = prop_oneof![wrapping(1, 31), special(&["L", "LW", "3W", "31W"])];
    let of_the_week = special(&[
        "*", "L", "6L", "FRIL", "3#2", "1#5", "MON-FRI", "mon", "SUN,SAT", "2-6", "1,3-5,7", "sun-tue",
        "SAT-SUN", "6-2",
    ]);
    prop_oneof![
        of_the_month.prop_map(|day| (day, "?".to_owned())),
        of_the_week.prop_map(|day| ("?".to_owned(), day)),
    ]
}

/// The two day fields of a CronJob, with `*` in one field.
fn crontab_days() -> impl Strategy<Value = (String, String)> {
    let of_the_week = prop::sample::select(
        &["*", "0", "7", "1-5", "5-7", "0,3", "*/2", "2-6/2", "MON-FRI", "FRI-SUN", "sat,sun", "0-6", "1-7"]
            [..],
    );
    prop_oneof![
        plain(1, 28).prop_map(|day| (day, "*".to_owned())),
        of_the_week.prop_map(|day| ("*".to_owned(), day.to_owned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn accepted_schedules_round_trip_and_parse_in_croner(
        minutes in wrapping(0, 59), hours in wrapping(0, 23), days in days(), month in wrapping(1, 12), year in plain(1970, 2199),
    ) {
        let expression = parse(&format!("cron({minutes} {hours} {} {month} {} {year})", days.0, days.1));
        prop_assert_eq!(&parse(&expression.to_string()), &expression);
        prop_assert!(croner_of_aws(&expression).is_some(), "croner refuses {}", expression);
        prop_assert!(!expression.in_words().0.contains("cron("), "no words for {}", expression);
    }

    #[test]
    fn rates_round_trip(value in 1..=MAX_RATE, unit in prop::sample::select(&["minute", "hour", "day"][..])) {
        let expression = Expression::rate(value, unit);
        prop_assert_eq!(parse(&expression.to_string()), expression);
    }

    #[test]
    fn five_fields_run_at_the_times_of_a_cronjob(
        minutes in plain(0, 59), hours in plain(0, 23), days in crontab_days(), month in plain(1, 12),
    ) {
        assert_same_runs(&format!("{minutes} {hours} {} {month} {}", days.0, days.1));
    }

    #[test]
    fn the_parser_never_panics(text in "[ -~]{0,40}", fields in "([0-9*/,L#W?A-Z-]{1,4} ){4,6}") {
        for schedule in [&text, &fields, &format!("cron({fields})"), &format!("rate({text})")] {
            if let Ok(expression) = schedule.parse::<Expression>() {
                prop_assert_eq!(&parse(&expression.to_string()), &expression);
            }
        }
    }
}
