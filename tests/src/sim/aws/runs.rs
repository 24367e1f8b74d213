//! The runs of rules and of schedules.
//!
//! No timer runs. Before each read and each write of the state, all runs are made that were due since the last one. The
//! state does not change in between.

use std::mem::take;

use jiff::{SignedDuration, Timestamp};
use lambda_triggers_core::api::Backend;
use serde_json::Value;

use super::rules::Rule;
use super::state::AwsState;
use crate::aws_proxy::arn::FunctionRef;
use crate::aws_proxy::state::RuleKey;
use crate::scheduler::due::Timing;
use crate::sim::fault_injector::View;

/// A run that invoked a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The service.
    pub backend: Backend,
    /// The Region of the rule or the schedule.
    pub region: String,
    /// The name of the rule or the schedule.
    pub name: String,
    /// The due time.
    pub due: Timestamp,
    /// The moment of the run.
    pub at: Timestamp,
    /// The ARN of the function, version or alias.
    pub function: String,
}

/// The due times of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timer {
    timing: Timing,
    /// The due time of the next run.
    next: Option<Timestamp>,
}

impl Timer {
    /// The timer of a rule that is written at `now`. A rate begins at this time.
    pub fn new(expression: &str, now: Timestamp) -> Option<Self> {
        let timing = Timing::new(expression, "UTC", now)?;
        let next = timing.after(now);
        Some(Self { timing, next })
    }

    /// The next due time, if the run is `delay` later and not after `now`.
    fn pop(&mut self, delay: SignedDuration, now: Timestamp) -> Option<Timestamp> {
        let due = self.next.filter(|due| *due + delay <= now)?;
        self.next = self.timing.after(due);
        Some(due)
    }
}

impl AwsState {
    /// Makes all runs that are due.
    pub fn run_until_now(&mut self) {
        let now = self.now();
        let mut runs = self.runs_of_rules(now);
        runs.extend(self.runs_of_schedules(now));
        runs.sort_by_key(|run| run.at);
        self.runs.extend(runs);
    }

    fn runs_of_rules(&mut self, now: Timestamp) -> Vec<Run> {
        let mut rules = take(&mut self.rules);
        let mut runs = vec![];
        for (key, rule) in rules.age() {
            while let Some(due) = rule.timer.as_mut().and_then(|timer| timer.pop(self.rule_delay, now)) {
                runs.extend(self.runs_of_rule(key, rule, due));
            }
        }
        self.rules = rules;
        runs
    }

    /// A run for each function that the rule may invoke.
    fn runs_of_rule(&self, key: &RuleKey, rule: &Rule, due: Timestamp) -> Vec<Run> {
        let arn = key.arn(&self.account);
        let may_invoke = |target: &&str| {
            let policy = FunctionRef::from_arn(target).and_then(|function| self.policies.get(&function));
            policy.is_some_and(|policy| policy.permits("events.amazonaws.com", &arn, &self.account))
        };
        let targets = rule.targets.iter().filter(|_| rule.settings.enabled);
        let functions = targets.filter_map(|target: &Value| target["Arn"].as_str()).filter(may_invoke);
        let run = |function: &str| Run {
            backend: Backend::Rule,
            region: key.region.clone(),
            name: key.name.clone(),
            due,
            at: due + self.rule_delay,
            function: function.to_owned(),
        };
        functions.map(run).collect()
    }

    /// The runs of schedules whose role and function exist.
    fn runs_of_schedules(&mut self, now: Timestamp) -> Vec<Run> {
        let mut runs = self.scheduler.run_until(now);
        runs.retain(|run| {
            let function = FunctionRef::from_arn(&run.target);
            let exists = function.is_some_and(|function| self.exists(&function, View::Now));
            exists && self.scheduler_roles.contains(&run.role)
        });
        let run = |run: crate::scheduler::runs::Run| Run {
            backend: Backend::Scheduler,
            region: run.key.region,
            name: run.key.name,
            due: run.due,
            at: run.at,
            function: run.target,
        };
        runs.into_iter().map(run).collect()
    }
}
