//! The move of an object from a rule to a schedule of EventBridge Scheduler, or back.
//!
//! The operator makes the new resource, and then removes the old resource, so a crash between both misses no run. Both
//! can run for a moment, so the operator moves an object only in a quiet minute. The function's permission is removed
//! after the rule, and is added before the rule.

use jiff::{SignedDuration, Timestamp};

use super::rule::RuleSettings;
use super::schedule::{ObservedSchedule, ScheduleSettings};
use crate::api::{Backend, Schedule};

/// The time before a run in which the operator does not move an object.
const AHEAD: SignedDuration = SignedDuration::from_mins(2);
/// The time after a run in which AWS may still start the run: both services are precise to the minute
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>).
const BEHIND: SignedDuration = SignedDuration::from_mins(1);
/// The number of successive runs that a move waits for. Intervals of five minutes and more have a quiet minute after the
/// first run. Runs that follow each other without a quiet minute do not delay the move, and one run may come twice.
const MAX_RUNS: usize = 4;

/// The decision about a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Move the object now.
    Now,
    /// Wait for a run.
    Wait {
        /// The time to decide again.
        until: Timestamp,
        /// The message for the status.
        message: String,
    },
}

/// Decides if an object may move to `backend` at `now`. `old` and `new` are the schedules before and after the move.
/// An interval of a rule has unknown runs, and delays nothing.
pub fn switch(backend: Backend, old: &Schedule, new: &Schedule, now: Timestamp) -> Switch {
    let next =
        |time| [old, new].into_iter().filter_map(|schedule| busy(schedule, time)).max_by_key(|busy| busy.1);
    let runs = std::iter::successors(next(now), |(_, until)| next(*until));
    let runs: Vec<_> = runs.take(MAX_RUNS + 1).collect();
    let Some((run, until)) = runs.last().filter(|_| runs.len() <= MAX_RUNS) else { return Switch::Now };
    let to = match backend {
        Backend::Scheduler => "EventBridge Scheduler",
        Backend::Rule => "an EventBridge rule",
    };
    let message = format!("moves to {to} after the run at {} UTC", run.strftime("%R"));
    Switch::Wait { until: *until, message }
}

/// When a rule runs; `None` for a disabled rule, and for an expression that the operator cannot parse.
pub fn of_rule(rule: &RuleSettings) -> Option<Schedule> {
    let expression = rule.expression.parse().ok().filter(|_| rule.enabled)?;
    Some(Schedule { expression, time_zone: None, start: None, end: None, window_minutes: None })
}

/// When a schedule runs; `None` for a disabled schedule, and for an expression that the operator cannot parse.
pub fn of_schedule(observed: &ObservedSchedule) -> Option<Schedule> {
    let ScheduleSettings { expression, time_zone, end, window_minutes, enabled, .. } = &observed.settings;
    let expression = expression.parse().ok().filter(|_| *enabled)?;
    let time_zone = Some(time_zone.clone());
    Some(Schedule {
        expression,
        time_zone,
        start: observed.start,
        end: *end,
        window_minutes: *window_minutes,
    })
}

/// The run that is too near, and the time when the run is over. `None` in a quiet minute.
fn busy(schedule: &Schedule, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    if schedule.expression.interval().is_some() && schedule.start.is_none() {
        return None;
    }
    // AWS can start a run at each time of the flexible time window.
    let window = SignedDuration::from_mins(schedule.window_minutes.unwrap_or_default().into());
    let (last, next) = (schedule.last_run(now), schedule.next_run(now));
    let is_behind = |run: &Timestamp| now.duration_since(*run) < BEHIND + window;
    let is_ahead = |run: &Timestamp| run.duration_since(now) <= AHEAD;
    let run = last.filter(is_behind).or(next.filter(is_ahead))?;
    Some((run, run.checked_add(BEHIND + window).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RetryPolicy;
    use crate::plan::schedule::ScheduleTarget;

    fn schedule(expression: &str, window_minutes: Option<i32>, start: Option<&str>) -> Schedule {
        Schedule {
            expression: expression.parse().unwrap(),
            time_zone: None,
            start: start.map(|start| start.parse().unwrap()),
            end: None,
            window_minutes,
        }
    }

    #[test]
    fn only_an_enabled_rule_or_schedule_runs() {
        let rule =
            |enabled| RuleSettings { expression: "rate(1 hour)".into(), description: String::new(), enabled };
        assert_eq!(of_rule(&rule(true)), Some(schedule("rate(1 hour)", None, None)));
        assert_eq!(of_rule(&rule(false)), None);
        let start = "2026-11-02T00:00:00Z";
        let observed = |enabled| ObservedSchedule {
            settings: ScheduleSettings {
                expression: "rate(1 hour)".into(),
                time_zone: "Europe/Berlin".into(),
                end: Some(at("18:00:00")),
                window_minutes: Some(5),
                enabled,
                deletes_itself: false,
                description: String::new(),
                target: ScheduleTarget {
                    arn: String::new(),
                    role_arn: String::new(),
                    input: None,
                    retry_policy: RetryPolicy::default(),
                    dead_letter_queue_arn: None,
                },
            },
            start: start.parse().ok(),
            has_more: false,
        };
        let expected = Schedule {
            time_zone: Some("Europe/Berlin".into()),
            end: Some(at("18:00:00")),
            ..schedule("rate(1 hour)", Some(5), Some(start))
        };
        assert_eq!(of_schedule(&observed(true)), Some(expected));
        assert_eq!(of_schedule(&observed(false)), None);
    }

    /// A schedule at 18:00 each day.
    fn daily() -> Schedule {
        schedule("cron(0 18 * * ? *)", None, None)
    }

    fn at(time: &str) -> Timestamp {
        format!("2026-11-02T{time}Z").parse().unwrap()
    }

    fn decide(old: &Schedule, new: &Schedule, now: &str) -> Switch {
        switch(Backend::Scheduler, old, new, at(now))
    }

    fn wait(run: &str, until: &str) -> Switch {
        let message = format!("moves to EventBridge Scheduler after the run at {run} UTC");
        Switch::Wait { until: at(until), message }
    }

    #[test]
    fn a_move_waits_from_two_minutes_before_a_run_until_a_minute_after_it() {
        for (now, expected) in [
            ("17:57:59", Switch::Now),
            ("17:58:00", wait("18:00", "18:01:00")),
            ("18:00:00", wait("18:00", "18:01:00")),
            ("18:00:59", wait("18:00", "18:01:00")),
            ("18:01:00", Switch::Now),
        ] {
            assert_eq!(decide(&daily(), &daily(), now), expected, "{now}");
        }
    }

    #[test]
    fn the_runs_before_and_after_the_move_both_delay_it() {
        let later = schedule("cron(1 18 * * ? *)", None, None);
        for (old, new) in [(daily(), later.clone()), (later, daily())] {
            assert_eq!(decide(&old, &new, "17:59:30"), wait("18:01", "18:02:00"));
            assert_eq!(decide(&old, &new, "18:02:00"), Switch::Now);
        }
    }

    #[test]
    fn runs_without_a_quiet_minute_do_not_delay_a_move() {
        for expression in ["cron(*/3 * * * ? *)", "cron(* * * * ? *)"] {
            let dense = schedule(expression, None, None);
            assert_eq!(decide(&dense, &dense, "18:00:00"), Switch::Now, "{expression}");
        }
        let (old, new) =
            (schedule("cron(*/5 * * * ? *)", None, None), schedule("cron(2/5 * * * ? *)", None, None));
        assert_eq!(decide(&old, &new, "18:00:00"), Switch::Now);
        let flexible = schedule("cron(*/5 * * * ? *)", Some(5), None);
        assert_eq!(decide(&flexible, &flexible, "18:00:00"), Switch::Now);
    }

    #[test]
    fn a_schedule_of_five_minutes_has_a_quiet_minute_after_each_run() {
        let five = schedule("cron(*/5 * * * ? *)", None, None);
        assert_eq!(decide(&five, &five, "18:03:30"), wait("18:05", "18:06:00"));
        assert_eq!(decide(&five, &five, "18:01:00"), Switch::Now);
    }

    #[test]
    fn an_interval_delays_a_move_only_if_its_beginning_is_known() {
        let unknown = schedule("rate(1 hour)", None, None);
        assert_eq!(decide(&unknown, &unknown, "18:00:00"), Switch::Now);
        let known = schedule("rate(1 hour)", None, Some("2026-11-01T00:30:00Z"));
        assert_eq!(decide(&unknown, &known, "18:28:30"), wait("18:30", "18:31:00"));
        assert_eq!(decide(&unknown, &known, "18:00:00"), Switch::Now);
    }

    #[test]
    fn a_run_in_its_flexible_time_window_delays_a_move() {
        let flexible = schedule("cron(0 18 * * ? *)", Some(15), None);
        assert_eq!(decide(&flexible, &daily(), "18:10:00"), wait("18:00", "18:16:00"));
        assert_eq!(decide(&flexible, &daily(), "18:16:00"), Switch::Now);
    }

    #[test]
    fn the_message_names_the_new_service() {
        let back = switch(Backend::Rule, &daily(), &daily(), at("17:59:00"));
        let message = "moves to an EventBridge rule after the run at 18:00 UTC".into();
        assert_eq!(back, Switch::Wait { until: at("18:01:00"), message });
    }
}
