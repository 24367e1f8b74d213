//! A valid spec of a `ScheduledFunction`, and the settings of the operator.

use jiff::Timestamp;

use crate::api::{Backend, Schedule, ScheduledFunctionSpec, Tags};
use crate::ownership::Owner;
use crate::plan::function::{named_arn, region};
use crate::plan::{rule, schedule};
use crate::status::{Component, Failure, Reason};

/// A valid spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Valid {
    /// The spec.
    pub spec: ScheduledFunctionSpec,
    /// When the function runs.
    pub schedule: Schedule,
    /// The service that runs the function.
    pub backend: Backend,
    /// The Region of the rule or schedule, and of the function.
    pub region: String,
}

impl Valid {
    /// The parsed schedule of a checked spec. The defaults are those of the operator.
    ///
    /// # Errors
    ///
    /// The schedule cannot be parsed, or the operator cannot compute the time of a one-time schedule: the operator
    /// could not know when the schedule is over, and would create the schedule again after its run.
    pub fn new(
        spec: ScheduledFunctionSpec,
        default_region: &str,
        default_backend: Backend,
    ) -> Result<Self, Failure> {
        let backend = spec.backend(default_backend);
        let invalid = |message| Failure::new(Component::for_backend(backend), Reason::InvalidSpec, message);
        let schedule = spec.to_schedule().map_err(|error| invalid(error.to_string()))?;
        let due = schedule.due_at().map_err(|error| invalid(error.to_string()))?;
        if let (Some(_), None, Some(zone)) = (schedule.expression.one_time(), due, &schedule.time_zone) {
            return Err(invalid(format!(
                "spec.timeZone: the operator does not know the time zone {zone}, which at(...) needs: write UTC, \
                 or update the operator"
            )));
        }
        let region = region(spec.region.as_deref(), spec.function.arn.as_deref(), default_region);
        Ok(Self { spec, schedule, backend, region })
    }

    /// The failure of a schedule without a next run. A suspended schedule has no next run either, and the status reports the
    /// suspension.
    pub fn no_next_run(&self, now: Timestamp) -> Option<Failure> {
        match self.backend {
            _ if self.spec.suspend => None,
            Backend::Rule => rule::no_next_run(&self.schedule.expression, now),
            Backend::Scheduler => schedule::no_next_run(&self.schedule, now),
        }
    }

    /// Checks that the function is in the account of the rule or schedule. A read of the function could only be denied.
    ///
    /// # Errors
    ///
    /// The function is in another account.
    pub fn check_account(&self, account: &str) -> Result<(), Failure> {
        let function = named_arn(&self.spec.function, &self.region, account);
        let failure = match self.backend {
            Backend::Rule => rule::target_in_other_account(&function, account)
                .map(|message| Failure::new(Component::Rule, Reason::OtherAccount, message)),
            Backend::Scheduler => schedule::target_in_other_account(&function, account),
        };
        failure.map_or(Ok(()), Err)
    }
}

/// The settings of the operator that an intent depends on.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    /// The owner id and the cluster.
    pub owner: &'a Owner,
    /// The tags on each resource.
    pub default_tags: &'a Tags,
    /// The account ID of the credentials.
    pub account: &'a str,
}
