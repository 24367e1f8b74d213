//! The next runs of an old schedule, and the time between two runs for the hand-over.

use std::fmt;

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
        /// Minutes after each time within which the run may begin.
        window_minutes: i32,
    },
    /// An interval with an unknown beginning.
    Interval,
    /// No run is left.
    Over,
}

impl Runs {
    /// The runs of a schedule after `now`.
    pub(super) fn after(schedule: &Schedule, now: Timestamp) -> Self {
        if schedule.expression.interval().is_some() && schedule.start.is_none() {
            return if schedule.is_over(now) { Self::Over } else { Self::Interval };
        }
        let window_minutes = schedule.window_minutes.unwrap_or_default();
        match schedule.next_run(now) {
            Some(next) => Self::At { next, following: schedule.next_run(next), window_minutes },
            None => Self::Over,
        }
    }

    /// The time between the next two runs, with a minute to both. `None` if the runs leave no such time.
    pub fn quiet_time(&self) -> Option<(Timestamp, Timestamp)> {
        let Self::At { next, following: Some(following), window_minutes } = self else { return None };
        let begin = *next + SignedDuration::from_mins((*window_minutes).into()) + MINUTE;
        let end = *following - MINUTE;
        (begin < end).then_some((begin, end))
    }
}

/// The runs and the quiet time in words.
impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Timestamp| time.strftime("%a %F %R UTC").to_string();
        match self {
            Self::Over => f.write_str("no run is left"),
            Self::Interval => f.write_str(
                "the interval begins again when the new resource is enabled, so one interval is shorter or longer",
            ),
            Self::At { next, following: None, .. } => {
                write!(f, "one run is left, at {}; change over before it", time(*next))
            }
            Self::At { next, following: Some(following), .. } => {
                write!(f, "next runs {} and {}; ", time(*next), time(*following))?;
                match self.quiet_time() {
                    Some((begin, end)) => write!(f, "change over between {} and {}", time(begin), time(end)),
                    None => f.write_str("the runs leave no quiet minute, so one run may be doubled or missed"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Expression;

    fn runs(expression: &str, change: impl FnOnce(&mut Schedule)) -> String {
        let expression: Expression = expression.parse().unwrap();
        let mut schedule =
            Schedule { expression, time_zone: None, start: None, end: None, window_minutes: None };
        change(&mut schedule);
        Runs::after(&schedule, "2026-11-27T17:00:00Z".parse().unwrap()).to_string()
    }

    #[test]
    fn the_quiet_time_is_between_two_runs() {
        assert_eq!(
            runs("cron(0 18 ? * MON-FRI *)", |_| {}),
            "next runs Fri 2026-11-27 18:00 UTC and Mon 2026-11-30 18:00 UTC; change over between Fri 2026-11-27 \
             18:01 UTC and Mon 2026-11-30 17:59 UTC"
        );
        assert_eq!(
            runs("cron(0 18 ? * MON-FRI *)", |schedule| {
                schedule.time_zone = Some("Europe/Berlin".into());
                schedule.window_minutes = Some(15);
            }),
            "next runs Mon 2026-11-30 17:00 UTC and Tue 2026-12-01 17:00 UTC; change over between Mon 2026-11-30 \
             17:16 UTC and Tue 2026-12-01 16:59 UTC"
        );
        assert_eq!(
            runs("cron(* * * * ? *)", |_| {}),
            "next runs Fri 2026-11-27 17:01 UTC and Fri 2026-11-27 17:02 UTC; the runs leave no quiet minute, so \
             one run may be doubled or missed"
        );
    }

    #[test]
    fn a_schedule_with_few_runs_or_an_interval_has_no_quiet_time() {
        let interval = "the interval begins again when the new resource is enabled, so one interval is shorter or longer";
        assert_eq!(runs("rate(1 hour)", |_| {}), interval);
        let start = |schedule: &mut Schedule| schedule.start = "2026-11-27T16:30:00Z".parse().ok();
        assert_eq!(
            runs("rate(1 hour)", start),
            "next runs Fri 2026-11-27 17:30 UTC and Fri 2026-11-27 18:30 UTC; change over between Fri 2026-11-27 \
             17:31 UTC and Fri 2026-11-27 18:29 UTC"
        );
        assert_eq!(
            runs("at(2026-12-24T18:00:00)", |_| {}),
            "one run is left, at Thu 2026-12-24 18:00 UTC; change over before it"
        );
        let end = |schedule: &mut Schedule| schedule.end = "2026-01-01T00:00:00Z".parse().ok();
        for expression in ["at(2020-12-24T18:00:00)", "cron(0 18 ? * * 2020)"] {
            assert_eq!(runs(expression, |_| {}), "no run is left");
        }
        assert_eq!(runs("rate(1 hour)", end), "no run is left");
    }
}
