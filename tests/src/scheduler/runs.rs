//! The runs of schedules: plans, deliveries and the end of schedules.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html>,
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html>

use jiff::{SignedDuration, Timestamp};

use super::{
    check::text,
    due::Timing,
    expression::Expression,
    payload::Context,
    settings::{PastTime, SchedulerSettings, WindowPosition},
    store::{Schedule, ScheduleKey, Scheduler},
};

/// The next run of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub due: Timestamp,
    /// The moment of the delivery, in the flexible time window.
    pub at: Timestamp,
}

/// A run to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub key: ScheduleKey,
    pub due: Timestamp,
    pub at: Timestamp,
    /// The ARN of the schedule.
    pub schedule: String,
    /// The ARN of the target.
    pub target: String,
    pub role: String,
    pub payload: String,
}

impl Plan {
    /// The first run of a schedule that was written at `timing.written`.
    pub fn first(timing: &Timing, window: SignedDuration, settings: &SchedulerSettings) -> Option<Self> {
        let due = timing.first()?;
        if due >= timing.written {
            return Some(Self::at(due, window, settings));
        }
        let runs = settings.past_time == PastTime::RunsAtOnce;
        runs.then_some(Self { due, at: timing.written })
    }

    fn at(due: Timestamp, window: SignedDuration, settings: &SchedulerSettings) -> Self {
        let moment = match settings.window {
            WindowPosition::Start => due,
            WindowPosition::End => due + window,
        };
        Self { due, at: moment + settings.run_delay }
    }

    fn after(self, schedule: &Schedule, settings: &SchedulerSettings) -> Option<Self> {
        Some(Self::at(schedule.timing.after(self.due)?, schedule.window(), settings))
    }
}

impl Timing {
    /// True for an `at()` whose time has passed.
    pub fn is_past(&self) -> bool {
        matches!(self.expression, Expression::At(_)) && self.first().is_some_and(|due| due < self.written)
    }
}

impl Scheduler {
    /// Moves the store to `now`: ends the deletion of groups, and returns the runs in the order of delivery. A complete
    /// schedule with `ActionAfterCompletion: DELETE` is removed after its last run. Disabled schedules are due without a
    /// run.
    pub fn run_until(&mut self, now: Timestamp) -> Vec<Run> {
        let mut runs = vec![];
        while let Some((at, key)) = self.next_delivery().filter(|(at, _)| *at <= now) {
            self.finish_deletions(at);
            let Some(mut schedule) = self.schedules.get(&key).cloned() else { continue };
            let plan = schedule.plans.remove(0);
            if schedule.plans.is_empty() {
                schedule.plans.extend(plan.after(&schedule, &self.settings));
            }
            if schedule.is_enabled() {
                let run = |execution| self.run(&key, &schedule, plan, execution);
                let copies = self.settings.deliveries as u64;
                runs.extend((1..=copies).map(|copy| run(self.executions + copy)));
                self.executions += copies;
            }
            let is_complete = schedule.plans.is_empty() && schedule.timing.is_finite();
            let is_deleted = text(&schedule.members, "ActionAfterCompletion") == "DELETE";
            if is_complete && is_deleted && schedule.is_enabled() {
                self.set(&key, None);
            } else {
                self.schedules.insert(key, schedule);
            }
        }
        self.finish_deletions(now);
        runs
    }

    fn next_delivery(&self) -> Option<(Timestamp, ScheduleKey)> {
        let planned =
            self.schedules.iter().filter_map(|(key, schedule)| Some((schedule.plans.first()?.at, key)));
        planned.min().map(|(at, key)| (at, key.clone()))
    }

    fn run(&self, key: &ScheduleKey, schedule: &Schedule, plan: Plan, execution: u64) -> Run {
        let (arn, target) = (key.arn(&self.account), &schedule.members["Target"]);
        // Ids of an odd factor differ in most digits.
        let execution = execution.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let context = Context {
            schedule_arn: &arn,
            account: &self.account,
            region: &key.region,
            due: plan.due,
            execution,
        };
        let payload = context.payload(target["Input"].as_str());
        let owned = |member: &str| text(target, member).to_owned();
        let (target, role) = (owned("Arn"), owned("RoleArn"));
        Run { key: key.clone(), due: plan.due, at: plan.at, schedule: arn, target, role, payload }
    }
}
