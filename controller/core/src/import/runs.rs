//! The next runs of an old schedule, and the times between its runs for the hand-over.

use jiff::{SignedDuration, Timestamp};

use crate::api::Schedule;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The next runs of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// The schedule has further runs at known times.
    At {
        /// The next run.
        next: Timestamp,
        /// The run after the next run. `None` if one run is left.
        following: Option<Timestamp>,
        /// The times without a run, each with a minute to the runs before and after: before the next run, and between
        /// the next two runs. A time that is too short is left out.
        quiet: Vec<QuietTime>,
    },
    /// An interval with an unknown beginning.
    Interval,
    /// No run is left.
    Over,
}

/// A time without a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietTime {
    /// The beginning. `None` if the time has begun.
    pub from: Option<Timestamp>,
    /// The end.
    pub until: Timestamp,
}

impl Runs {
    /// The runs of a schedule after `now`.
    pub(super) fn after(schedule: &Schedule, now: Timestamp) -> Self {
        if schedule.expression.interval().is_some() && schedule.start.is_none() {
            return if schedule.is_over(now) { Self::Over } else { Self::Interval };
        }
        let Some(next) = schedule.next_run(now) else { return Self::Over };
        let following = schedule.next_run(next);
        // A run begins in the minute of its due time, or later in its window.
        let longest = SignedDuration::from_mins(schedule.window_minutes.unwrap_or_default().into()) + MINUTE;
        let last_end = schedule.last_run(now).map(|last| last + longest);
        let first = QuietTime { from: last_end.filter(|end| *end > now), until: next - MINUTE };
        let second =
            following.map(|following| QuietTime { from: Some(next + longest), until: following - MINUTE });
        let is_long = |quiet: &QuietTime| quiet.from.unwrap_or(now) < quiet.until;
        Self::At { next, following, quiet: [first].into_iter().chain(second).filter(is_long).collect() }
    }

    /// The runs and the quiet times in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let time = |time: &Timestamp| time.strftime("%a %F %R UTC").to_string();
        let (next, following, quiet) = match self {
            Self::Over => return vec!["no run is left".into()],
            Self::Interval => {
                let why = "the interval begins again, so one interval is shorter or longer";
                return vec![why.into()];
            }
            Self::At { next, following, quiet } => (next, following, quiet),
        };
        let runs = match following {
            None => format!("one run is left: {}", time(next)),
            Some(following) => format!("next runs: {}, {}", time(next), time(following)),
        };
        let words = |QuietTime { from, until }: &QuietTime| match from {
            None => format!("before {}", time(until)),
            Some(from) => format!("between {} and {}", time(from), time(until)),
        };
        let mut lines = vec![runs];
        let before = ["change over ", "or "].into_iter();
        lines.extend(before.zip(quiet).map(|(before, quiet)| format!("{before}{}", words(quiet))));
        if quiet.is_empty() {
            lines.push("the runs leave no quiet minute, so one run may be doubled or missed".into());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Expression;

    /// The lines at 17:00 on a Friday.
    fn runs(expression: &str, change: impl FnOnce(&mut Schedule)) -> Vec<String> {
        let expression: Expression = expression.parse().unwrap();
        let mut schedule =
            Schedule { expression, time_zone: None, start: None, end: None, window_minutes: None };
        change(&mut schedule);
        Runs::after(&schedule, "2026-11-27T17:00:00Z".parse().unwrap()).lines()
    }

    #[test]
    fn the_quiet_times_are_before_the_next_run_and_after_the_next_run() {
        assert_eq!(
            runs("cron(0 18 ? * MON-FRI *)", |_| {}),
            [
                "next runs: Fri 2026-11-27 18:00 UTC, Mon 2026-11-30 18:00 UTC",
                "change over before Fri 2026-11-27 17:59 UTC",
                "or between Fri 2026-11-27 18:01 UTC and Mon 2026-11-30 17:59 UTC"
            ]
        );
        // The run at 17:00 may still begin.
        assert_eq!(
            runs("cron(0 18 ? * MON-FRI *)", |schedule| {
                schedule.time_zone = Some("Europe/Berlin".into());
                schedule.window_minutes = Some(15);
            }),
            [
                "next runs: Mon 2026-11-30 17:00 UTC, Tue 2026-12-01 17:00 UTC",
                "change over between Fri 2026-11-27 17:16 UTC and Mon 2026-11-30 16:59 UTC",
                "or between Mon 2026-11-30 17:16 UTC and Tue 2026-12-01 16:59 UTC"
            ]
        );
        // The runs at 17:02 and 17:03 leave no time in between.
        let change_over = "change over before Fri 2026-11-27 17:01 UTC";
        assert_eq!(runs("cron(2,3 17 ? * * *)", |_| {})[1], change_over);
        assert_eq!(
            runs("cron(* * * * ? *)", |_| {}),
            [
                "next runs: Fri 2026-11-27 17:01 UTC, Fri 2026-11-27 17:02 UTC",
                "the runs leave no quiet minute, so one run may be doubled or missed"
            ]
        );
    }

    #[test]
    fn a_schedule_with_few_runs_or_an_interval_has_one_quiet_time_or_none() {
        let interval = ["the interval begins again, so one interval is shorter or longer"];
        assert_eq!(runs("rate(1 hour)", |_| {}), interval);
        let start = |schedule: &mut Schedule| schedule.start = "2026-11-27T16:30:00Z".parse().ok();
        assert_eq!(
            runs("rate(1 hour)", start),
            [
                "next runs: Fri 2026-11-27 17:30 UTC, Fri 2026-11-27 18:30 UTC",
                "change over before Fri 2026-11-27 17:29 UTC",
                "or between Fri 2026-11-27 17:31 UTC and Fri 2026-11-27 18:29 UTC"
            ]
        );
        assert_eq!(
            runs("at(2026-12-24T18:00:00)", |_| {}),
            ["one run is left: Thu 2026-12-24 18:00 UTC", "change over before Thu 2026-12-24 17:59 UTC"]
        );
        let end = |schedule: &mut Schedule| schedule.end = "2026-01-01T00:00:00Z".parse().ok();
        for expression in ["at(2020-12-24T18:00:00)", "cron(0 18 ? * * 2020)"] {
            assert_eq!(runs(expression, |_| {}), ["no run is left"]);
        }
        assert_eq!(runs("rate(1 hour)", end), ["no run is left"]);
    }
}
