//! The intent of a `ScheduledFunction` with EventBridge Scheduler.

use jiff::Timestamp;

use super::valid::{Operator, Valid};
use crate::api::{Applied, AppliedFunction, AppliedSchedule, ScheduledFunctionSpec};
use crate::arn::FunctionArn;
use crate::ownership::Origin;
use crate::plan::permission::PermissionPlan;
use crate::plan::schedule::{DesiredSchedule, ObservedSchedule, plan_schedule, role_refused};
use crate::plan::trigger::TriggerPlan;
use crate::status::{Failure, Outcome};

/// The desired resources of an object with EventBridge Scheduler. Scheduler invokes the function with its role, so the
/// function's policy needs no statement.
#[derive(Clone, Debug)]
pub struct ScheduleIntent {
    /// The Region of the schedule.
    pub region: String,
    /// The function to invoke.
    pub function: FunctionArn,
    /// The desired schedule.
    pub schedule: DesiredSchedule,
    /// The spec.
    pub spec: ScheduledFunctionSpec,
    /// The account ID of the schedule.
    pub account: String,
    /// The functions that the operator deployed for the object.
    deployed: Vec<AppliedFunction>,
    no_next_run: Option<Failure>,
}

impl ScheduleIntent {
    /// The intent for a function that exists. `role_arn` is the role for EventBridge Scheduler.
    pub fn new(
        operator: Operator<'_>,
        origin: &Origin,
        valid: &Valid,
        function: FunctionArn,
        deployed: Vec<AppliedFunction>,
        role_arn: &str,
        now: Timestamp,
    ) -> Self {
        let Valid { spec, schedule: times, backend: _, region } = valid;
        let Operator { owner, default_tags: _, account } = operator;
        let place = (region.as_str(), account);
        let schedule =
            DesiredSchedule::from_spec(owner, origin, spec, times.clone(), &function, role_arn, place);
        Self {
            region: region.clone(),
            function,
            schedule,
            spec: spec.clone(),
            account: account.into(),
            deployed,
            no_next_run: valid.no_next_run(now),
        }
    }

    /// The failure if EventBridge Scheduler may not assume the role.
    pub fn role_refused(&self) -> Failure {
        let Self { region, account, schedule, .. } = self;
        role_refused(&schedule.settings.target.role_arn, region, account, &schedule.key.group)
    }

    /// The identity of the schedule in the status.
    pub fn identity(&self) -> AppliedSchedule {
        self.schedule.key.in_region(&self.region)
    }

    /// True if the status records the schedule.
    pub fn is_recorded(&self, applied: &Applied) -> bool {
        applied.schedules.contains(&self.identity())
    }

    /// The plan from the observed state. `recorded` contains the resources in the status. A rule of the object becomes
    /// obsolete, and the statement of the rule with it.
    pub fn plan(
        &self,
        recorded: &Applied,
        observed: Option<&ObservedSchedule>,
        now: Timestamp,
    ) -> TriggerPlan {
        let schedule = plan_schedule(&self.schedule, observed, now);
        // A schedule that was over from the start is not created, and is not recorded.
        let is_wanted = !schedule.is_over || observed.is_some() || self.is_recorded(recorded);
        let wanted = Applied {
            account: (is_wanted || !self.deployed.is_empty()).then(|| self.account.clone()),
            rules: vec![],
            schedules: is_wanted.then(|| self.identity()).into_iter().collect(),
            notifications: vec![],
            permissions: vec![],
            functions: self.deployed.clone(),
        };
        TriggerPlan {
            permission: PermissionPlan::InPlace,
            rule: None,
            schedule: Some(schedule),
            entries: None,
            obsolete: recorded.difference(&wanted),
            wanted,
        }
    }

    /// The outcome after `plan` was carried out. The message of a completed schedule says when the run was due: the
    /// operator cannot know if the function ran.
    pub fn outcome(&self, plan: &TriggerPlan, now: Timestamp) -> Outcome {
        if plan.schedule.as_ref().is_some_and(|schedule| schedule.is_over) {
            return Outcome::Completed { message: self.completed(!plan.wanted.schedules.is_empty()) };
        }
        let suspended = self.spec.suspend;
        let mut message = match suspended {
            true => "suspended: the schedule is in place and disabled".to_owned(),
            false => "the schedule is in place".to_owned(),
        };
        if let Some(start) = self.schedule.schedule.start.filter(|start| *start > now) {
            message += &format!("; it starts on {}", in_utc(start));
        }
        if !self.spec.tags.is_empty() {
            message += "; AWS has no tags on schedules";
        }
        Outcome::Applied { suspended, message }
    }

    fn completed(&self, was_made: bool) -> String {
        let times = &self.schedule.schedule;
        match (times.due_at().ok().flatten(), times.end) {
            (Some(due), _) if was_made => format!("the run was due on {}", in_utc(due)),
            (Some(due), _) => {
                format!("the run on {} was over when this resource was made; it did not run", in_utc(due))
            }
            (None, Some(end)) => format!("no run is left before the end date, {}", in_utc(end)),
            (None, None) => "no run is left".into(),
        }
    }

    /// Replaces the outcome of a schedule without a next run.
    ///
    /// # Errors
    ///
    /// AWS matches the spec, and the schedule has no next run.
    pub fn check_next_run(self, outcome: Outcome) -> Result<Outcome, Failure> {
        match (outcome, self.no_next_run) {
            (Outcome::Applied { .. }, Some(failure)) => Err(failure),
            (outcome, _) => Ok(outcome),
        }
    }
}

/// A time to the minute.
fn in_utc(time: Timestamp) -> String {
    format!("{} UTC", time.strftime("%F at %R"))
}
