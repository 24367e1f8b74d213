//! `lambda-triggers explain schedule`.

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use lambda_triggers_core::api::{Backend, parse_time_zone};
use lambda_triggers_core::explain::{NextRuns, Run, ScheduleExplanation, ScheduleQuestion, explain_schedule};

use super::table::add;
use crate::cli::output::{Format, json, print};
use crate::cli::values;
use crate::operator::StartError;

const EXAMPLES: &str = "\
Examples:
  # Explain the five fields of a CronJob, with the runs also in a time zone
  lambda-triggers explain schedule '0 18 * * MON-FRI' --show-zone Europe/Berlin

  # Explain a schedule with spec.timeZone, which EventBridge Scheduler runs
  lambda-triggers explain schedule '30 2 * * *' --zone Europe/Berlin

  # List the next twelve runs after a date
  lambda-triggers explain schedule 'cron(0 18 L * ? *)' --count 12 --from 2027-01-01T00:00:00Z

  # Explain one run, as JSON
  lambda-triggers explain schedule 'at(2199-12-24T18:00:00)' --output json";

/// The flags of `explain schedule`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ScheduleArgs {
    /// The text of spec.schedule: rate(...), cron(...), at(...), five fields, or a macro such as @daily.
    expression: String,
    /// The time zone of spec.timeZone, by its IANA name (default: no time zone, which means UTC).
    #[arg(long, value_parser = parse_time_zone)]
    zone: Option<TimeZone>,
    /// List the runs also in this time zone (default: the time zone of --zone).
    #[arg(long, value_name = "ZONE", value_parser = parse_time_zone)]
    show_zone: Option<TimeZone>,
    /// Number of runs to list.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// List the runs after this time, such as 2027-01-01T00:00:00Z (default: now).
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    from: Option<Timestamp>,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints the explanation. Returns true if a run is left.
pub fn run(args: &ScheduleArgs) -> Result<bool, StartError> {
    let from = args.from.unwrap_or_else(Timestamp::now);
    let explanation = explain_schedule(&ScheduleQuestion {
        schedule: &args.expression,
        zone: args.zone.as_ref(),
        shown_zone: args.show_zone.as_ref(),
        from,
        count: args.count.into(),
    })
    .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    print(&match args.output {
        Format::Text => text(&explanation, from),
        Format::Json => json("ScheduleExplanation", &explanation)?,
    })?;
    Ok(explanation.next_runs != NextRuns::Never)
}

fn text(explanation: &ScheduleExplanation, from: Timestamp) -> String {
    let ScheduleExplanation { expression, backend, time_zone, words, next_runs, notes } = explanation;
    let mut text = String::new();
    add(&mut text, "service", service(*backend, time_zone));
    add(&mut text, "in AWS", expression);
    add(&mut text, "in words", words);
    let runs = match next_runs {
        NextRuns::Known(runs) => table(runs),
        NextRuns::Unknown => "unknown".into(),
        NextRuns::Never => {
            format!("none: the schedule has no run after {}", minutes(&from.to_zoned(TimeZone::UTC)) + " UTC")
        }
    };
    add(&mut text, "next runs", runs);
    for note in notes {
        add(&mut text, "note", note);
    }
    text
}

fn service(backend: Backend, time_zone: &str) -> String {
    match backend {
        Backend::Rule => {
            "a rule of EventBridge, unless spec.backend or the operator's --default-backend chooses \
                          EventBridge Scheduler"
                .into()
        }
        Backend::Scheduler => format!("EventBridge Scheduler, with times in {time_zone}"),
    }
}

/// A row for each run, with a second column for local times.
fn table(runs: &[Run]) -> String {
    let row = |run: &Run| {
        let utc = minutes(&run.utc.to_zoned(TimeZone::UTC));
        match &run.local {
            Some(local) => format!("{utc}   {}", minutes(local) + &local.strftime(" %Z").to_string()),
            None => utc,
        }
    };
    let zone = runs.first().and_then(|run| run.local.as_ref()?.time_zone().iana_name());
    let head = match zone {
        Some(zone) => format!("{:20}   {zone}", "UTC"),
        None => "UTC".into(),
    };
    let rows: Vec<String> = std::iter::once(head).chain(runs.iter().map(row)).collect();
    rows.join("\n")
}

/// A time such as `Fri 2026-11-27 18:00`. Only `at(...)` can have seconds.
fn minutes(time: &Zoned) -> String {
    let format = if time.second() == 0 { "%a %F %R" } else { "%a %F %T" };
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(expression: &str, [zone, show_zone]: [&str; 2], from: &str) -> String {
        let [zone, show_zone] = [zone, show_zone].map(|name| parse_time_zone(name).ok());
        let from = from.parse().unwrap();
        let question = ScheduleQuestion {
            schedule: expression,
            zone: zone.as_ref(),
            shown_zone: show_zone.as_ref(),
            from,
            count: 3,
        };
        anstream::adapter::strip_str(&text(&explain_schedule(&question).unwrap(), from)).to_string()
    }

    #[test]
    fn a_rule_is_shown_in_utc_and_in_a_zone() {
        assert_eq!(
            explained("0 18 * * MON-FRI", ["", "Europe/Berlin"], "2026-11-27T16:00:00Z"),
            "\
service     a rule of EventBridge, unless spec.backend or the operator's --default-backend chooses EventBridge Scheduler
in AWS      cron(0 18 ? * MON-FRI *)
in words    At 18:00 UTC, on Monday to Friday.
next runs   UTC                    Europe/Berlin
            Fri 2026-11-27 18:00   Fri 2026-11-27 19:00 CET
            Mon 2026-11-30 18:00   Mon 2026-11-30 19:00 CET
            Tue 2026-12-01 18:00   Tue 2026-12-01 19:00 CET
note        From 2027-03-28 on, 18:00 UTC is 20:00 in Europe/Berlin, no longer 19:00: the schedule is in UTC. \
spec.timeZone keeps the local time.
"
        );
    }

    #[test]
    fn a_schedule_with_a_zone_is_one_of_scheduler() {
        assert_eq!(
            explained("30 2 * * *", ["Europe/Berlin", ""], "2027-03-27T00:00:00Z"),
            "\
service     EventBridge Scheduler, with times in Europe/Berlin
in AWS      cron(30 2 * * ? *)
in words    At 02:30 Europe/Berlin.
next runs   UTC                    Europe/Berlin
            Sat 2027-03-27 01:30   Sat 2027-03-27 02:30 CET
            Mon 2027-03-29 00:30   Mon 2027-03-29 02:30 CEST
            Tue 2027-03-30 00:30   Tue 2027-03-30 02:30 CEST
note        On 2027-03-28, the clocks of Europe/Berlin skip 02:00 to 03:00: AWS leaves out the runs of that time.
note        On 2027-10-31, 02:00 to 03:00 occurs twice in Europe/Berlin: AWS runs the function only at the first.
"
        );
    }

    #[test]
    fn an_interval_and_a_past_schedule_have_no_runs_to_list() {
        assert_eq!(
            explained("rate(15 minutes)", ["", ""], "2027-03-27T00:00:00Z"),
            "\
service     a rule of EventBridge, unless spec.backend or the operator's --default-backend chooses EventBridge Scheduler
in AWS      rate(15 minutes)
in words    Every 15 minutes.
next runs   unknown
note        The first run is one interval after AWS creates the rule or changes its interval, and AWS does not tell \
that time. spec.startDate sets the beginning, and selects EventBridge Scheduler.
"
        );
        assert_eq!(
            explained("at(2026-12-24T18:00:30)", ["", ""], "2027-03-27T00:00:00Z"),
            "\
service     EventBridge Scheduler, with times in UTC
in AWS      at(2026-12-24T18:00:30)
in words    Once, on 24 December 2026 at 18:00 (UTC).
next runs   none: the schedule has no run after Sat 2027-03-27 00:00 UTC
"
        );
        assert!(
            explained("at(2026-12-24T18:00:30)", ["", ""], "2026-01-01T00:00:00Z")
                .ends_with("next runs   UTC\n            Thu 2026-12-24 18:00:30\n")
        );
    }
}
